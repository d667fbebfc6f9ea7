// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tessera {
namespace {

constexpr std::size_t kLongestCompared = 200;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view name,
                                       std::span<const std::string> candidates, std::size_t count) {
  std::vector<std::pair<std::size_t, const std::string*>> ranked;
  ranked.reserve(candidates.size());
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name.substr(0, kLongestCompared),
                                        std::string_view(candidate).substr(0, kLongestCompared));
    ranked.emplace_back(distance, &candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (const auto& [distance, candidate] : ranked) {
    if (nearest.size() == count) {
      break;
    }
    nearest.push_back(*candidate);
  }
  return nearest;
}

Status check_key(std::string_view key, std::span<const std::string_view> known,
                 std::string_view what) {
  if (std::find(known.begin(), known.end(), key) != known.end()) {
    return {};
  }
  const std::vector<std::string> names(known.begin(), known.end());
  return fail(ErrorCode::kInvalidArgument, "{} has an unknown key '{}'", what, key)
      .hint("did you mean '{}'? known keys: {}", nearest_names(key, names, 1).front(),
            fmt::join(known, ", "));
}

}  // namespace tessera
