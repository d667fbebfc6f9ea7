// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {

/// Time of one conversion of so many elements.
struct ConversionPoint {
  std::int64_t elements = 0;
  double us = 0;
};

/// What it takes to change the type of a tensor, as a function of its size: a start and a rate,
/// fitted (least relative squares) to the points.
struct ConversionCurve {
  std::vector<ConversionPoint> points;
  double base_us = 0;
  double ns_per_element = 0;
};

struct ConversionCosts {
  ConversionCurve quantize;         ///< float32 -> u8
  ConversionCurve dequantize;       ///< u8 -> float32
  ConversionCurve cast;             ///< float32 -> float16
  ConversionCurve transpose_float;  ///< NCHW -> NHWC, float32
  ConversionCurve transpose_int8;   ///< NCHW -> NHWC, u8
};

/// Times the conversion kernels of the runtime alone, of networks of that format, from 1 Ki to 4 Mi
/// elements, one tensor per call. `session`: provider and threads. Cost: about a second.
[[nodiscard]] Result<ConversionCosts> measure_conversions(
    network::FileFormat format, const std::shared_ptr<const runtime::Library>& library,
    const runtime::SessionOptions& session, Monitor& monitor);

/// {quantize_ns_per_element, dequantize_ns_per_element, cast_ns_per_element, ..., curves{}}.
[[nodiscard]] Json to_json(const ConversionCosts& costs);
[[nodiscard]] Result<ConversionCosts> conversions_from_json(const Json& json);

}  // namespace tessera::profile
