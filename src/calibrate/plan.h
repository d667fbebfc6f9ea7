// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"

namespace tessera::calibrate {

/// Where the values of a tensor are seen.
enum class Place : std::uint8_t {
  kInput,   ///< in the sample, before the run
  kTap,     ///< inside the run
  kOutput,  ///< among the outputs, after the run
};

struct Measured {
  std::string tensor;
  Place place = Place::kTap;
  bool channels = false;  ///< a convolution makes or reads it
};

/// A tensor whose values are those of measured ones taken together (indices, one or more).
struct Derived {
  std::string tensor;
  std::vector<std::size_t> sources;
};

/// What to look at so as to know the range of every floating activation.
struct Plan {
  std::vector<Measured> measured;
  std::vector<Derived> derived;
};

/// `constants`: those that operators make are looked at, too.
[[nodiscard]] Plan make_plan(const graph::Graph& graph, bool constants);

/// The tensors that are seen by taps, in the order of their tags.
[[nodiscard]] std::vector<std::string> taps_of(const Plan& plan);

/// What was to be seen by taps is among the outputs instead. None if an extent of it is not known,
/// if it is a single number without extents, or if all of it takes more than `limit_bytes`:
/// outputs lie in memory all at once.
[[nodiscard]] std::optional<Plan> through_outputs(Plan plan, const graph::Graph& graph,
                                                  std::int64_t limit_bytes);

}  // namespace tessera::calibrate
