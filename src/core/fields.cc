// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/fields.h"

#include <nlohmann/json.hpp>

namespace tessera {
namespace {

bool is_nothing(const Json& value) {
  return value.is_null() || value == "";
}

}  // namespace

void put_field(Json& object, std::string_view name, FieldPresence presence, Json&& value) {
  if (name.empty()) {
    object.update(value);
  } else if (presence != FieldPresence::kIfAny || !is_nothing(value)) {
    object[std::string(name)] = std::move(value);
  }
}

const Json* find_field(const Json& object, std::string_view name, FieldPresence presence) {
  const std::string key(name);
  if (presence == FieldPresence::kAlways) {
    return &object.at(key);
  }
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

void refuse_value(const Json& json, const std::string& why) {
  constexpr int kOtherError = 501;
  throw Json::other_error::create(kOtherError, why, &json);
}

}  // namespace tessera
