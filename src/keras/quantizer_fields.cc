// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_fields.h"

#include "tessera/core/compact_text.h"

namespace tessera::keras {

const Json* QuantizerFields::given(const char* key) const {
  const auto found = config_.find(key);
  return found == config_.end() || found->is_null() ? nullptr : &*found;
}

Status QuantizerFields::whole(const char* key, int low, int high, int& value) const {
  const auto* const json = given(key);
  if (json == nullptr) {
    return {};
  }
  const auto number = whole_number(*json);
  if (!number || *number < low || *number > high) {
    return wrong(key, *json, fmt::format("a whole number from {} to {}", low, high));
  }
  value = static_cast<int>(*number);
  return {};
}

Status QuantizerFields::flag(const char* key, bool& value) const {
  const auto* const json = given(key);
  if (json == nullptr) {
    return {};
  }
  if (json->is_boolean()) {
    value = json->get<bool>();
    return {};
  }
  const auto number = whole_number(*json);
  if (!number || *number < 0 || *number > 1) {
    return wrong(key, *json, "true or false");
  }
  value = *number == 1;
  return {};
}

Status QuantizerFields::real(const char* key, double low, double high, float& value) const {
  const auto* const json = given(key);
  if (json == nullptr) {
    return {};
  }
  const auto number = json->is_number() ? json->get<double>() : std::nan("");
  if (!(number >= low && number <= high)) {
    return wrong(key, *json, fmt::format("a number from {} to {}", low, high));
  }
  value = static_cast<float>(number);
  return {};
}

Status QuantizerFields::real(const char* key, double low, double high,
                             std::optional<float>& value) const {
  if (given(key) == nullptr) {
    return {};
  }
  float number = 0;
  TESSERA_CHECK(real(key, low, high, number));
  value = number;
  return {};
}

Status QuantizerFields::exponent(const char* key, std::optional<int>& value) const {
  if (given(key) == nullptr) {
    return {};
  }
  int number = 0;
  TESSERA_CHECK(whole(key, -126, 127, number));
  value = number;
  return {};
}

Failure QuantizerFields::wrong(const char* key, const Json& value,
                               std::string_view expected) const {
  return fail(ErrorCode::kInvalidArgument, "{}: {} of {} is {}; expected {}", where_, key, name_,
              compact_text(value), expected);
}
Failure QuantizerFields::unknown(const char* key, std::string_view expected) const {
  const auto* const json = given(key);
  return fail(ErrorCode::kUnimplemented, "{}: {} of {} is {}; only {} is supported", where_, key,
              name_, json == nullptr ? "null" : compact_text(*json), expected);
}

}  // namespace tessera::keras
