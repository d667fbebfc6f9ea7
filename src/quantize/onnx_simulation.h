// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/onnx.h"
#include "tessera/quantize/simulation.h"

namespace tessera::quantize {

/// Dialect::simulate() on a prepared model (see prepare()).
[[nodiscard]] Result<Simulation> simulate_onnx(const onnx::Model& model,
                                               const Assignment& assignment,
                                               const calibrate::Ranges& ranges,
                                               const QuantizeOptions& options, Monitor& monitor);

/// See Dialect::add_to_bias().
[[nodiscard]] Status add_to_bias(onnx::Model& model, const Product& product,
                                 std::span<const double> by);

}  // namespace tessera::quantize
