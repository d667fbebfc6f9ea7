// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tessera/tensor/npy.h"

/// What is read must survive writing and reading again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tensor = tessera::parse_npy(std::as_bytes(std::span(data, size)), "input");
  if (!tensor) {
    return 0;
  }
  const auto again = tessera::parse_npy(tessera::format_npy(tensor->view()), "written");
  if (!again || again->dtype() != tensor->dtype() || again->shape() != tensor->shape()) {
    std::abort();
  }
  return 0;
}
