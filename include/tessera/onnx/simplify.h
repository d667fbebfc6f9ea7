// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/evaluator.h"

namespace tessera::onnx {

/// What simplifying asks of an inference library; without one, only the structure is looked at.
struct SimplifyOptions {
  TypeOracle types;
  Evaluator evaluate;
};

/// What became of a model. Counts are of operators unless they say otherwise.
struct Simplification {
  std::int64_t inlined_functions = 0;   ///< calls of model-local functions taken apart
  std::int64_t inlined_branches = 0;    ///< If with a constant condition
  std::int64_t constant_operators = 0;  ///< Constant that became an initializer
  std::int64_t folded_operators = 0;    ///< computed from constants alone
  std::int64_t folded_shapes = 0;       ///< shape arithmetic whose extents are known
  std::int64_t passed_through = 0;      ///< Identity, Dropout, Cast to the same type, ...
  std::int64_t unread_operators = 0;    ///< nobody read their results
  std::int64_t unread_constants = 0;    ///< initializers that nobody read
  std::int64_t dense_constants = 0;     ///< sparse initializers that were made dense
  std::int64_t listed_constants = 0;    ///< initializers taken out of the inputs
  /// Why something that could have been taken apart was not, a sentence each.
  std::vector<std::string> kept;

  [[nodiscard]] bool changed() const;
  bool operator==(const Simplification&) const = default;
};

/// Takes out of a model what does not depend on its inputs, and what does nothing. Constant
/// expressions and shape arithmetic are computed, model-local functions and If operators with a
/// constant condition are taken apart, Constant operators and sparse tensors become initializers,
/// initializers are no inputs, and operators that hand their input on or that nobody reads go.
///
/// What the model computes stays the same, bit for bit in a session without optimization and packed
/// weights; values and operators that remain keep their names, inputs and outputs theirs. Left
/// alone: operators that draw random numbers, those of custom domains, DequantizeLinear, what
/// cannot be evaluated, and constant expressions whose result is larger than what they are made
/// from. In bodies of If, Loop and Scan whole numbers stay computed.
///
/// Extents count as known only where they follow from the inputs alone, whatever else the file
/// declares; call it before Model::assume_shape(). Afterwards the types of the model are known as
/// after Model::infer_types(), if `types_known` says so.
/// Cost: O(operators); a session to learn types and one or more for values, only where something
/// is there to be computed.
struct Simplified {
  Simplification what;
  bool types_known = false;
};
Simplified simplify(Model& model, const SimplifyOptions& options);

/// A weight that is used as it is and transposed, such as an embedding that is also the output
/// layer, is two constants after simplify(). Where the two still hold the same numbers, or what
/// became of them does, it is stored once again, with a Transpose that runtimes compute when they
/// load the model. To be called before a model is written. Returns how many are shared. Errors:
/// those of reading the constants.
[[nodiscard]] Result<std::int64_t> share_transposed(Model& model);

/// "40 Constant operators became weights, 12 operators computed, ..."; empty if nothing changed.
[[nodiscard]] std::string to_text(const Simplification& what);

}  // namespace tessera::onnx
