// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tessera/search/search.h"

namespace tessera::search {
namespace {

bool take_each(Landscape& landscape, const Neighbourhood& neighbourhood, double worth) {
  bool any = false;
  double cost = landscape.cost_after({});
  neighbourhood.moves(landscape.here(), [&](std::span<const Change> changes) {
    const double after = landscape.cost_after(changes);
    if (!(after < cost - worth) || !landscape.fits_after(changes)) {
      return false;
    }
    landscape.make(changes);
    cost = after;
    any = true;
    return true;
  });
  return any;
}

bool take_best(Landscape& landscape, const Neighbourhood& neighbourhood, double worth) {
  std::vector<Change> best;
  double least = landscape.cost_after({}) - worth;
  neighbourhood.moves(landscape.here(), [&](std::span<const Change> changes) {
    const double after = landscape.cost_after(changes);
    if (after < least && landscape.fits_after(changes)) {
      least = after;
      best.assign(changes.begin(), changes.end());
    }
    return false;
  });
  landscape.make(best);
  return !best.empty();
}

}  // namespace

void climb(Landscape& landscape, std::span<const Neighbourhood> neighbourhoods, double worth,
           int most) {
  const auto improve = [&] {
    for (const auto& neighbourhood : neighbourhoods) {
      const bool better = neighbourhood.take == Neighbourhood::Take::kEach
                              ? take_each(landscape, neighbourhood, worth)
                              : take_best(landscape, neighbourhood, worth);
      if (better) {
        return true;
      }
    }
    return false;
  };
  for (int round = 0; round < most && improve(); ++round) {
  }
}

}  // namespace tessera::search
