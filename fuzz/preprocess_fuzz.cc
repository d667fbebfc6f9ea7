// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "json_input.h"
#include "tessera/data/preprocess.h"

/// What a preprocessing file asks for is done to an image, or refused; never something else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;  // NOLINT(google-build-using-namespace)
  const auto json = json_input(data, size);
  if (!json) {
    return 0;
  }
  const auto preprocess = data::preprocess_from_json(*json, "input");
  if (!preprocess) {
    return 0;
  }
  constexpr std::int64_t kWidth = 7;
  constexpr std::int64_t kHeight = 5;
  constexpr std::int64_t kSide = 8;
  const data::Image image{kWidth, kHeight,
                          std::vector<std::uint8_t>(std::size_t{kWidth * kHeight * 3}, 200)};
  const auto tensor =
      data::image_to_tensor(image, *preprocess, DType::kFloat32, {1, 3, kSide, kSide});
  if (tensor && tensor->shape() != Shape{1, 3, kSide, kSide}) {
    std::abort();
  }
  (void)data::image_to_tensor(image, *preprocess, DType::kUInt8, {1, kSide, kSide, 1});
  return 0;
}
