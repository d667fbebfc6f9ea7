// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/network/network.h"
#include "tessera/numerics/qparams.h"
#include "tessera/tensor/dtype.h"

/// What static schemes do to a network, told so that whoever runs the network in floats can do the
/// same to the values that pass: by names, and without a word of any format. See Dialect.
namespace tessera::quantize {

/// Values that are rounded to the same integers and back.
struct RoundedValues {
  DType dtype = DType::kUInt8;
  numerics::QParams qparams;
  std::vector<std::string> names;
};

/// A product of a static scheme, with weights that are constants and a bias that can be changed.
struct Product {
  std::uint32_t source = 0;    ///< graph::Op::source
  std::string result;          ///< before an activation function; see Dialect::lay_open()
  std::int64_t channels = 0;   ///< of the result
  bool channels_last = false;  ///< else they are behind the first extent
  /// Only the positive part matters to whoever reads the result.
  bool rectified = false;
};

struct Simulation {
  /// As Dialect::lay_open() gives it, with the weights that quantize() would write as real numbers.
  network::Network network;
  std::vector<RoundedValues> rounded;
  std::vector<Product> products;            ///< in the order in which they are computed
  std::vector<std::string> without_biases;  ///< names of the others: no bias of theirs can change
};

}  // namespace tessera::quantize
