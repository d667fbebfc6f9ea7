// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/dtype.h"

namespace tessera::evaluate {

/// Kernels that a network can run with: "builtin", and how a session with them is opened.
struct KernelSet {
  std::string name;
  runtime::SessionOptions session;
};

/// How far the results of one set of kernels are from those of the first, over all samples.
struct KernelDifference {
  std::int64_t elements = 0;
  std::int64_t differing = 0;
  /// Of integers: in steps of the tensor.
  std::optional<std::int64_t> max_lsb;
  double max_abs = 0;  ///< in real numbers; of integers without a scale, in steps
  /// max_abs by the largest value of the tensor, of floats; NaN and infinities on one side only
  /// make it infinite.
  std::optional<double> max_relative;

  [[nodiscard]] double share() const noexcept {
    return elements == 0 ? 0 : static_cast<double>(differing) / static_cast<double>(elements);
  }
};

/// One operator in one set of kernels.
struct KernelRow {
  std::string name;
  std::string type;
  std::string kernels;  ///< the set: "xnnpack"
  DType dtype = DType::kUndefined;
  /// Whose kernels really computed it: "cpu" (built-in), "xnnpack", a delegate's name; empty if the
  /// library does not show it.
  std::string ran_on;
  /// By itself, with the values that the first set gives its inputs.
  std::optional<KernelDifference> alone;
  /// Within the whole network: its own and what came before it.
  std::optional<KernelDifference> accumulated;
  std::string reason;  ///< why one of them is absent
};

struct KernelCheck {
  std::vector<std::string> sets;  ///< the first is what the others are held against
  std::int64_t samples = 0;
  std::vector<KernelRow> rows;  ///< by operator in the network's order, then by set
};

/// Runs every operator by itself in each set of kernels, with the same inputs, and the whole
/// network in each besides. For the latter every value is made an output, which may keep a library
/// from fusing operators; what a set computes inside of fused ones is seen by single operators.
/// Cost: a session per operator and set, open at the same time; two runs of the network per set and
/// sample, and the values of one run in memory.
/// Errors: kUnimplemented if the network's values cannot be shown; those of data and runtime;
/// kCancelled. An operator that a library does not take has its reason in its rows.
[[nodiscard]] Result<KernelCheck> check_kernels(
    const network::Network& model, const data::SampleSet& samples,
    const std::shared_ptr<const runtime::Library>& library, const std::vector<KernelSet>& sets,
    Monitor& monitor);

/// {sets[], samples, operators[]}.
[[nodiscard]] Json to_json(const KernelCheck& check);

}  // namespace tessera::evaluate
