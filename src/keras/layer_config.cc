// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/layer_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/core/compact_text.h"

namespace tessera::keras {
namespace {

constexpr std::size_t kMostShown = 60;

bool in_bounds(std::int64_t value) {
  return value > -LayerConfig::kMostExtent && value < LayerConfig::kMostExtent;
}

}  // namespace

bool LayerConfig::has(const char* key) const {
  return !at(key).is_null();
}

const Json& LayerConfig::at(const char* key) const {
  static const Json kNone;
  if (!layer_.config.is_object()) {
    return kNone;
  }
  const auto found = layer_.config.find(key);
  return found == layer_.config.end() ? kNone : *found;
}

Failure LayerConfig::wrong(const char* key, std::string_view expected) const {
  const auto& value = at(key);
  const auto shown =
      value.is_null() ? std::string("missing") : compact_text(value).substr(0, kMostShown);
  return fail(ErrorCode::kDataLoss, "layer '{}' ({}): {} is {}; expected {}", layer_.name,
              layer_.class_name, key, shown, expected)
      .hint("the configuration is damaged or was edited by hand; save the model again");
}

Result<std::int64_t> LayerConfig::integer(const char* key) const {
  const auto value = whole_number(at(key));
  if (!value || !in_bounds(*value)) {
    return wrong(key, "a whole number");
  }
  return *value;
}

Result<std::int64_t> LayerConfig::positive(const char* key) const {
  const auto value = whole_number(at(key));
  if (!value || *value < 1 || !in_bounds(*value)) {
    return wrong(key, "a whole number from 1 up");
  }
  return *value;
}

Result<std::int64_t> LayerConfig::positive_or(const char* key, std::int64_t otherwise) const {
  return has(key) ? positive(key) : Result<std::int64_t>(otherwise);
}

Result<bool> LayerConfig::flag(const char* key, bool otherwise) const {
  const auto& value = at(key);
  if (value.is_null()) {
    return otherwise;
  }
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  if (const auto number = whole_number(value); number && (*number == 0 || *number == 1)) {
    return *number == 1;
  }
  return wrong(key, "true or false");
}

Result<float> LayerConfig::number(const char* key, float otherwise) const {
  const auto& value = at(key);
  if (value.is_null()) {
    return otherwise;
  }
  // Numbers that came from NumPy may stand as lists of one.
  const auto& plain = value.is_array() && value.size() == 1 ? value.front() : value;
  if (!plain.is_number()) {
    return wrong(key, "a number");
  }
  const auto result = static_cast<float>(plain.get<double>());
  if (!std::isfinite(result)) {
    return wrong(key, "a finite number");
  }
  return result;
}

Result<std::vector<float>> LayerConfig::numbers(const char* key) const {
  const auto& value = at(key);
  if (value.is_number()) {
    TESSERA_TRY(const auto one, number(key, 0));
    return std::vector<float>{one};
  }
  // [[1, 2, 3]] is what broadcast means are written as.
  const bool nested = value.is_array() && value.size() == 1 && value.front().is_array();
  const auto& list = nested ? value.front() : value;
  if (!list.is_array()) {
    return wrong(key, "numbers");
  }
  std::vector<float> result;
  for (const auto& one : list) {
    if (!one.is_number()) {
      return wrong(key, "numbers");
    }
    result.push_back(static_cast<float>(one.get<double>()));
    if (!std::isfinite(result.back())) {
      return wrong(key, "finite numbers");
    }
  }
  return result;
}

Result<std::string> LayerConfig::text(const char* key, std::string_view otherwise) const {
  const auto& value = at(key);
  if (value.is_null()) {
    return std::string(otherwise);
  }
  if (!value.is_string()) {
    return wrong(key, "a text");
  }
  return value.get<std::string>();
}

Result<std::vector<std::int64_t>> LayerConfig::extents(const char* key, std::size_t count,
                                                       std::int64_t otherwise) const {
  if (!has(key)) {
    return std::vector<std::int64_t>(count, otherwise);
  }
  TESSERA_TRY(auto values, integers(key));
  if (values.size() == 1) {
    values.assign(count, values.front());
  }
  if (values.size() != count) {
    return wrong(key, count == 1 ? "one number" : "one number per axis");
  }
  for (const auto value : values) {
    if (value < 1) {
      return wrong(key, "numbers from 1 up");
    }
  }
  return values;
}

Result<std::vector<std::int64_t>> LayerConfig::pairs(const char* key, std::size_t count) const {
  const auto& value = at(key);
  const auto checked = [](const Json& json) {
    const auto number = whole_number(json);
    return number && *number >= 0 && in_bounds(*number) ? number : std::nullopt;
  };
  std::vector<std::int64_t> result;
  if (const auto one = checked(value)) {
    return std::vector<std::int64_t>(2 * count, *one);
  }
  // One axis: [2, 3] is its pair. More: [2, 3] are symmetric ones.
  if (count == 1 && value.is_array() && value.size() == 2 && checked(value[0]) &&
      checked(value[1])) {
    return std::vector<std::int64_t>{*checked(value[0]), *checked(value[1])};
  }
  if (!value.is_array() || value.size() != count) {
    return wrong(key, "a number, or a pair per axis");
  }
  for (const auto& axis : value) {
    if (const auto both = checked(axis)) {
      result.insert(result.end(), 2, *both);
      continue;
    }
    if (!axis.is_array() || axis.size() != 2 || !checked(axis[0]) || !checked(axis[1])) {
      return wrong(key, "a number, or a pair per axis");
    }
    result.insert(result.end(), {*checked(axis[0]), *checked(axis[1])});
  }
  return result;
}

Result<std::vector<std::int64_t>> LayerConfig::integers(const char* key) const {
  const auto& value = at(key);
  std::vector<std::int64_t> result;
  if (const auto one = whole_number(value); one && in_bounds(*one)) {
    return std::vector<std::int64_t>{*one};
  }
  if (!value.is_array()) {
    return wrong(key, "whole numbers");
  }
  for (const auto& one : value) {
    const auto number = whole_number(one);
    if (!number || !in_bounds(*number)) {
      return wrong(key, "whole numbers");
    }
    result.push_back(*number);
  }
  return result;
}

Status LayerConfig::expect_channels_last() const {
  TESSERA_TRY(const auto format, text("data_format", "channels_last"));
  if (format != "channels_last") {
    return fail(ErrorCode::kUnimplemented,
                "layer '{}' ({}): data_format is {}; expected "
                "channels_last",
                layer_.name, layer_.class_name, format)
        .hint("build the network with channels last, give it the same weights, and save it again");
  }
  return {};
}

bool is_qkeras(std::string_view class_name) {
  return class_name.size() > 1 && class_name[0] == 'Q' && class_name[1] >= 'A' &&
         class_name[1] <= 'Z';
}

Result<std::optional<Quantizer>> activation_quantizer(const Layer& layer, const Json& activation,
                                                      std::string_view where) {
  if (!is_qkeras(layer.class_name) || !names_quantizer(activation)) {
    return std::nullopt;
  }
  return parse_quantizer(activation, where);
}

}  // namespace tessera::keras
