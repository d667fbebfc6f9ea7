// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "data/column.h"
#include "tessera/core/monitor.h"

namespace tessera::data {

/// Steps whose states are to be recorded.
struct Steps {
  const std::vector<InputSpec>* inputs = nullptr;
  /// By input; null where it is a state.
  const std::vector<std::unique_ptr<Column>>* columns = nullptr;
  const Column* first = nullptr;  ///< the column that tells sequences apart
  const std::vector<StateLink>* links = nullptr;
  const StepFunction* run = nullptr;
};

/// Runs the sequences up to the last of the `wanted` steps (ascending) and keeps the states that
/// each of these starts from: a column per link.
/// Errors: kInvalidArgument where the model takes no state of zeros; kResourceExhausted for more
/// states than memory should hold; kCancelled; those of the step function.
[[nodiscard]] Result<std::vector<std::unique_ptr<Column>>> record_states(
    const Steps& steps, const std::vector<std::int64_t>& wanted, Monitor& monitor);

}  // namespace tessera::data
