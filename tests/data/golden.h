// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/data/image.h"
#include "tessera/tensor/npy.h"

namespace tessera::data {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/resize";
}

/// An image stored as a height x width x 3 array of bytes.
inline Image golden_image(const std::string& name) {
  const auto array = read_npy(golden_folder() / (name + ".npy"));
  EXPECT_TRUE(array) << name;
  const auto pixels = array->as<std::uint8_t>();
  return {array->shape()[1], array->shape()[0], {pixels.begin(), pixels.end()}};
}

/// Largest difference of two pixels; 256 if the sizes differ.
inline int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) {
    return 256;
  }
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return largest;
}

}  // namespace tessera::data
