// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/subset_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/core/file.h"
#include "tessera/core/json.h"

namespace tessera::noise {
namespace {

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint(R"(one subset per line: ["conv1", "conv2"] or {{"layers": ["conv1", "conv2"]}})");
}

bool is_float(const std::string& precision) {
  constexpr std::array<std::string_view, 4> kFloats{"float32", "fp32", "float16", "fp16"};
  return std::find(kFloats.begin(), kFloats.end(), precision) != kFloats.end();
}

/// The name of an entry of a plan; empty if it stays in float.
Result<std::string> integer_layer(const Json& entry, const std::string& what) {
  if (entry.is_string()) {
    return entry.get<std::string>();
  }
  const auto name = entry.is_object() ? entry.find("name") : entry.end();
  const auto precision = entry.is_object() ? entry.find("precision") : entry.end();
  if (name == entry.end() || !name->is_string() || precision == entry.end() ||
      !precision->is_string()) {
    return malformed(what, "a layer is neither a name nor {name, precision}");
  }
  return is_float(precision->get<std::string>()) ? std::string() : name->get<std::string>();
}

Result<LayerSet> layers_of(const Json& listed, const std::string& what, const LayerIndex& index) {
  if (!listed.is_array()) {
    return malformed(what, "'layers' is no list");
  }
  std::vector<std::string> names;
  for (const Json& entry : listed) {
    TESSERA_TRY(auto name, integer_layer(entry, what));
    if (!name.empty()) {
      names.push_back(std::move(name));
    }
  }
  return index.find(names).map_error(in_file(what));
}

Result<NamedSubset> subset_from_line(const Json& json, const std::string& what,
                                     const LayerIndex& index) {
  NamedSubset subset;
  const auto listed = json.is_object() ? json.find("layers") : json.end();
  if (!json.is_array() && listed == json.end()) {
    return malformed(what, "is neither a list of layers nor an object with one");
  }
  TESSERA_TRY(subset.layers, layers_of(json.is_array() ? json : *listed, what, index));
  if (json.is_object()) {
    if (const auto error = json.find("error"); error != json.end() && error->is_number()) {
      subset.error = error->get<double>();
    }
  }
  return subset;
}

}  // namespace

Result<std::vector<NamedSubset>> parse_subsets(std::string_view text, const std::string& what,
                                               const LayerIndex& index) {
  std::vector<NamedSubset> subsets;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const auto place = fmt::format("{}:{}", what, number);
    TESSERA_TRY(const auto json, parse_json(line, place));
    if (json.is_object() && json.contains("schema")) {
      continue;
    }
    TESSERA_TRY(auto subset, subset_from_line(json, place, index));
    subset.name = fmt::format("line {}", number);
    subsets.push_back(std::move(subset));
  }
  if (subsets.empty()) {
    return malformed(what, "has no subset");
  }
  return subsets;
}

Result<std::vector<NamedSubset>> read_subsets(const std::filesystem::path& path,
                                              const LayerIndex& index) {
  TESSERA_TRY(const auto text, read_file(path));
  return parse_subsets(text, path.string(), index);
}

Result<NamedSubset> subset_from_plan(const Json& document, const std::string& what,
                                     const LayerIndex& index) {
  const Json* holder = &document;
  if (document.is_object() && document.contains("result")) {
    holder = &document["result"];
  }
  const auto listed = holder->is_object() ? holder->find("layers") : holder->end();
  if (listed == holder->end()) {
    return malformed(what, "the plan has no 'layers'");
  }
  TESSERA_TRY(auto layers, layers_of(*listed, what, index));
  return NamedSubset{.name = what, .layers = std::move(layers)};
}

Result<NamedSubset> read_plan(const std::filesystem::path& path, const LayerIndex& index) {
  TESSERA_TRY(const auto document, read_json(path));
  return subset_from_plan(document, path.string(), index);
}

}  // namespace tessera::noise
