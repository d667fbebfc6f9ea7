// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/litert/content.h"
#include "tessera/tensor/tensor.h"

namespace tessera::quantize {

/// The tensor's bytes for a buffer of a file, which keeps them.
[[nodiscard]] litert::Data litert_data(Tensor tensor);

/// Constants of a network, also those that the file has in another type behind a DEQUANTIZE, or
/// sparse behind a DENSIFY.
class LitertConstants {
 public:
  /// `content` must outlive it and keep its tensors.
  explicit LitertConstants(const litert::Content& content);

  /// The tensor that holds the values: `tensor` itself, or what DENSIFY and DEQUANTIZE make it of;
  /// none if it is no constant.
  [[nodiscard]] std::optional<std::int32_t> source(std::int32_t tensor) const;
  /// Real numbers, those that integers stand for.
  /// Errors: kUnimplemented for types and forms that cannot be taken apart; kDataLoss naming a
  /// constant with NaN or infinities.
  [[nodiscard]] Result<Tensor> values(std::int32_t tensor) const;
  [[nodiscard]] Shape shape(std::int32_t tensor) const;

 private:
  const litert::Content& content_;
  std::vector<std::int32_t> source_;  ///< by tensor; -1: none
};

}  // namespace tessera::quantize
