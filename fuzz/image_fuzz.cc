// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tessera/data/image.h"
#include "tessera/data/preprocess.h"

/// Decoding and preparing an image either works or is an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kMaxPixels = 1'000'000;  // keeps one input below a second
  const auto image =
      tessera::data::decode_image(std::as_bytes(std::span(data, size)), "input", kMaxPixels);
  if (!image) {
    return 0;
  }
  for (const auto* name : {"imagenet", "yolo", "yolox"}) {
    const auto preprocess = tessera::data::preprocess_from(name);
    const auto tensor = tessera::data::image_to_tensor(*image, *preprocess,
                                                       tessera::DType::kFloat32, {1, 3, 16, 12});
    if (!tensor) {
      std::abort();
    }
  }
  return 0;
}
