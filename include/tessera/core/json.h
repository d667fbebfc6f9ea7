// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/file.h"
#include "tessera/core/result.h"

namespace tessera {

/// JSON with members in the order they were added, so that artefacts are stable.
using Json = nlohmann::ordered_json;

/// Parses one JSON document. Refuses duplicate keys, NaN literals, trailing text and nesting
/// deeper than 200 levels. `what` names the text in the error.
/// Errors: kDataLoss with line and column.
[[nodiscard]] Result<Json> parse_json(std::string_view text, std::string_view what);

/// Reads and parses a file of at most 1 GiB.
[[nodiscard]] Result<Json> read_json(const std::filesystem::path& path);

/// A whole number that fits, be it written 10 or 10.0; none for anything else, where Json::get()
/// would cut off fractions and wrap around.
[[nodiscard]] std::optional<std::int64_t> whole_number(const Json& json);
/// The same of a member.
[[nodiscard]] std::optional<std::int64_t> whole_number_at(const Json& json, const char* key);
/// The same; `otherwise` where it is missing or no such number.
[[nodiscard]] std::int64_t whole_number_or(const Json& json, const char* key,
                                           std::int64_t otherwise);
/// The same, but throws Json::type_error, as Json::get() does: for readers that catch
/// Json::exception anyway.
[[nodiscard]] std::int64_t integer_from(const Json& json);

/// null where it is unknown.
[[nodiscard]] Json or_null(const std::optional<double>& value);
[[nodiscard]] Json or_null(const std::optional<std::int64_t>& value);

/// null for NaN and infinities, as to_text() writes them.
[[nodiscard]] Json finite_or_null(double value);

/// Two-space indented text with a final newline. NaN and infinities become null; bytes that are
/// not UTF-8 are replaced.
[[nodiscard]] std::string to_text(const Json& json);

/// Writes `to_text(json)` by way of a temporary file.
[[nodiscard]] Status write_json(const std::filesystem::path& path, const Json& json,
                                Overwrite overwrite);

}  // namespace tessera
