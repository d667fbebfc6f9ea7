// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "tessera/placement/instance.h"
#include "tessera/plan/problem.h"

namespace tessera::placement {

/// A machine and a precision to ask for, by unit.
struct Wish {
  std::size_t machine = 0;
  std::uint8_t asked = 0;
  bool int8_wire = false;  ///< if there is such a place
};

/// The assignment in which every unit is where it is wished to be, its layout and what merely
/// follows its neighbours as the models have them. None if an instance has no such place of a unit.
[[nodiscard]] std::optional<plan::Assignment> fixed_assignment(const Instance& instance,
                                                               const std::vector<Wish>& wishes);
/// What an assignment of an instance wishes, for another.
[[nodiscard]] std::vector<Wish> wishes_of(const Instance& instance,
                                          const plan::Assignment& assignment);

}  // namespace tessera::placement
