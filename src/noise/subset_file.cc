// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/subset_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "noise/lines.h"
#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/text.h"

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

Result<WrittenLayer> written_layer(const Json& entry, const std::string& what) {
  if (entry.is_string()) {
    return WrittenLayer{.name = entry.get<std::string>(), .precision = {}};
  }
  const auto name = entry.is_object() ? entry.find("name") : entry.end();
  const auto precision = entry.is_object() ? entry.find("precision") : entry.end();
  if (name == entry.end() || !name->is_string() || precision == entry.end() ||
      !precision->is_string()) {
    return malformed(what, "a layer is neither a name nor {name, precision}");
  }
  return WrittenLayer{name->get<std::string>(), precision->get<std::string>()};
}

Result<std::vector<WrittenLayer>> layers_of(const Json& listed, const std::string& what) {
  if (!listed.is_array()) {
    return malformed(what, "'layers' is no list");
  }
  std::vector<WrittenLayer> layers;
  for (const Json& entry : listed) {
    TESSERA_TRY(auto layer, written_layer(entry, what));
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The text of a line is a list or an object; nothing for the header of a sweep.
Result<std::optional<WrittenSubset>> subset_from_json(const Line& line) {
  TESSERA_TRY(const auto json, parse_json(line.text, line.place));
  WrittenSubset subset{{}, std::numeric_limits<double>::quiet_NaN(), line.number, line.place};
  if (json.is_array()) {
    TESSERA_TRY(subset.layers, layers_of(json, line.place));
    return subset;
  }
  if (json.contains("schema")) {
    return std::nullopt;
  }
  const auto listed = json.find("layers");
  if (listed == json.end()) {
    return malformed(line.place, "is neither a list of layers nor an object with one");
  }
  TESSERA_TRY(subset.layers, layers_of(*listed, line.place));
  if (const auto error = json.find("error"); error != json.end() && error->is_number()) {
    subset.error = error->get<double>();
  }
  return subset;
}

WrittenSubset subset_from_names(const Line& line) {
  WrittenSubset subset{{}, std::numeric_limits<double>::quiet_NaN(), line.number, line.place};
  for (const auto name : split(line.text, ',')) {
    subset.layers.push_back({.name = std::string(trim(name)), .precision = {}});
  }
  return subset;
}

}  // namespace

Result<std::vector<WrittenSubset>> parse_written_subsets(std::string_view text,
                                                         std::string_view what) {
  std::vector<WrittenSubset> subsets;
  for (const auto& line : lines_of(text, what)) {
    if (line.text.front() == '[' || line.text.front() == '{') {
      TESSERA_TRY(auto subset, subset_from_json(line));
      if (subset) {
        subsets.push_back(*std::move(subset));
      }
    } else if (line.text.front() != '#') {
      subsets.push_back(subset_from_names(line));
    }
  }
  return subsets;
}

namespace {

/// Of what is no float: the name of the layer that is meant. A sweep may not know its schemes.
Result<std::string> swept_name(const WrittenLayer& layer, const LayerIndex& index) {
  constexpr std::string_view kAnyInteger = "int8";
  const auto first = index.position(layer.name);
  const auto& scheme = first >= 0 ? index.scheme(first) : std::string();
  if (layer.precision.empty() || layer.precision == kAnyInteger || scheme.empty() ||
      layer.precision == scheme) {
    return layer.name;
  }
  return fail(ErrorCode::kInvalidArgument, "layer '{}' was not swept in '{}' but in '{}'",
              layer.name, layer.precision, scheme)
      .hint(
          "sweep that scheme too (tessera error sweep --schemes), or write int8 for the first "
          "scheme that a layer was swept in");
}

}  // namespace

Result<LayerSet> find_layers(const WrittenSubset& subset, const LayerIndex& index) {
  std::vector<std::string> names;
  for (const auto& layer : subset.layers) {
    auto in_scheme = layer.name + "@" + layer.precision;
    if (index.position(in_scheme) >= 0) {
      names.push_back(std::move(in_scheme));
    } else if (!is_float(layer.precision)) {
      TESSERA_TRY(auto name, swept_name(layer, index).map_error(in_file(subset.place)));
      names.push_back(std::move(name));
    }
  }
  return index.find(names).map_error(in_file(subset.place));
}

Result<std::vector<NamedSubset>> parse_subsets(std::string_view text, const std::string& what,
                                               const LayerIndex& index) {
  TESSERA_TRY(const auto written, parse_written_subsets(text, what));
  if (written.empty()) {
    return malformed(what, "has no subset");
  }
  std::vector<NamedSubset> subsets;
  for (const auto& subset : written) {
    TESSERA_TRY(auto layers, find_layers(subset, index));
    subsets.push_back({fmt::format("line {}", subset.line), std::move(layers), subset.error});
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
  WrittenSubset written{.layers = {}, .place = what};
  TESSERA_TRY(written.layers, layers_of(*listed, what));
  TESSERA_TRY(auto layers, find_layers(written, index));
  return NamedSubset{.name = what, .layers = std::move(layers)};
}

Result<NamedSubset> read_plan(const std::filesystem::path& path, const LayerIndex& index) {
  TESSERA_TRY(const auto document, read_json(path));
  return subset_from_plan(document, path.string(), index);
}

}  // namespace tessera::noise
