// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tessera/quantize/onnx.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {
namespace {

bool one_of(DType dtype, std::initializer_list<DType> known) {
  return std::find(known.begin(), known.end(), dtype) != known.end();
}

bool is_16_bit(DType dtype) {
  return one_of(dtype, {DType::kUInt16, DType::kInt16});
}

Status validate_static(const Scheme& scheme) {
  if (scheme.activation == DType::kInt8 && scheme.weight == DType::kUInt8) {
    return fail(ErrorCode::kInvalidArgument,
                "s8 activations with u8 weights: no kernel of the runtime computes this pair")
        .hint("use u8 activations, or s8 weights");
  }
  if (!has_integer_operators(scheme.format)) {
    return {};
  }
  if (is_16_bit(scheme.activation) || !one_of(scheme.weight, {DType::kInt8, DType::kUInt8})) {
    return fail(ErrorCode::kInvalidArgument, "QOperator format has no {} x {} operators",
                short_name(scheme.activation), short_name(scheme.weight))
        .hint("use --format qdq, or 8-bit types");
  }
  return {};
}

Status validate_dynamic(const Scheme& scheme) {
  if (scheme.activation != DType::kUInt8) {
    return fail(ErrorCode::kInvalidArgument,
                "dynamic quantization makes u8 activations only (DynamicQuantizeLinear), not {}",
                short_name(scheme.activation))
        .hint("use --activation u8");
  }
  if (!one_of(scheme.weight, {DType::kInt8, DType::kUInt8})) {
    return fail(ErrorCode::kInvalidArgument,
                "dynamic quantization has no integer operators for {} weights",
                short_name(scheme.weight))
        .hint("use --weight s8 or u8");
  }
  return {};
}

Status validate_weight_only(const Scheme& scheme) {
  if (scheme.block_size == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "weight-only quantization of ONNX models goes by block")
        .hint("use --block-size 32, 64 or 128");
  }
  return {};
}

}  // namespace

Status validate_onnx(const Scheme& scheme) {
  TESSERA_CHECK(validate(scheme));
  switch (scheme.mode) {
    case Mode::kStatic:
      return validate_static(scheme);
    case Mode::kDynamic:
      return validate_dynamic(scheme);
    case Mode::kWeightOnly:
      return validate_weight_only(scheme);
    case Mode::kFloat32:
    case Mode::kFloat16:
      break;
  }
  return {};
}

}  // namespace tessera::quantize
