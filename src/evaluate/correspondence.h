// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/runtime/session.h"

/// One network in two file formats: which inputs and outputs are the same, and in which layout.
namespace tessera::evaluate {

/// Axis k of the result is axis [k] of what is transposed.
using Axes = std::array<std::size_t, 4>;
inline constexpr Axes kToChannelsLast{0, 2, 3, 1};
inline constexpr Axes kToChannelsFirst{0, 3, 1, 2};

/// A value of the candidate by its counterpart in the reference.
struct Counterpart {
  std::string reference;
  std::string candidate;
  /// What brings the reference's layout into the candidate's; absent if they have the same.
  std::optional<Axes> axes;
};

struct Correspondence {
  std::vector<Counterpart> inputs;   ///< one for each
  std::vector<Counterpart> outputs;  ///< of all values by which the reference is judged
};

/// A copy in another layout. Errors: kInvalidArgument unless it has four axes; kUnimplemented for
/// elements of less than 8 bits.
[[nodiscard]] Result<Tensor> transposed(const TensorView& from, const Axes& axes);

/// Values correspond by name where their shapes fit, else by place, else by shape. Shapes fit if
/// their extents are the same, in this order or, with four of them, with channels first in one
/// network and last in the other. Warning: matched-by-place, where only places tell outputs apart.
/// Errors: kInvalidArgument if there is no counterpart, several, or one whose layout may be both.
[[nodiscard]] Result<Correspondence> correspondence(const network::Network& reference,
                                                    const network::Network& candidate,
                                                    Monitor& monitor);

/// A candidate's session as one of the reference: it is fed, and answers, by the names and in the
/// layouts of the reference. Costs a copy of each value whose layout differs. It has the inputs and
/// outputs of `match`, and no others.
[[nodiscard]] Result<runtime::Session> seen_as_reference(runtime::Session candidate,
                                                         const Correspondence& match);

}  // namespace tessera::evaluate
