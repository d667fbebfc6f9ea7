// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/tensor/dtype.h"

namespace tessera::runtime::litert {

/// Of a TfLiteType, which numbers types otherwise than files do; undefined for what has no like
/// here (2-bit integers, resources, variants).
[[nodiscard]] constexpr DType dtype_of(int type) noexcept {
  constexpr DType kTypes[] = {
      DType::kUndefined, DType::kFloat32, DType::kInt32,      DType::kUInt8,     DType::kInt64,
      DType::kString,    DType::kBool,    DType::kInt16,      DType::kComplex64, DType::kInt8,
      DType::kFloat16,   DType::kFloat64, DType::kComplex128, DType::kUInt64,    DType::kUndefined,
      DType::kUndefined, DType::kUInt32,  DType::kUInt16,     DType::kInt4,      DType::kBFloat16};
  constexpr int kCount = sizeof kTypes / sizeof *kTypes;
  return type >= 0 && type < kCount ? kTypes[type] : DType::kUndefined;
}

}  // namespace tessera::runtime::litert
