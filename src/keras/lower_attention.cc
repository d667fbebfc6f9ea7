// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/weights.h"

namespace tessera::keras::lower_layer {
namespace {

/// What Keras adds where a mask hides a step.
constexpr float kHidden = -1e9F;

struct Attention {
  std::int64_t heads = 1;
  std::int64_t key = 1;
  std::int64_t value = 1;
  bool biased = true;
  bool causal = false;
};

Result<bool> argument(const Site& site, const char* key) {
  const auto& arguments = site.call.arguments;
  if (!arguments.is_object() || !arguments.contains(key) || arguments.at(key).is_null()) {
    return false;
  }
  if (!arguments.at(key).is_boolean()) {
    return fail(ErrorCode::kUnimplemented, "{}: argument {}; expected true or false", site.title(),
                key);
  }
  return arguments.at(key).get<bool>();
}

Result<Attention> read_attention(const Site& site) {
  const auto config = site.config();
  Attention how;
  TESSERA_TRY(how.heads, config.positive("num_heads"));
  TESSERA_TRY(how.key, config.positive("key_dim"));
  TESSERA_TRY(how.value, config.positive_or("value_dim", how.key));
  TESSERA_TRY(how.biased, config.flag("use_bias", true));
  TESSERA_TRY(how.causal, argument(site, "use_causal_mask"));
  TESSERA_TRY(const bool scores, argument(site, "return_attention_scores"));
  if (scores || config.has("output_shape") ||
      (config.has("attention_axes") && config.at("attention_axes") != Json{1})) {
    return fail(ErrorCode::kUnimplemented,
                "{}: {}; expected attention over the steps of a sequence", site.title(),
                scores ? "return_attention_scores"
                       : (config.has("output_shape") ? "output_shape" : "attention_axes"));
  }
  for (const auto& input : site.inputs) {
    if (input.rank() != 3 || !input.channels().known()) {
      return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected steps of known width",
                  site.title(), to_string(input.shape));
    }
  }
  return how;
}

/// The tensors of a call, as the layer tells them apart.
struct Attended {
  Value query;
  Value value;
  Value key;
};

Result<Attended> read_attended(Lowering& lowering, const Site& site) {
  const auto arguments = site.arguments({"query", "value", "key"});
  const auto* const query = site.tensor(arguments[0]);
  const auto* const value = site.tensor(arguments[1]);
  const auto* const key = arguments[2].is_null() ? value : site.tensor(arguments[2]);
  const auto used = arguments[2].is_null() ? std::size_t{2} : std::size_t{3};
  if (query == nullptr || value == nullptr || key == nullptr || used != site.inputs.size()) {
    return fail(ErrorCode::kUnimplemented, "{}: is not called with a query, a value and a key",
                site.title())
        .hint("call it as layer(query, value) or layer(query, value, key)");
  }
  return Attended{lowering.keras_order(site, *query), lowering.keras_order(site, *value),
                  lowering.keras_order(site, *key)};
}

/// The layer's weights as query, key, value, output, kernel before bias: files order them by the
/// names of its parts, too.
Result<std::vector<const Weight*>> ordered(const Site& site, const Attention& how) {
  constexpr std::array<std::string_view, 4> kParts = {"query", "key", "value", "output"};
  std::vector<const Weight*> result;
  for (const auto part : kParts) {
    std::vector<const Weight*> found;
    for (const auto& weight : site.layer.weights) {
      auto owner = owner_of(weight.path);
      owner.remove_prefix(std::min(owner.find_first_not_of('_'), owner.size()));  // Keras 2.15
      if (owner.starts_with(part) || (part == "output" && owner == "attention_output")) {
        found.push_back(&weight);
      }
    }
    if (found.size() != (how.biased ? 2 : 1)) {
      return fail(ErrorCode::kDataLoss, "{}: has {} weights for its {}; expected {}", site.title(),
                  found.size(), part, how.biased ? 2 : 1);
    }
    std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) {
      return a->value.shape().size() > b->value.shape().size();
    });
    result.insert(result.end(), found.begin(), found.end());
  }
  return result;
}

/// x W + b, the weight as a matrix [rows, columns].
std::string projected(Lowering& lowering, const Site& site, const std::string& x,
                      const std::string& part, const TensorView& kernel, const TensorView* bias,
                      std::int64_t rows, std::int64_t columns) {
  const auto flat = [](const TensorView& view, Shape shape) {
    Tensor tensor(view);
    tensor.reshape(std::move(shape));
    return tensor;
  };
  const auto weight = lowering.weight(site, part + "_kernel", [&] {
    return flat(kernel, {rows, columns});
  });
  const auto product = lowering.op(site, "MatMul", {x, weight});
  if (bias == nullptr) {
    return product;
  }
  const auto shift = lowering.weight(site, part + "_bias", [&] { return flat(*bias, {columns}); });
  return lowering.op(site, "Add", {product, shift});
}

/// [N, T, heads * width] to [N, heads, T, width], or [N, heads, width, T].
std::string by_heads(Lowering& lowering, const Site& site, const std::string& x, std::int64_t heads,
                     std::int64_t width, bool steps_last) {
  const auto split =
      lowering.op(site, "Reshape", {x, lowering.integers(site, "shape", {0, 0, heads, width})});
  return lowering.op(site, "Transpose", {split},
                     {{"perm", steps_last ? Permutation{0, 2, 3, 1} : Permutation{0, 2, 1, 3}}});
}

/// Adds the mask of steps that lie behind.
Result<std::string> hide_future(Lowering& lowering, const Site& site, const std::string& scores,
                                const Dim& queries, const Dim& keys) {
  constexpr std::int64_t kMostMasked = std::int64_t{1} << 26;
  if (!queries.known() || !keys.known() || queries.value > kMostMasked / keys.value) {
    return fail(ErrorCode::kUnimplemented,
                "{}: a causal mask over {} and {} steps; expected known "
                "numbers",
                site.title(), to_string(Dims{queries}), to_string(Dims{keys}));
  }
  std::vector<float> mask;
  for (std::int64_t i = 0; i < queries.value; ++i) {
    for (std::int64_t k = 0; k < keys.value; ++k) {
      mask.push_back(k > i ? kHidden : 0.0F);
    }
  }
  const auto name =
      lowering.weight(site, fmt::format("mask_{}_{}", queries.value, keys.value), [&] {
        return Tensor::of(mask, {queries.value, keys.value});
      });
  return lowering.op(site, "Add", {scores, name});
}

}  // namespace

Result<Values> multi_head_attention(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto how, read_attention(site));
  TESSERA_TRY(const auto attended, read_attended(lowering, site));
  const auto& [query, value, key] = attended;
  const auto width = query.channels().value;
  // The weights in an order that is known, as a layer of their own.
  TESSERA_TRY(const auto order, ordered(site, how));
  Weights weights;
  std::vector<WeightSpec> specs;
  const auto expect = [&](const char* kernel, const char* bias, Shape shape, Shape bias_shape) {
    specs.push_back({kernel, std::move(shape)});
    if (how.biased) {
      specs.push_back({bias, std::move(bias_shape)});
    }
  };
  expect("query kernel", "query bias", {width, how.heads, how.key}, {how.heads, how.key});
  expect("key kernel", "key bias", {key.channels().value, how.heads, how.key},
         {how.heads, how.key});
  expect("value kernel", "value bias", {value.channels().value, how.heads, how.value},
         {how.heads, how.value});
  expect("output kernel", "output bias", {how.heads, how.value, width}, {width});
  TESSERA_CHECK(add_weights_checked(site, specs, order, weights));
  const std::size_t step = how.biased ? 2 : 1;
  const auto part = [&](std::size_t i, const char* name, const std::string& x, std::int64_t rows,
                        std::int64_t columns) {
    return projected(lowering, site, x, name, weights[i * step],
                     how.biased ? &weights[i * step + 1] : nullptr, rows, columns);
  };
  const auto q = part(0, "query", query.name, width, how.heads * how.key);
  const auto k = part(1, "key", key.name, key.channels().value, how.heads * how.key);
  const auto v = part(2, "value", value.name, value.channels().value, how.heads * how.value);
  const auto scale = lowering.number(site, "scale", 1 / std::sqrt(static_cast<float>(how.key)));
  const auto scaled = lowering.op(site, "Mul", {q, scale});
  auto scores = lowering.op(site, "MatMul",
                            {by_heads(lowering, site, scaled, how.heads, how.key, false),
                             by_heads(lowering, site, k, how.heads, how.key, true)});
  if (how.causal) {
    TESSERA_TRY(scores, hide_future(lowering, site, scores, query.shape[1], key.shape[1]));
  }
  const auto weighting = lowering.op(site, "Softmax", {scores}, {{"axis", std::int64_t{3}}});
  const auto mixed = lowering.op(
      site, "MatMul", {weighting, by_heads(lowering, site, v, how.heads, how.value, false)});
  const auto turned = lowering.op(site, "Transpose", {mixed}, {{"perm", Permutation{0, 2, 1, 3}}});
  const auto joined = lowering.op(
      site, "Reshape", {turned, lowering.integers(site, "shape", {0, 0, how.heads * how.value})});
  auto result = query;
  result.name = part(3, "output", joined, how.heads * how.value, width);
  return Values{std::move(result)};
}

}  // namespace tessera::keras::lower_layer
