// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/quantizer_rule.h"
#include "tessera/core/compact_text.h"
#include "tessera/keras/quantizer.h"

namespace tessera::keras {
namespace {

/// log2 of a magnitude, 0 below 1.
float positive_log2(float value) {
  const auto log = static_cast<float>(std::log(std::fabs(static_cast<double>(value))));
  return std::max(log / kLogOfTwo, 0.0F);
}

/// Has the largest code of so many integer bits less than the bound?
bool too_few(float integer_bits, float bound, int unsigned_bits) {
  const float largest = std::exp2(integer_bits) -
                        std::exp2(std::min(integer_bits - static_cast<float>(unsigned_bits), 0.0F));
  return bound > largest;
}

Json member_or(const Json& config, const char* key, Json otherwise) {
  const auto found = config.is_object() ? config.find(key) : config.end();
  return found == config.end() || found->is_null() ? std::move(otherwise) : *found;
}

/// A configuration of the quantizer inside, to be read like any other.
Json inner_config(const Json& config, bool relu) {
  Json inner = {{"bits", member_or(config, "total_bits", nullptr)}};
  if (relu) {
    inner["negative_slope"] = member_or(config, "relu_neg_slope", 0);
    inner["relu_upper_bound"] = member_or(config, "relu_upper_bound", nullptr);
    inner["is_quantized_clip"] = false;
    return inner;
  }
  inner["symmetric"] = member_or(config, "symmetric", true);
  inner["alpha"] = 1;
  return inner;
}

}  // namespace

int adaptive_integer_bits(float low, float high, int bits, bool symmetric, bool keep_negative,
                          bool po2_rounding) {
  const int unsigned_bits = bits - (keep_negative ? 1 : 0);
  const float least = keep_negative ? low : std::max(low, 0.0F);
  const float most = keep_negative ? high : std::max(high, 0.0F);
  float below = positive_log2(least);
  float above = positive_log2(most);
  if (po2_rounding) {
    below = round_even(below);
    above = round_even(above);
  } else {
    below = std::ceil(below);
    above = std::ceil(above);
    above += too_few(above, most, unsigned_bits) ? 1.0F : 0.0F;
    below += symmetric && too_few(below, -least, unsigned_bits) ? 1.0F : 0.0F;
  }
  return std::min(unsigned_bits, static_cast<int>(std::max(below, above)));
}

Result<Quantizer> adaptive_quantizer(const Json& config, const TensorView& ema_min,
                                     const TensorView& ema_max, std::string_view where) {
  const auto activation = member_or(config, "activation", nullptr);
  const auto name = activation.is_string() ? activation.get<std::string>() : std::string();
  const bool relu = name == "quantized_relu";
  if (!relu && name != "quantized_bits") {
    return fail(ErrorCode::kUnimplemented,
                "{}: an adaptive activation of {}; expected quantized_bits or quantized_relu",
                where, compact_text(activation));
  }
  if (!whole_number_at(config, "total_bits")) {
    return fail(ErrorCode::kInvalidArgument, "{}: an adaptive activation without total_bits",
                where);
  }
  TESSERA_TRY(const auto low, to_float32(ema_min));
  TESSERA_TRY(const auto high, to_float32(ema_max));
  const auto finite = [](float value) { return std::isfinite(value); };
  if (low.empty() || low.size() != high.size() || !std::ranges::all_of(low, finite) ||
      !std::ranges::all_of(high, finite)) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: averages of {} and {} elements; expected as many of each, and numbers", where,
                low.size(), high.size());
  }
  TESSERA_TRY(auto parsed,
              parse_quantizer(
                  Json{{"class_name", activation}, {"config", inner_config(config, relu)}}, where));
  auto quantizer = std::move(*parsed);
  const bool symmetric = member_or(config, "symmetric", true) == Json(true);
  const bool nearest = member_or(config, "po2_rounding", false) == Json(true);
  const bool keep_negative = !relu || quantizer.negative_slope != 0;
  std::vector<int> integers;
  for (std::size_t i = 0; i < low.size(); ++i) {
    integers.push_back(
        adaptive_integer_bits(low[i], high[i], quantizer.bits, symmetric, keep_negative, nearest));
  }
  quantizer.integer = integers.front();
  if (integers.size() > 1) {
    quantizer.channel_integers = std::move(integers);
  }
  return quantizer;
}

}  // namespace tessera::keras
