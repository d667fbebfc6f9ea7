// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

/// One list per record names and explains its members in documents: they are written from it, and
/// read where that takes no more than a conversion; tests hold schema/ and docs/ against it. A
/// record that has one declares `Fields<Record> fields_of(const Record*)` in its own namespace, in
/// the door fields.h of its room, which is included wherever as_json() or read_value() meets it.
///
/// Only those who include nlohmann/json.hpp can use the templates.
namespace tessera {

enum class FieldPresence : std::uint8_t {
  kAlways,
  kIfAny,  ///< left out where it is null or an empty word
  kLater,  ///< always written, but documents of earlier versions lack it
};

template <class Record>
struct Field {
  std::string_view name;  ///< its key; empty: its members stand among those of the record
  std::string_view says;  ///< what it is, with the unit where the name has none
  Json (*value)(const Record& record) = nullptr;  ///< null where it is unknown or has no meaning
  /// Takes it from a document, may throw Json::exception. null: it follows from others.
  void (*read)(Record& record, const Json& json) = nullptr;
  FieldPresence presence = FieldPresence::kAlways;

  [[nodiscard]] constexpr Field if_any() const { return with(FieldPresence::kIfAny); }
  [[nodiscard]] constexpr Field later() const { return with(FieldPresence::kLater); }

 private:
  [[nodiscard]] constexpr Field with(FieldPresence other) const {
    auto field = *this;
    field.presence = other;
    return field;
  }
};

/// In the order in which they are written.
template <class Record>
using Fields = std::span<const Field<Record>>;

template <class Record>
concept HasFields = requires(const Record* record) {
  fields_of(record);
};

/// Adds a member to an object, or with an empty name all of another object's.
void put_field(Json& object, std::string_view name, FieldPresence presence, Json&& value);
/// null if it is missing and may be. Throws Json::exception if it is missing and may not be.
[[nodiscard]] const Json* find_field(const Json& object, std::string_view name,
                                     FieldPresence presence);

/// Throws Json::exception.
[[noreturn]] void refuse_value(const Json& json, const std::string& why);
/// For Field::read: the value, or its error as Json::exception.
template <class T>
[[nodiscard]] T value_or_throw(Result<T> value, const Json& json) {
  if (!value) {
    refuse_value(json, value.error().message);
  }
  return *std::move(value);
}

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

/// A value as documents have it: records by their fields or their to_json(), enumerations by their
/// to_string(), lists and maps of all of these; null for what is absent.
template <class T, class J = Json>
[[nodiscard]] J as_json(const T& value) {
  if constexpr (HasFields<T>) {
    auto json = J::object();
    for (const auto& field : fields_of(&value)) {
      put_field(json, field.name, field.presence, field.value(value));
    }
    return json;
  } else if constexpr (requires {
                         { to_json(value) } -> std::same_as<J>;
                       }) {
    return to_json(value);
  } else if constexpr (kIsOptional<T>) {
    return value ? as_json(*value) : J();
  } else if constexpr (kIsVector<T>) {
    auto json = J::array();
    for (const auto& item : value) {
      json.push_back(as_json(item));
    }
    return json;
  } else if constexpr (kIsMap<T>) {
    auto json = J::object();
    for (const auto& [key, item] : value) {
      json[key] = as_json(item);
    }
    return json;
  } else if constexpr (requires { to_string(value); }) {
    return J(to_string(value));
  } else {
    return J(value);
  }
}

/// The way back, for records with fields, numbers, words, truths, and lists and maps of them.
/// Throws Json::exception for another type, for a whole number that is none, and for a missing
/// member. What `value` has that documents have not stays as it is.
template <class T, class J>
void read_value(T& value, const J& json) {
  if constexpr (HasFields<T>) {
    for (const auto& field : fields_of(&value)) {
      if (field.read == nullptr) {
        continue;
      }
      const auto* found = field.name.empty() ? &json : find_field(json, field.name, field.presence);
      if (found != nullptr) {
        field.read(value, *found);
      }
    }
  } else if constexpr (kIsOptional<T>) {
    value.reset();
    if (!json.is_null()) {
      read_value(value.emplace(), json);
    }
  } else if constexpr (kIsVector<T>) {
    value.clear();
    for (const auto& item : json.template get_ref<const typename J::array_t&>()) {
      read_value(value.emplace_back(), item);
    }
  } else if constexpr (kIsMap<T>) {
    value.clear();
    for (const auto& [key, item] : json.template get_ref<const typename J::object_t&>()) {
      read_value(value[key], item);
    }
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    value = static_cast<T>(integer_from(json));
  } else {
    value = json.template get<T>();
  }
}

template <class Record, class T>
Record record_of(T Record::*member);
template <auto member>
using RecordOf = decltype(record_of(member));

/// A member, or what a member function returns; follows from others, or the record's reader takes
/// it.
template <auto member>
[[nodiscard]] constexpr auto written(std::string_view name, std::string_view says) {
  using Record = RecordOf<member>;
  return Field<Record>{name, says,
                       [](const Record& record) { return as_json(std::invoke(member, record)); }};
}

/// A member that is read as it was written.
template <auto member>
[[nodiscard]] constexpr auto field(std::string_view name, std::string_view says) {
  auto made = written<member>(name, says);
  made.read = [](RecordOf<member>& record, const auto& json) { read_value(record.*member, json); };
  return made;
}

/// The members of a member that is a record, among those of the record that has it.
template <auto member>
[[nodiscard]] constexpr auto written_within() {
  return written<member>("", "");
}
template <auto member>
[[nodiscard]] constexpr auto fields_within() {
  return field<member>("", "");
}

/// A number that may be unknown: null for NaN and infinities.
template <auto member>
[[nodiscard]] constexpr auto written_figure(std::string_view name, std::string_view says) {
  using Record = RecordOf<member>;
  return Field<Record>{
      name, says, [](const Record& record) { return finite_or_null(std::invoke(member, record)); }};
}

/// The same, and null is read as 0.
template <auto member>
[[nodiscard]] constexpr auto figure(std::string_view name, std::string_view says) {
  auto made = written_figure<member>(name, says);
  made.read = [](RecordOf<member>& record, const auto& json) {
    record.*member = json.is_null() ? 0 : json.template get<double>();
  };
  return made;
}

/// A word: null where it is empty.
template <auto member>
[[nodiscard]] constexpr auto word(std::string_view name, std::string_view says) {
  using Record = RecordOf<member>;
  return Field<Record>{name, says,
                       []<class J = Json>(const Record& record)
                           ->J{return (record.*member).empty() ? J() : J(record.*member);
}
, [](Record& record, const auto& json) {
  record.*member = json.is_string() ? json.template get<std::string>() : "";
}
};  // namespace tessera
}

[[nodiscard]] Fields<struct Timing> fields_of(const struct Timing* timing);
[[nodiscard]] Fields<struct Energy> fields_of(const struct Energy* energy);

}  // namespace tessera
