// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/runtime/library.h"
#include "tessera/tensor/evaluator.h"

namespace tessera::runtime {

/// Computes models without inputs in a session without optimization on the CPU provider, ready for
/// onnx::simplify. Cost: one session. Errors: those of open_onnx() and Session::run(). The callable
/// keeps the library alive; it may be copied.
[[nodiscard]] Evaluator evaluator(std::shared_ptr<const Library> library);

}  // namespace tessera::runtime
