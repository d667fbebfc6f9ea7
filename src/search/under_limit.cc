// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "tessera/core/random.h"
#include "tessera/search/search.h"

namespace tessera::search {
namespace {

/// What is saved per use; endless where nothing is used.
double per_use(double saved, double use) {
  return use > 0 ? saved / use : std::numeric_limits<double>::infinity();
}

class LimitedSearch {
 public:
  LimitedSearch(Landscape& landscape, const Options& options)
      : landscape_(landscape), nothing_(landscape.here()) {
    const double empty = landscape.cost_after({});
    for (std::size_t place = 0; place < options.size(); ++place) {
      for (const auto option : options[place]) {
        const Change change{place, option};
        const double saved = empty - landscape.cost_after({&change, 1});
        // What saves nothing stays out.
        if (saved > 0) {
          candidates_.push_back({change, saved});
        }
      }
    }
    even_.assign(candidates_.size(), 1);
    neighbourhoods_ = {{Neighbourhood::Take::kBest,
                        [this](const auto& here, const auto& visit) { enter_one(here, visit); }},
                       {Neighbourhood::Take::kBest,
                        [this](const auto& here, const auto& visit) { swap_one(here, visit); }},
                       {Neighbourhood::Take::kEach,
                        [this](const auto& here, const auto& visit) { two_leave(here, visit); }},
                       {Neighbourhood::Take::kEach,
                        [this](const auto& here, const auto& visit) { two_enter(here, visit); }}};
  }

  Choices greedy();
  Choices exchange(const Choices& start, std::uint64_t seed, int restarts);

 private:
  struct Candidate {
    Change change;
    double saved = 0;  ///< alone
  };

  [[nodiscard]] double cost_of(const Choices& choices) {
    go_to(choices);
    return landscape_.cost_after({});
  }
  void go_to(const Choices& choices);
  /// `liking` multiplies the worth of each candidate.
  void enter_greedily(const std::vector<double>& liking);
  void leave_greedily();
  void disturb(Random& random);
  void climb_from_here();

  [[nodiscard]] static bool is_in(const Choices& here, const Change& change) {
    return here[change.place] == change.option;
  }
  [[nodiscard]] static Change out(const Change& change) { return {change.place, 0}; }

  void enter_one(const Choices& here, const Visit& visit) const;
  void swap_one(const Choices& here, const Visit& visit) const;
  void two_leave(const Choices& here, const Visit& visit) const;
  void two_enter(const Choices& here, const Visit& visit) const;

  Landscape& landscape_;
  Choices nothing_;
  std::vector<Candidate> candidates_;
  std::vector<double> even_;
  std::vector<Neighbourhood> neighbourhoods_;
};

void LimitedSearch::go_to(const Choices& choices) {
  std::vector<Change> changes;
  for (std::size_t place = 0; place < choices.size(); ++place) {
    if (landscape_.here()[place] != choices[place]) {
      changes.push_back({place, choices[place]});
    }
  }
  landscape_.make(changes);
}

void LimitedSearch::enter_greedily(const std::vector<double>& liking) {
  for (;;) {
    std::optional<Change> best;
    double most = -1;
    const double cost = landscape_.cost_after({});
    const double use = landscape_.use_after({});
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const auto& change = candidates_[i].change;
      const std::span<const Change> move(&change, 1);
      if (landscape_.here()[change.place] == 0 && landscape_.fits_after(move)) {
        const double worth = liking[i] * per_use(cost - landscape_.cost_after(move),
                                                 landscape_.use_after(move) - use);
        if (worth > most) {
          most = worth;
          best = change;
        }
      }
    }
    if (!best) {
      return;
    }
    landscape_.make({&*best, 1});
  }
}

void LimitedSearch::leave_greedily() {
  while (!landscape_.fits_after({})) {
    std::optional<Change> worst;
    double least = std::numeric_limits<double>::infinity();
    const double cost = landscape_.cost_after({});
    const double use = landscape_.use_after({});
    for (const auto& candidate : candidates_) {
      if (is_in(landscape_.here(), candidate.change)) {
        const auto change = out(candidate.change);
        const std::span<const Change> move(&change, 1);
        const double worth =
            per_use(landscape_.cost_after(move) - cost, use - landscape_.use_after(move));
        if (!worst || worth < least) {
          least = worth;
          worst = change;
        }
      }
    }
    if (!worst) {
      return go_to(nothing_);
    }
    landscape_.make({&*worst, 1});
  }
}

Choices LimitedSearch::greedy() {
  enter_greedily(even_);
  const auto one = landscape_.here();
  const double cost = landscape_.cost_after({});
  // Everything, each place in the option that saves most; what fits in again after others have
  // left.
  auto full = nothing_;
  std::vector<double> most(full.size(), 0);
  for (const auto& candidate : candidates_) {
    const auto place = candidate.change.place;
    if (candidate.saved > most[place]) {
      most[place] = candidate.saved;
      full[place] = candidate.change.option;
    }
  }
  go_to(full);
  leave_greedily();
  enter_greedily(even_);
  return landscape_.cost_after({}) < cost ? landscape_.here() : one;
}

void LimitedSearch::enter_one(const Choices& here, const Visit& visit) const {
  for (const auto& candidate : candidates_) {
    if (here[candidate.change.place] == 0) {
      visit({&candidate.change, 1});
    }
  }
}

/// Also one option of a place for another.
void LimitedSearch::swap_one(const Choices& here, const Visit& visit) const {
  for (const auto& leaves : candidates_) {
    if (!is_in(here, leaves.change)) {
      continue;
    }
    for (const auto& enters : candidates_) {
      if (enters.change.place == leaves.change.place) {
        if (!is_in(here, enters.change)) {
          visit({&enters.change, 1});
        }
      } else if (here[enters.change.place] == 0) {
        visit(std::array{out(leaves.change), enters.change});
      }
    }
  }
}

/// For one that enters, perhaps in the place of one of them.
void LimitedSearch::two_leave(const Choices& here, const Visit& visit) const {
  for (const auto& [enters, saved] : candidates_) {
    for (std::size_t a = 0; a < candidates_.size(); ++a) {
      const auto& first = candidates_[a].change;
      if (!is_in(here, first) || is_in(here, enters)) {
        continue;
      }
      for (std::size_t b = a + 1; b < candidates_.size(); ++b) {
        const auto& second = candidates_[b].change;
        if (!is_in(here, second) || !is_in(here, first) || is_in(here, enters)) {
          continue;
        }
        if (enters.place == first.place) {
          visit(std::array{enters, out(second)});
        } else if (enters.place == second.place) {
          visit(std::array{enters, out(first)});
        } else if (here[enters.place] == 0) {
          visit(std::array{out(first), out(second), enters});
        }
      }
    }
  }
}

/// For one that leaves, perhaps one of them in its place.
void LimitedSearch::two_enter(const Choices& here, const Visit& visit) const {
  const auto may = [&](const Change& enters, const Change& leaves) {
    return here[enters.place] == 0 || (enters.place == leaves.place && !is_in(here, enters));
  };
  for (const auto& [leaves, saved] : candidates_) {
    for (std::size_t a = 0; a < candidates_.size(); ++a) {
      const auto& first = candidates_[a].change;
      if (!is_in(here, leaves) || !may(first, leaves)) {
        continue;
      }
      for (std::size_t b = a + 1; b < candidates_.size(); ++b) {
        const auto& second = candidates_[b].change;
        if (second.place == first.place || !is_in(here, leaves) || !may(first, leaves) ||
            !may(second, leaves)) {
          continue;
        }
        if (first.place == leaves.place || second.place == leaves.place) {
          visit(std::array{first, second});
        } else {
          visit(std::array{out(leaves), first, second});
        }
      }
    }
  }
}

void LimitedSearch::climb_from_here() {
  // Every step saves, so this ends; the limit is for savings that differ by rounding only.
  constexpr int kMostSteps = 400;
  climb(landscape_, neighbourhoods_, 0, kMostSteps);
}

/// Takes some out, or puts them in.
void LimitedSearch::disturb(Random& random) {
  const auto flips = 2 + random.below(3);
  for (std::uint64_t flip = 0; flip < flips; ++flip) {
    auto change = candidates_[random.below(candidates_.size())].change;
    change = is_in(landscape_.here(), change) ? out(change) : change;
    landscape_.make({&change, 1});
  }
}

Choices LimitedSearch::exchange(const Choices& start, std::uint64_t seed, int restarts) {
  go_to(start);
  climb_from_here();
  auto best = landscape_.here();
  double least = landscape_.cost_after({});
  Random random(seed);
  auto liking = even_;
  for (int i = 0; i < restarts && !candidates_.empty(); ++i) {
    // Near the best in one turn, anywhere in the next.
    if (i % 2 == 0) {
      go_to(best);
      disturb(random);
    } else {
      go_to(nothing_);
    }
    for (double& value : liking) {
      value = std::exp(random.normal());
    }
    leave_greedily();
    enter_greedily(liking);
    climb_from_here();
    if (landscape_.cost_after({}) < least && landscape_.fits_after({})) {
      best = landscape_.here();
      least = landscape_.cost_after({});
    }
  }
  return best;
}

}  // namespace

Found under_limit(Landscape& landscape, const Options& options, std::uint64_t seed, int restarts) {
  LimitedSearch search(landscape, options);
  Found found;
  found.greedy = search.greedy();
  found.exchange = search.exchange(found.greedy, seed, restarts);
  return found;
}

}  // namespace tessera::search
