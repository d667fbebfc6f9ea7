// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tessera/onnx/normalize.h"
#include "tessera/quantize/onnx.h"

namespace tessera::quantize {
namespace {

/// What 8-bit schemes need.
constexpr std::int64_t kCommonOpset = 13;

Failure not_written(const network::Network& model) {
  return fail(ErrorCode::kUnimplemented, "'{}' ({}) is of a format that is not quantized",
              model.path().string(), model.description())
      .hint("quantize an ONNX model");
}

}  // namespace

Result<QuantizeReport> quantize(network::Network& model, const std::vector<Scheme>& assignment,
                                const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                Monitor& monitor) {
  auto* const onnx = model.onnx();
  if (onnx == nullptr) {
    return not_written(model);
  }
  return quantize(*onnx, assignment, ranges, options, monitor);
}

Status bring_into_form(network::Network& model, std::int64_t opset, bool normalize) {
  auto* const onnx = model.onnx();
  if (onnx == nullptr) {
    return not_written(model);
  }
  const auto target = opset == 0 ? kCommonOpset : opset;
  if (target > onnx->opset().value_or(0)) {
    auto raised = onnx->clone();
    auto status = onnx::upgrade_opset(raised, target);
    if (status) {
      *onnx = std::move(raised);
    } else if (opset != 0) {
      return status;
    }
  }
  if (normalize) {
    TESSERA_CHECK(onnx::normalize_for_quantization(*onnx).map([](const auto&) {}));
  }
  onnx->remove_unused_initializers();
  return {};
}

Status check_loads(const network::Network& model, std::shared_ptr<const runtime::Library> library) {
  const auto* const onnx = model.onnx();
  if (onnx == nullptr) {
    return not_written(model);
  }
  return check_loads(*onnx, std::move(library));
}

}  // namespace tessera::quantize
