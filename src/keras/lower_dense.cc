// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/products.h"

namespace tessera::keras::lower_layer {
namespace {

/// Rows of a kernel that reads [H, W, C] flattened, as they are read from [C, H, W].
Arrangement rows_channels_first(const Shape& unflattened) {
  return {
      [unflattened](const TensorView& weight) {
        Tensor rows(weight);
        const auto shape = rows.shape();
        auto extents = unflattened;
        extents.push_back(shape[1]);
        rows.reshape(extents);
        const auto rank = static_cast<std::int64_t>(extents.size());
        Permutation axes{rank - 2};
        for (std::int64_t i = 0; i < rank - 2; ++i) {
          axes.push_back(i);
        }
        axes.push_back(rank - 1);
        auto moved = permuted(rows.view(), axes);
        moved.reshape(shape);
        return moved;
      },
      // One scale per row would have to move along: seen of no quantizer.
      [](std::int64_t axis) { return axis == 1 ? std::optional<std::int64_t>(1) : std::nullopt; }};
}

/// As it is.
Arrangement as_it_is() {
  return {[](const TensorView& weight) { return Tensor(weight); },
          [](std::int64_t axis) { return std::optional(axis); }};
}

/// [in, out] to [out, in, 1...]: Dense on the channels of an image is a convolution.
Arrangement as_convolution(std::size_t spatial) {
  return {[spatial](const TensorView& weight) {
            auto moved = permuted(weight, Permutation{1, 0});
            auto shape = moved.shape();
            shape.resize(2 + spatial, 1);
            moved.reshape(std::move(shape));
            return moved;
          },
          [](std::int64_t axis) { return std::optional(1 - axis); }};
}

Value multiplied(Lowering& lowering, const Site& site, const Value& input, const Factor& kernel,
                 const std::string& bias, std::int64_t units) {
  Value value = input;
  value.shape.back() = known_dim(units);
  // Weights on a grid: ONNX Runtime makes Gemm an integer kernel, and of a MatMul one that rounds
  // its other factor (MatMulNBits).
  const bool one_product = kernel.codes() != nullptr && input.rank() == 2;
  const auto product = [&](const std::string& weight) {
    std::vector<std::string> inputs{input.name, weight};
    if (one_product && !bias.empty()) {
      inputs.push_back(bias);
    }
    return lowering.op(site, one_product ? "Gemm" : "MatMul", std::move(inputs));
  };
  if (input.layout == Layout::kFlatChannelsFirst) {
    const auto weight = store(lowering, site, "kernel_channels_first", kernel,
                              rows_channels_first(input.unflattened));
    value.layout = Layout::kKeras;
    value.unflattened.clear();
    value.name = product(weight);
  } else {
    value.name = product(store(lowering, site, "kernel", kernel, as_it_is()));
  }
  if (!bias.empty() && !one_product) {
    value.name = lowering.op(site, "Add", {value.name, bias});
  }
  return value;
}

}  // namespace

Result<Values> dense(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  const auto& input = site.input();
  if (input.rank() < 2 || !input.channels().known()) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected a last axis of known extent",
                site.title(), to_string(input.shape));
  }
  TESSERA_TRY(const auto units, config.positive("units"));
  TESSERA_TRY(const bool biased, config.flag("use_bias", true));
  std::vector<WeightSpec> specs{{"kernel", {input.channels().value, units}}};
  if (biased) {
    specs.push_back({"bias", {units}});
  }
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto kernel,
              factor(lowering, site, weights[0], "kernel_quantizer", WeightUse::kKernel));
  std::string bias;
  if (biased) {
    TESSERA_TRY(const auto shift,
                factor(lowering, site, weights[1], "bias_quantizer", WeightUse::kBias));
    bias = lowering.weight(site, "bias", [&] { return Tensor(shift.view()); });
  }
  Value value;
  if (input.channels_first()) {
    Convolution how;
    how.windows.resize(input.rank() - 2);
    how.filters = units;
    const auto weight =
        store(lowering, site, "kernel_convolution", kernel, as_convolution(how.windows.size()));
    TESSERA_TRY(value, convolve(lowering, site, input, how, weight, bias));
  } else {
    value = multiplied(lowering, site, input, kernel, bias, units);
  }
  return activated(lowering, site, std::move(value));
}

/// Products along an axis of two values with a batch: of matrices at most.
Result<Values> dot(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  TESSERA_TRY(auto axes, config.integers("axes"));
  axes.resize(2, axes.empty() ? 0 : axes.front());
  TESSERA_TRY(const bool normalize, config.flag("normalize", false));
  const auto a = lowering.keras_order(site, site.inputs[0]);
  const auto b = lowering.keras_order(site, site.inputs[1]);
  for (std::size_t i = 0; i < 2; ++i) {
    axes[i] += axes[i] < 0 ? static_cast<std::int64_t>(site.inputs[i].rank()) : 0;
  }
  const auto fits = [](const Value& value, std::int64_t axis) {
    return (value.rank() == 2 || value.rank() == 3) && axis > 0 &&
           axis < static_cast<std::int64_t>(value.rank());
  };
  if (normalize || a.rank() != b.rank() || !fits(a, axes[0]) || !fits(b, axes[1])) {
    return fail(ErrorCode::kUnimplemented,
                "{}: of {} and {} along axes {} and {}{}; expected two "
                "vectors or two matrices per sample",
                site.title(), to_string(a.shape), to_string(b.shape), axes[0], axes[1],
                normalize ? ", normalized" : "");
  }
  Value value;
  if (a.rank() == 2) {
    value.shape = {a.shape.front(), known_dim(1)};
    value.name =
        lowering.reduce(site, "ReduceSum", lowering.op(site, "Mul", {a.name, b.name}), {1}, true);
    return Values{std::move(value)};
  }
  const std::vector<std::int64_t> turned{0, 2, 1};
  const auto left =
      axes[0] == 2 ? a.name : lowering.op(site, "Transpose", {a.name}, {{"perm", turned}});
  const auto right =
      axes[1] == 1 ? b.name : lowering.op(site, "Transpose", {b.name}, {{"perm", turned}});
  value.name = lowering.op(site, "MatMul", {left, right});
  value.shape = {a.shape.front(), a.shape[axes[0] == 2 ? 1 : 2], b.shape[axes[1] == 1 ? 2 : 1]};
  return Values{std::move(value)};
}

Result<Values> embedding(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  TESSERA_TRY(const bool masking, config.flag("mask_zero", false));
  if (masking) {
    return fail(ErrorCode::kUnimplemented, "{}: masks its zeros; expected mask_zero=False",
                site.title())
        .hint("masks of layers behind it have no ONNX operators; train without mask_zero");
  }
  TESSERA_TRY(const auto rows, config.positive("input_dim"));
  TESSERA_TRY(const auto width, config.positive("output_dim"));
  TESSERA_TRY(const auto weights, weights_of(site, {{"embeddings", {rows, width}}}));
  auto value = lowering.keras_order(site, site.input());
  const auto table = lowering.weight(site, "embeddings", [&] { return Tensor(weights[0]); });
  auto indices = value.name;
  if (value.dtype != DType::kInt64 && value.dtype != DType::kInt32) {
    indices =
        lowering.op(site, "Cast", {indices}, {{"to", static_cast<std::int64_t>(DType::kInt64)}});
  }
  value.name = lowering.op(site, "Gather", {table, indices}, {{"axis", std::int64_t{0}}});
  value.dtype = DType::kFloat32;
  value.shape.push_back(known_dim(width));
  return Values{std::move(value)};
}

}  // namespace tessera::keras::lower_layer
