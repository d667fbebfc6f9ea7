// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "keras/quantizer_fields.h"
#include "keras/quantizer_names.h"
#include "keras/quantizer_text.h"
#include "tessera/keras/quantizer.h"

namespace tessera::keras {
namespace {

bool sounds_like_one(std::string_view name) {
  return signature_of(name) != nullptr || function_of(name) || name == "bernoulli" ||
         name.starts_with("quantized_") || name.starts_with("stochastic_");
}

Status read_alpha(const QuantizerFields& fields, Quantizer& quantizer) {
  const auto* const alpha = fields.given("alpha");
  if (alpha == nullptr) {
    return {};
  }
  if (alpha->is_string()) {
    const auto& rule = alpha->get_ref<const std::string&>();
    if (rule != "auto" && rule != "auto_po2") {
      return fields.wrong("alpha", *alpha, "a number, 'auto' or 'auto_po2'");
    }
    quantizer.scale = rule == "auto" ? ScaleRule::kAuto : ScaleRule::kAutoPo2;
    return {};
  }
  // A list of one is what an array of one number was written as.
  const auto& number = alpha->is_array() && alpha->size() == 1 ? (*alpha)[0] : *alpha;
  if (number.is_array()) {
    return fields.unknown("alpha", "one number for all channels");
  }
  const auto value = number.is_number() ? number.get<double>() : std::nan("");
  if (!(value >= 1e-30 && value <= 1e30)) {
    return fields.wrong("alpha", *alpha, "a number above 0, 'auto' or 'auto_po2'");
  }
  quantizer.scale = ScaleRule::kFixed;
  quantizer.alpha = static_cast<float>(value);
  return {};
}

/// Numbers of a scale that was trained, of whatever nesting.
bool gather(const Json& json, std::vector<float>& values, int depth = 0) {
  if (json.is_number()) {
    const auto value = json.get<double>();
    values.push_back(static_cast<float>(value));
    return value >= 1e-30 && value <= 1e30;
  }
  return json.is_array() && depth < 8 && std::ranges::all_of(json, [&](const Json& item) {
           return gather(item, values, depth + 1);
         });
}

Status read_scale(const QuantizerFields& fields, const Json& config, Quantizer& quantizer) {
  TESSERA_CHECK(read_alpha(fields, quantizer));
  if (const auto* const axis = fields.given("scale_axis"); axis != nullptr) {
    const auto number = whole_number(*axis);
    if (!number || *number < 0) {
      return fields.unknown("scale_axis", "one axis that is not negative");
    }
    quantizer.scale_axis = *number;
  }
  if (fields.given("elements_per_scale") != nullptr) {
    return fields.unknown("elements_per_scale", "null");
  }
  TESSERA_CHECK(fields.exponent("min_po2_exponent", quantizer.min_exponent));
  TESSERA_CHECK(fields.exponent("max_po2_exponent", quantizer.max_exponent));
  if ((quantizer.min_exponent || quantizer.max_exponent) &&
      quantizer.scale != ScaleRule::kAutoPo2) {
    return fields.unknown("alpha", "'auto_po2' with limits of its exponent");
  }
  quantizer.codes_last = config.contains("post_training_scale");
  if (const auto* const trained = fields.given("post_training_scale"); trained != nullptr) {
    if (quantizer.scale != ScaleRule::kAuto && quantizer.scale != ScaleRule::kAutoPo2) {
      return fields.unknown("alpha", "'auto' or 'auto_po2' beside a post_training_scale");
    }
    if (!gather(*trained, quantizer.trained_scale) || quantizer.trained_scale.empty()) {
      return fields.wrong("post_training_scale", *trained, "numbers above 0");
    }
  }
  return {};
}

Status read_slope(const QuantizerFields& fields, Quantizer& quantizer) {
  TESSERA_CHECK(fields.real("negative_slope", 0, 1024, quantizer.negative_slope));
  int exponent = 0;
  if (quantizer.negative_slope != 0 &&
      (std::frexp(quantizer.negative_slope, &exponent) != 0.5F || exponent < -30)) {
    return fields.wrong("negative_slope", *fields.given("negative_slope"), "a power of two or 0");
  }
  return {};
}

Status read_relu(const QuantizerFields& fields, Quantizer& quantizer) {
  TESSERA_CHECK(read_slope(fields, quantizer));
  TESSERA_CHECK(fields.flag("use_sigmoid", quantizer.use_sigmoid));
  bool clipped = true;
  TESSERA_CHECK(fields.flag("is_quantized_clip", clipped));
  if (!clipped) {
    TESSERA_CHECK(fields.real("relu_upper_bound", 0, 1e30, quantizer.upper_bound));
    // QKeras asks whether there is one by its truth: 0 is none.
    if (quantizer.upper_bound == 0.0F) {
      quantizer.upper_bound.reset();
    }
  }
  bool fast = false;
  TESSERA_CHECK(fields.flag("enable_fast_inference", fast));
  if (fast) {
    return fields.unknown("enable_fast_inference", "false");
  }
  if (quantizer.negative_slope != 0 && quantizer.bits < 2) {
    return fields.unknown("bits", "2 or more with a negative_slope");
  }
  return {};
}

/// With bits for exponents that float32 has; see exponents_of().
Status read_po2(const QuantizerFields& fields, Quantizer& quantizer) {
  TESSERA_CHECK(fields.real("max_value", 1e-30, 1e30, quantizer.max_value));
  TESSERA_CHECK(fields.flag("quadratic_approximation", quantizer.quadratic));
  if (const auto* const rounding = fields.given("log2_rounding"); rounding != nullptr) {
    if (*rounding != "rnd" && *rounding != "floor") {
      return fields.wrong("log2_rounding", *rounding, "'rnd' or 'floor'");
    }
    quantizer.floor_log2 = *rounding == "floor";
  }
  const int sign = quantizer.kind == QuantizerKind::kPo2 ? 1 : 0;
  const int exponent_sign = !quantizer.max_value || *quantizer.max_value > 1 ? 1 : 0;
  const int used = quantizer.bits - sign - exponent_sign;
  // One more, and the lowest power is a denormal.
  const int most = 6;
  if (used < 0 || used > most) {
    return fields.unknown(
        "bits", fmt::format("{} to {}", sign + exponent_sign, most + sign + exponent_sign));
  }
  return quantizer.kind == QuantizerKind::kReluPo2 ? read_slope(fields, quantizer) : Status();
}

Status read_ternary(const QuantizerFields& fields, Quantizer& quantizer) {
  quantizer.bits = 2;
  if (fields.given("threshold") != nullptr &&
      (quantizer.scale == ScaleRule::kAuto || quantizer.scale == ScaleRule::kAutoPo2)) {
    return fields.unknown("threshold", "null with an automatic alpha");
  }
  TESSERA_CHECK(fields.real("threshold", 0, 1e30, quantizer.threshold));
  return fields.whole("number_of_unrolls", 1, 100, quantizer.unrolls);
}

Status read_of_kind(const QuantizerFields& fields, Quantizer& quantizer) {
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
      TESSERA_CHECK(fields.flag("symmetric", quantizer.symmetric));
      return fields.flag("keep_negative", quantizer.keep_negative);
    case QuantizerKind::kBinary:
      quantizer.bits = 1;
      return fields.flag("use_01", quantizer.zero_one);
    case QuantizerKind::kTernary:
      return read_ternary(fields, quantizer);
    case QuantizerKind::kRelu:
      return read_relu(fields, quantizer);
    case QuantizerKind::kUlaw:
      TESSERA_CHECK(fields.flag("symmetric", quantizer.symmetric));
      TESSERA_CHECK(fields.real("u", 1e-6, 1e9, quantizer.mu));
      return quantizer.bits <= 16 && quantizer.bits >= 2 ? Status()
                                                         : fields.unknown("bits", "2 to 16");
    case QuantizerKind::kTanh:
      TESSERA_CHECK(fields.flag("symmetric", quantizer.symmetric));
      return fields.flag("use_real_tanh", quantizer.real);
    case QuantizerKind::kSigmoid:
      TESSERA_CHECK(fields.flag("symmetric", quantizer.symmetric));
      return fields.flag("use_real_sigmoid", quantizer.real);
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
      return read_po2(fields, quantizer);
    case QuantizerKind::kHardSwish:
      TESSERA_CHECK(fields.flag("symmetric", quantizer.symmetric));
      TESSERA_CHECK(fields.flag("keep_negative", quantizer.keep_negative));
      if (!quantizer.keep_negative) {
        return fields.unknown("keep_negative", "true");
      }
      TESSERA_CHECK(fields.real("relu_shift", 1e-6, 1e6, quantizer.shift));
      return fields.real("relu_upper_bound", 1e-6, 1e6, quantizer.bound);
    case QuantizerKind::kFunction:
      return {};
  }
  return {};
}

Result<Quantizer> from_config(const Signature& signature, const Json& config,
                              std::string_view where) {
  for (const auto& [key, value] : config.items()) {
    if (std::ranges::find(signature.arguments, key) == signature.arguments.end()) {
      return fail(ErrorCode::kUnimplemented, "{}: {} has an argument '{}'; known are {}", where,
                  signature.name, key, fmt::join(signature.arguments, ", "))
          .hint("the quantizer is of another version of QKeras than 0.9 and its source tree");
    }
  }
  const QuantizerFields fields(config, where, signature.name);
  Quantizer quantizer{.kind = signature.kind, .name = std::string(signature.name)};
  quantizer.symmetric = signature.kind == QuantizerKind::kLinear;
  TESSERA_CHECK(fields.whole("bits", 1, 32, quantizer.bits));
  TESSERA_CHECK(fields.whole("integer", -64, 64, quantizer.integer));
  TESSERA_CHECK(read_scale(fields, config, quantizer));
  TESSERA_CHECK(read_of_kind(fields, quantizer));
  float noise = 1;
  TESSERA_CHECK(fields.real("qnoise_factor", 0, 1, noise));
  if (noise != 1) {
    return fields.unknown("qnoise_factor", "1")
        .hint("a mixture of quantized and float values: finish the training with a factor of 1");
  }
  const bool automatic =
      quantizer.scale == ScaleRule::kAuto || quantizer.scale == ScaleRule::kAutoPo2;
  if (automatic &&
      (quantizer.kind == QuantizerKind::kBits || quantizer.kind == QuantizerKind::kHardSwish)) {
    quantizer.symmetric = true;
    if (quantizer.bits < 2) {
      return fields.unknown("bits", "2 or more with an automatic alpha")
          .hint("QKeras computes NaN there; binary(alpha='auto') is what was meant");
    }
  }
  return quantizer;
}

Result<std::optional<Quantizer>> from_call(std::string_view name, const Json& config,
                                           std::string_view where) {
  if (const auto function = function_of(name)) {
    Quantizer quantizer{.kind = QuantizerKind::kFunction, .name = std::string(name)};
    quantizer.function = *function;
    return quantizer;
  }
  if (name == "bernoulli") {
    return fail(ErrorCode::kUnimplemented, "{}: bernoulli draws random numbers in inference", where)
        .hint("no file can repeat them: train with binary(use_01=True) or stochastic_binary");
  }
  const auto* const signature = signature_of(name);
  if (signature == nullptr) {
    std::vector<std::string_view> known;
    std::ranges::transform(signatures(), std::back_inserter(known), &Signature::name);
    return fail(ErrorCode::kUnimplemented, "{}: the quantizer '{}' is not known", where, name)
        .hint("known are {}", fmt::join(known, ", "));
  }
  return from_config(*signature, config, where);
}

Result<std::optional<Quantizer>> from_text(std::string_view text, std::string_view where) {
  TESSERA_TRY(auto call, parse_call(text, where));
  const auto* const signature = signature_of(call.name);
  if (signature == nullptr) {
    return from_call(call.name, call.names, where);
  }
  if (call.places.size() > signature->arguments.size()) {
    return fail(ErrorCode::kInvalidArgument, "{}: '{}' has {} arguments by place; {} takes {}",
                where, text, call.places.size(), call.name, signature->arguments.size());
  }
  for (std::size_t i = 0; i < call.places.size(); ++i) {
    const std::string key(signature->arguments[i]);
    if (call.names.contains(key)) {
      return fail(ErrorCode::kInvalidArgument, "{}: '{}' gives {} twice", where, text, key);
    }
    call.names[key] = std::move(call.places[i]);
  }
  return from_call(call.name, call.names, where);
}

}  // namespace

bool names_quantizer(const Json& config) {
  if (config.is_string()) {
    const std::string_view text = config.get_ref<const std::string&>();
    const auto name = text.substr(0, text.find('('));
    return sounds_like_one(bare_name(name)) || name.size() < text.size();
  }
  if (!config.is_object()) {
    return false;
  }
  const auto name = config.find("class_name");
  if (name == config.end() || !name->is_string()) {
    return false;
  }
  const auto function = config.find("config");
  if (*name == "function" && function != config.end() && function->is_string()) {
    return function_of(function->get_ref<const std::string&>()).has_value();
  }
  return sounds_like_one(bare_name(name->get_ref<const std::string&>()));
}

Result<std::optional<Quantizer>> parse_quantizer(const Json& config, std::string_view where) {
  if (config.is_null()) {
    return std::nullopt;
  }
  if (config.is_string()) {
    return from_text(config.get_ref<const std::string&>(), where);
  }
  const auto name = config.is_object() ? config.find("class_name") : config.end();
  if (name == config.end() || !name->is_string()) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: a quantizer without a class_name; expected a text or an object with one",
                where);
  }
  const auto inner = config.find("config");
  if (*name == "function" && inner != config.end() && inner->is_string()) {
    return from_call(bare_name(inner->get_ref<const std::string&>()), Json::object(), where);
  }
  const auto module = config.find("module");
  if (module != config.end() && module->is_string() &&
      !module->get_ref<const std::string&>().starts_with("qkeras")) {
    return fail(ErrorCode::kUnimplemented, "{}: '{}' of the module '{}'; expected one of qkeras",
                where, name->get_ref<const std::string&>(), module->get_ref<const std::string&>());
  }
  if (inner != config.end() && !inner->is_object() && !inner->is_null()) {
    return fail(ErrorCode::kInvalidArgument, "{}: the config of a quantizer is no object", where);
  }
  const auto fields = inner != config.end() && inner->is_object() ? *inner : Json::object();
  return from_call(bare_name(name->get_ref<const std::string&>()), fields, where);
}

}  // namespace tessera::keras
