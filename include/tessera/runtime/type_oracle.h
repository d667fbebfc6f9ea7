// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/runtime/library.h"
#include "tessera/tensor/value_type.h"

namespace tessera::runtime {

/// Types of the graph outputs of a serialized model, in order, ready for onnx::Model::infer_types.
/// Opens a session without optimization on the CPU provider and never runs it, so it knows every
/// operator the runtime knows, those of com.microsoft included. `folder` is where external data
/// lies.
///
/// Symbolic extents stay symbolic; an unknown rank looks like a scalar (see ValueInfo). Cost: one
/// session, about 0.1 s for 400 operators. Errors: those of open_onnx(). The callable keeps the
/// library alive; it may be copied.
[[nodiscard]] TypeOracle type_oracle(std::shared_ptr<const Library> library);

}  // namespace tessera::runtime
