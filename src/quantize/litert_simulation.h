// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/litert/content.h"
#include "tessera/quantize/simulation.h"

/// What winning accuracy back needs to know of .tflite networks: see Dialect.
namespace tessera::quantize {

/// Activation functions that products apply besides become operators of their own, behind values
/// that were not there before.
void lay_open(litert::Content& content);

struct LitertSimulation {
  std::vector<RoundedValues> rounded;
  std::vector<Product> products;
  std::vector<std::string> without_biases;
};

/// Tells by what was written what is rounded: `written` is what quantize() made of `given`. Puts
/// the constants that are integers there into `open`, which is lay_open() of `given`, as real
/// numbers. Errors: those of taking constants apart.
[[nodiscard]] Result<LitertSimulation> simulate_litert(const litert::Content& given,
                                                       const litert::Content& written,
                                                       litert::Content& open);

/// See Dialect::add_to_bias().
[[nodiscard]] Status add_to_bias(litert::Content& content, const Product& product,
                                 std::span<const double> by);

}  // namespace tessera::quantize
