// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "tessera/core/compact_text.h"

namespace tessera {
namespace {

constexpr int kMaxDepth = 200;
constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 30;

struct StructureProblem {
  std::string text;
};

/// Refuses what nlohmann accepts silently: duplicate keys and bottomless nesting.
class StrictCallback {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) {
      throw StructureProblem{fmt::format("nested deeper than {} levels", kMaxDepth)};
    }
    if (event == Json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      auto key = parsed.get<std::string>();
      if (!keys_.back().insert(key).second) {
        throw StructureProblem{fmt::format("key '{}' appears twice", key)};
      }
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

std::string position_in(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, offset > 0 ? offset - 1 : 0)) {
    line += c == '\n' ? 1 : 0;
    column = c == '\n' ? 1 : column + 1;
  }
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text, StrictCallback());
  } catch (const Json::parse_error& problem) {
    return fail(ErrorCode::kDataLoss, "{} is not valid JSON at {}", what,
                position_in(text, problem.byte))
        .hint("check the syntax there: a missing comma, quote or bracket is the usual cause");
  } catch (const StructureProblem& problem) {
    return fail(ErrorCode::kDataLoss, "{}: {}", what, problem.text);
  } catch (const Json::exception&) {
    return fail(ErrorCode::kDataLoss, "{} holds a number that is out of range", what);
  }
}

Result<Json> read_json(const std::filesystem::path& path) {
  TESSERA_TRY(const auto text, read_file(path, kMaxFileBytes));
  return parse_json(text, fmt::format("'{}'", path.string()));
}

std::optional<std::int64_t> whole_number(const Json& json) {
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  constexpr double kLargestExact = std::int64_t{1} << 53;
  if (json.is_number_float()) {
    const auto value = json.get<double>();
    const bool whole = std::abs(value) <= kLargestExact && std::trunc(value) == value;
    return whole ? std::optional(static_cast<std::int64_t>(value)) : std::nullopt;
  }
  const bool fits = !json.is_number_unsigned() || json.get<std::uint64_t>() <= kLargest;
  return json.is_number_integer() && fits ? std::optional(json.get<std::int64_t>()) : std::nullopt;
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json or_null(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json();
}

std::optional<std::int64_t> whole_number_at(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found == json.end() ? std::nullopt : whole_number(*found);
}

std::int64_t whole_number_or(const Json& json, const char* key, std::int64_t otherwise) {
  return whole_number_at(json, key).value_or(otherwise);
}

std::int64_t integer_from(const Json& json) {
  const auto value = whole_number(json);
  if (!value) {
    constexpr int kTypeError = 302;
    throw Json::type_error::create(kTypeError, "a whole number was expected", &json);
  }
  return *value;
}

Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string compact_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status write_json(const std::filesystem::path& path, const Json& json, Overwrite overwrite) {
  return write_file(path, to_text(json), overwrite);
}

}  // namespace tessera
