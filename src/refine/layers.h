// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/onnx.h"

namespace tessera::refine {

/// A Conv, Gemm or MatMul with a quantized weight, as a matrix product: every row of its result is
/// a matrix of weights times a column of its input, group by group.
struct Layer {
  quantize::WeightScale scale;
  std::string name;    ///< of the operator
  std::string input;   ///< activation read
  std::string output;  ///< result before any activation function
  bool conv = false;
  std::int64_t outputs = 0;  ///< channels of the result
  std::int64_t groups = 1;
  std::int64_t columns = 0;   ///< weights per channel of the result
  bool column_major = false;  ///< the weight's first axis is the input's (MatMul)
  bool alone = true;          ///< nobody else reads the weight
  // Two-dimensional convolutions.
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 4> pads{0, 0, 0, 0};  ///< top, left, bottom, right
  std::string auto_pad;
};

/// The layer behind a quantized weight. Errors: kUnimplemented with the reason where its input
/// cannot be laid out as rows.
[[nodiscard]] Result<Layer> describe_layer(const onnx::Model& model,
                                           const quantize::WeightScale& scale);

/// Weights as rows of `columns`, one per channel of the result.
[[nodiscard]] std::vector<float> as_rows(const Layer& layer, std::span<const float> weights);
/// The inverse, for integers or reals.
template <class T>
std::vector<T> from_rows(const Layer& layer, std::span<const T> rows) {
  std::vector<T> result(rows.begin(), rows.end());
  if (layer.column_major) {
    for (std::int64_t r = 0; r < layer.outputs; ++r) {
      for (std::int64_t c = 0; c < layer.columns; ++c) {
        result[static_cast<std::size_t>(c * layer.outputs + r)] =
            rows[static_cast<std::size_t>(r * layer.columns + c)];
      }
    }
  }
  return result;
}

/// Rows of a layer's input, picked evenly over places and images: `want` of them or all there are.
/// Group g's rows are contiguous: out[(g * rows + i) * columns + k]. Returns the number of rows.
std::int64_t sample_rows(const Layer& layer, std::span<const std::int64_t> shape,
                         std::span<const float> values, std::int64_t want, std::int64_t sample,
                         std::vector<float>& out);

}  // namespace tessera::refine
