// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kernels/ort.h"

/// The operators of the domain, one function per file ort_<family>.cc.
namespace tessera::kernels {

[[nodiscard]] std::vector<Description> lookup_operators();
[[nodiscard]] std::vector<Description> binary_operators();
[[nodiscard]] std::vector<Description> concat_operators();
[[nodiscard]] std::vector<Description> conv_operators();
[[nodiscard]] std::vector<Description> image_operators();
[[nodiscard]] std::vector<Description> softmax_operators();

}  // namespace tessera::kernels
