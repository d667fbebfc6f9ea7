// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "onnx/model_state.h"
#include "tessera/core/result.h"
#include "tessera/onnx/simplify.h"

/// The parts of simplify(): each looks at the whole model once and counts what it did.
namespace tessera::onnx {

/// Which constants are made and taken out of operators. Whole numbers are what shapes are inferred
/// from: in a body that is never run they may be wrong for the shapes that are fed, and a library
/// that sees it refuses the whole model. So bodies have their floats folded only.
enum class Folding : std::uint8_t { kEverything, kFloats };

/// Calls of model-local functions are replaced by the operators of the function.
void inline_functions(Model& model, Simplification& what);
/// If operators whose condition is constant are replaced by the branch that is taken.
void inline_branches(Model& model, Simplification& what);
/// Constant operators become initializers, sparse tensors dense ones, initializers no inputs.
void collect_constants(Model& model, Folding folding, Simplification& what);
/// Constants that operators read get the form that libraries insist on.
void prepare_constants(Model& model);
/// Extents that are known become constants.
void fold_shapes(Model& model, Simplification& what);
/// Expressions of constants are computed. What cannot be stays.
void fold_constants(Model& model, const Evaluator& evaluate, Folding folding, Simplification& what);
/// Operators that hand their input on go.
void remove_passthrough(Model& model, Simplification& what);
/// Operators and initializers whose values nobody reads go.
void remove_unread(Model& model, Simplification& what);

/// Something is there that fold_shapes() or fold_constants() might do.
[[nodiscard]] bool has_foldable(const Model& model);

/// The value, whose maker was removed, is a constant from now on.
void become_constant(Model& model, const std::string& value, Tensor tensor);
/// Extents of a value that follow from the inputs alone, -1 where open; absent if the rank is open.
[[nodiscard]] std::optional<Shape> proven_extents(const Model& model, std::string_view value);
/// All of them, where all are known.
[[nodiscard]] std::optional<Shape> proven_shape(const Model& model, std::string_view value);
[[nodiscard]] DType proven_dtype(const Model& model, std::string_view value);
/// Elements of a small constant of int64 or int32.
[[nodiscard]] std::optional<std::vector<std::int64_t>> constant_integers(const Model& model,
                                                                         std::string_view value);

}  // namespace tessera::onnx
