// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/scheme.h"
#include "tessera/core/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace tessera::quantize {
namespace {

template <class Enum>
struct Spelling {
  Enum value;
  std::string_view text;
};

constexpr std::array kModes = {
    Spelling<Mode>{Mode::kFloat32, "float32"}, Spelling<Mode>{Mode::kStatic, "static"},
    Spelling<Mode>{Mode::kDynamic, "dynamic"}, Spelling<Mode>{Mode::kFloat16, "float16"},
    Spelling<Mode>{Mode::kWeightOnly, "weight-only"}};
constexpr std::array kFormats = {Spelling<Format>{Format::kQdq, "qdq"},
                                 Spelling<Format>{Format::kQOperator, "qoperator"},
                                 Spelling<Format>{Format::kQdqInputs, "qdq-inputs"},
                                 Spelling<Format>{Format::kKernels, "kernels"}};
constexpr std::array kSymmetries = {Spelling<WeightSymmetry>{WeightSymmetry::kAuto, "auto"},
                                    Spelling<WeightSymmetry>{WeightSymmetry::kOn, "on"},
                                    Spelling<WeightSymmetry>{WeightSymmetry::kOff, "off"}};
constexpr std::array kTypes = {
    Spelling<DType>{DType::kUInt8, "u8"},   Spelling<DType>{DType::kInt8, "s8"},
    Spelling<DType>{DType::kUInt16, "u16"}, Spelling<DType>{DType::kInt16, "s16"},
    Spelling<DType>{DType::kUInt4, "u4"},   Spelling<DType>{DType::kInt4, "s4"}};

template <class Table, class Enum>
std::string_view spell(const Table& table, Enum value) noexcept {
  const auto* found =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.value == value; });
  return found == table.end() ? std::string_view("?") : found->text;
}

template <class Table>
auto parse(const Table& table, std::string_view what, std::string_view text)
    -> Result<decltype(table[0].value)> {
  for (const auto& row : table) {
    if (row.text == text) {
      return row.value;
    }
  }
  std::vector<std::string> known;
  known.reserve(table.size());
  for (const auto& row : table) {
    known.emplace_back(row.text);
  }
  return fail(ErrorCode::kInvalidArgument, "{} '{}' is unknown", what, text)
      .hint("use one of: {}", fmt::join(known, ", "));
}

bool one_of(DType dtype, std::initializer_list<DType> known) {
  return std::find(known.begin(), known.end(), dtype) != known.end();
}

Status validate_static(const Scheme& scheme) {
  if (!one_of(scheme.activation, {DType::kUInt8, DType::kInt8, DType::kUInt16, DType::kInt16})) {
    return fail(ErrorCode::kInvalidArgument, "activations cannot be quantized to {}",
                short_name(scheme.activation))
        .hint("use u8, s8, u16 or s16");
  }
  if (!one_of(scheme.weight, {DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16,
                              DType::kInt4, DType::kUInt4})) {
    return fail(ErrorCode::kInvalidArgument, "weights cannot be quantized to {}",
                short_name(scheme.weight))
        .hint("use s8, u8, s16, u16, s4 or u4");
  }
  return {};
}

Status validate_weight_only(const Scheme& scheme) {
  if (scheme.format == Format::kQdqInputs || scheme.format == Format::kKernels) {
    return fail(ErrorCode::kInvalidArgument, "weight-only quantization has no activations to place")
        .hint("use --format qdq or qoperator");
  }
  if (!one_of(scheme.weight, {DType::kInt8, DType::kUInt8, DType::kInt4, DType::kUInt4})) {
    return fail(ErrorCode::kInvalidArgument, "weight-only quantization has no {} form",
                short_name(scheme.weight))
        .hint("use --weight s8, u8, s4 or u4");
  }
  const auto block = scheme.block_size;
  if (block == 0) {
    return {};
  }
  if (block < 16 || (block & (block - 1)) != 0) {
    return fail(ErrorCode::kInvalidArgument, "block size {} is not a power of two of at least 16",
                block)
        .hint("use 32, 64 or 128");
  }
  return {};
}

Failure wrong_type(std::string_view key, std::string_view expected) {
  return fail(ErrorCode::kInvalidArgument, "scheme key '{}' is not {}", key, expected);
}

Result<std::string> text_of(const Json& json, std::string_view key) {
  if (!json.is_string()) {
    return wrong_type(key, "a string");
  }
  return json.get<std::string>();
}

Status read_bool(const Json& json, std::string_view key, bool& out) {
  if (!json.is_boolean()) {
    return wrong_type(key, "true or false");
  }
  out = json.get<bool>();
  return {};
}

Status read_field(const std::string& key, const Json& value, Scheme& scheme) {
  if (key == "per_channel") {
    return read_bool(value, key, scheme.per_channel);
  }
  if (key == "reduce_range") {
    return read_bool(value, key, scheme.reduce_range);
  }
  if (key == "activation_symmetric") {
    return read_bool(value, key, scheme.activation_symmetric);
  }
  if (key == "exact_inputs") {
    return read_bool(value, key, scheme.exact_inputs);
  }
  if (key == "block_size") {
    // Through 64 bits: a value beyond int must be refused, not wrapped around.
    const auto size = whole_number(value).value_or(-1);
    if (size < 0 || size > (1 << 20)) {
      return wrong_type(key, "an integer between 0 and 1048576");
    }
    scheme.block_size = static_cast<int>(size);
    return {};
  }
  TESSERA_TRY(const auto text, text_of(value, key));
  if (key == "mode") {
    TESSERA_TRY(scheme.mode, parse(kModes, key, text));
  } else if (key == "format") {
    TESSERA_TRY(scheme.format, parse(kFormats, key, text));
  } else if (key == "activation") {
    TESSERA_TRY(scheme.activation, parse(kTypes, key, text));
  } else if (key == "weight") {
    TESSERA_TRY(scheme.weight, parse(kTypes, key, text));
  } else if (key == "weight_symmetric") {
    TESSERA_TRY(scheme.weight_symmetric, parse(kSymmetries, key, text));
  } else {
    TESSERA_TRY(scheme.method, numerics::range_method_from_string(text));
  }
  return {};
}

constexpr std::array<std::string_view, 11> kKeys = {
    "mode",         "format", "activation",           "weight",           "per_channel",
    "reduce_range", "method", "activation_symmetric", "weight_symmetric", "block_size",
    "exact_inputs"};

}  // namespace

Scheme scheme_for(const Host& host) {
  Scheme scheme;
  const bool arm = host.architecture == "aarch64" || host.architecture == "arm64";
  scheme.activation = arm ? DType::kInt8 : DType::kUInt8;
  // Without VNNI, x86 adds pairs of u8 x s8 products in 16 bits and saturates: 255 x 127 x 2 does
  // not fit. One bit less in the weights does.
  scheme.reduce_range = !arm && !host.has_int8_dot_product();
  return scheme;
}

std::string to_string(const Scheme& scheme) {
  const auto types = short_name(scheme.activation) + short_name(scheme.weight);
  switch (scheme.mode) {
    case Mode::kFloat32:
    case Mode::kFloat16:
      return std::string(to_string(scheme.mode));
    case Mode::kWeightOnly:
      return scheme.block_size == 0
                 ? fmt::format("weight-only-{}{}", short_name(scheme.weight),
                               scheme.per_channel ? "-channel" : "")
                 : fmt::format("weight-only-{}{}-b{}", short_name(scheme.weight),
                               scheme.format == Format::kQdq ? "-qdq" : "", scheme.block_size);
    case Mode::kDynamic:
    case Mode::kStatic:
      break;
  }
  auto text = fmt::format(
      "{}-{}", scheme.mode == Mode::kDynamic ? "dynamic" : to_string(scheme.format), types);
  text += scheme.per_channel ? "-channel" : "";
  text += scheme.reduce_range ? "-reduced" : "";
  text += scheme.activation_symmetric ? "-symmetric" : "";
  if (scheme.weight_symmetric != WeightSymmetry::kAuto) {
    text += scheme.weight_symmetric == WeightSymmetry::kOn ? "-wsym" : "-wasym";
  }
  if (scheme.mode == Mode::kStatic && scheme.method != numerics::RangeMethod::kMinMax) {
    text += fmt::format("-{}", numerics::to_string(scheme.method));
  }
  return text;
}

std::string_view to_string(Mode mode) noexcept {
  return spell(kModes, mode);
}

std::string_view to_string(Format format) noexcept {
  return spell(kFormats, format);
}

std::string short_name(DType dtype) {
  const auto name = spell(kTypes, dtype);
  return std::string(name == "?" ? tessera::to_string(dtype) : name);
}

Result<DType> dtype_from_short_name(std::string_view name) {
  return parse(kTypes, "integer type", name);
}

Scheme float32_scheme() {
  Scheme scheme;
  scheme.mode = Mode::kFloat32;
  return scheme;
}

bool has_symmetric_weights(const Scheme& scheme) noexcept {
  return scheme.weight_symmetric == WeightSymmetry::kAuto
             ? one_of(scheme.weight, {DType::kInt8, DType::kInt16, DType::kInt4})
             : scheme.weight_symmetric == WeightSymmetry::kOn;
}

Status validate(const Scheme& scheme) {
  switch (scheme.mode) {
    case Mode::kStatic:
      return validate_static(scheme);
    case Mode::kWeightOnly:
      return validate_weight_only(scheme);
    case Mode::kDynamic:
    case Mode::kFloat32:
    case Mode::kFloat16:
      break;
  }
  return {};
}

Result<Scheme> scheme_from_json(const Json& json, const Scheme& base) {
  auto scheme = base;
  if (json.is_string()) {
    TESSERA_TRY(scheme.mode, parse(kModes, "scheme", json.get<std::string>()));
    scheme.exact_inputs = scheme.mode == Mode::kFloat32;
    TESSERA_CHECK(validate(scheme));
    return scheme;
  }
  if (!json.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "a scheme is neither an object nor the name of a mode")
        .hint("for example {{\"activation\": \"u8\", \"weight\": \"s8\"}} or \"float32\"");
  }
  for (const auto& [key, value] : json.items()) {
    TESSERA_CHECK(check_key(key, kKeys, "scheme"));
    TESSERA_CHECK(read_field(key, value, scheme));
  }
  TESSERA_CHECK(validate(scheme));
  return scheme;
}

Json to_json(const Scheme& scheme) {
  Json json{{"mode", to_string(scheme.mode)},
            {"format", to_string(scheme.format)},
            {"activation", short_name(scheme.activation)},
            {"weight", short_name(scheme.weight)},
            {"per_channel", scheme.per_channel},
            {"reduce_range", scheme.reduce_range},
            {"activation_symmetric", scheme.activation_symmetric},
            {"weight_symmetric", spell(kSymmetries, scheme.weight_symmetric)},
            {"method", numerics::to_string(scheme.method)},
            {"block_size", scheme.block_size}};
  if (scheme.exact_inputs) {
    json["exact_inputs"] = true;
  }
  return json;
}

}  // namespace tessera::quantize
