// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace tessera::noise {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera error sweep MODEL --data D -o FILE'");
}

/// nlohmann writes what JSON has no number for as null; this says so in the value already.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number_or(const Json& json, const char* key, double absent, double null) {
  const auto found = json.find(key);
  if (found == json.end()) {
    return absent;
  }
  return found->is_number() ? found->get<double>() : null;
}

std::int64_t integer_or(const Json& json, const char* key, std::int64_t absent) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : absent;
}

std::string text_or(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string compact_or(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? found->dump() : std::string();
}

std::optional<double> optional_number(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) {
    return std::nullopt;
  }
  return found->get<double>();
}

/// A ratio that JSON cannot hold: nothing to hear, or nothing but noise.
double unlimited_db(double error) {
  return error == 0 ? kInfinity : -kInfinity;
}

Json layer_json(const SweepLayer& layer) {
  return Json{{"name", layer.name},
              {"type", layer.type},
              {"macs", layer.macs},
              {"scheme", layer.scheme},
              {"noise_power", number(layer.noise_power)},
              {"signal_power", number(layer.signal_power)}};
}

Json output_json(const SweepOutput& output) {
  return Json{{"name", output.name},
              {"elements", output.elements},
              {"power", number(output.power)},
              {"weight", output.weight}};
}

SweepLayer layer_from_json(const Json& json) {
  return {text_or(json, "name"),
          text_or(json, "type"),
          integer_or(json, "macs", 0),
          text_or(json, "scheme"),
          number_or(json, "noise_power", 0, kNaN),
          number_or(json, "signal_power", 0, kNaN)};
}

Result<std::vector<Json>> objects(const Json& result, const char* key, std::string_view what) {
  std::vector<Json> list;
  const auto found = result.find(key);
  if (found == result.end() || !found->is_array()) {
    return malformed(what, fmt::format("the header has no list '{}'", key));
  }
  for (const auto& item : *found) {
    if (!item.is_object() || text_or(item, "name").empty()) {
      return malformed(what, fmt::format("an entry of '{}' has no name", key));
    }
    list.push_back(item);
  }
  return list;
}

std::optional<ModelInfo> model_of(const Json& document) {
  const auto found = document.find("model");
  if (found == document.end() || !found->is_object()) {
    return std::nullopt;
  }
  return ModelInfo{text_or(*found, "path"), text_or(*found, "sha256"), text_or(*found, "format")};
}

/// The design without the part of it that a shard is.
std::string whole_design(const std::string& design) {
  auto json = Json::parse(design, nullptr, false);
  if (!json.is_object()) {
    return design;
  }
  json.erase("shard");
  return json.dump();
}

Result<std::vector<std::string>> layer_names(const Json& json, std::string_view what) {
  const auto found = json.find("layers");
  if (found == json.end() || !found->is_array()) {
    return malformed(what, "has no list 'layers'");
  }
  std::vector<std::string> names;
  for (const auto& name : *found) {
    if (!name.is_string()) {
      return malformed(what, "'layers' holds something that is no name");
    }
    names.push_back(name.get<std::string>());
  }
  return names;
}

std::vector<SweepOutputError> output_errors(const Json& json) {
  std::vector<SweepOutputError> outputs;
  const auto found = json.find("outputs");
  if (found == json.end() || !found->is_array()) {
    return outputs;
  }
  for (const auto& item : *found) {
    if (item.is_object()) {
      const auto error = number_or(item, "error", kNaN, kNaN);
      outputs.push_back(
          {text_or(item, "name"), error, number_or(item, "sqnr_db", kNaN, unlimited_db(error))});
    }
  }
  return outputs;
}

struct Line {
  std::string_view text;
  std::size_t number = 0;
  bool complete = false;  ///< ends in a newline
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      lines.push_back({line, number, end != std::string_view::npos});
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// Gathers the records of several files.
class Reader {
 public:
  Status add(const std::filesystem::path& path) {
    const auto what = fmt::format("'{}'", path.string());
    TESSERA_TRY(const auto text, read_file(path));
    const auto lines = lines_of(text);
    if (lines.empty()) {
      return malformed(what, "is empty");
    }
    TESSERA_TRY(const auto document,
                parse_json(lines.front().text, fmt::format("{}, line 1,", what)));
    TESSERA_TRY(auto header, header_from_json(document, what));
    if (sweep_.document.empty()) {
      sweep_.header = std::move(header);
      sweep_.document = to_line(document);
    } else {
      TESSERA_CHECK(check_same_sweep(sweep_.header, header, what));
    }
    for (std::size_t i = 1; i < lines.size(); ++i) {
      TESSERA_CHECK(add_line(lines[i], i + 1 == lines.size(), what));
    }
    return {};
  }

  Sweep finish(bool several) {
    if (several) {
      sweep_.header.design = whole_design(sweep_.header.design);
      auto document = Json::parse(sweep_.document);
      if (document["result"].contains("design")) {
        document["result"]["design"].erase("shard");
      }
      sweep_.document = to_line(document);
    }
    for (auto& [index, record] : records_) {
      sweep_.records.push_back(std::move(record));
    }
    return std::move(sweep_);
  }

 private:
  Status add_line(const Line& line, bool last, const std::string& what) {
    const auto where = fmt::format("{}, line {},", what, line.number);
    auto json = parse_json(line.text, where);
    if (!json && last && !line.complete) {
      return {};  // an interruption cut it off
    }
    TESSERA_CHECK(json);
    TESSERA_TRY(auto record, record_from_json(*json, where));
    if (!json->contains("index")) {
      record.index = static_cast<std::int64_t>(records_.size());
    }
    const auto [place, fresh] = records_.emplace(record.index, record);
    if (!fresh && place->second.layers != record.layers) {
      return fail(ErrorCode::kInvalidArgument, "{} subset {} is another than in a line before",
                  where, record.index)
          .hint("the files are not of one sweep; give only shards of the same command");
    }
    return {};
  }

  Sweep sweep_;
  std::map<std::int64_t, SweepRecord> records_;
};

Failure differ(std::string_view what, std::string_view aspect, std::string_view expected,
               std::string_view actual) {
  return fail(ErrorCode::kInvalidArgument, "{} was made with another {}: {}, not {}", what, aspect,
              actual, expected)
      .hint("use the options and the files that it was made with, or write to a new file");
}

std::string names_of(const std::vector<SweepLayer>& layers) {
  std::string text;
  for (const auto& layer : layers) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", layer.name, layer.scheme);
  }
  return text.size() > 200 ? text.substr(0, 200) + "..." : text;
}

}  // namespace

Json to_json(const SweepHeader& header) {
  auto layers = Json::array();
  for (const auto& layer : header.layers) {
    layers.push_back(layer_json(layer));
  }
  auto outputs = Json::array();
  for (const auto& output : header.outputs) {
    outputs.push_back(output_json(output));
  }
  Json json{{"layers", std::move(layers)},
            {"images", header.images},
            {"metric", header.metric},
            {"outputs", std::move(outputs)}};
  if (header.reference_metric) {
    json["reference_metric"] = number(*header.reference_metric);
  }
  if (!header.data.empty()) {
    json["data"] = Json::parse(header.data, nullptr, false);
  }
  if (!header.design.empty()) {
    json["design"] = Json::parse(header.design, nullptr, false);
  }
  return json;
}

Json to_json(const SweepRecord& record) {
  Json json{{"index", record.index},           {"layers", record.layers},
            {"error", number(record.error)},   {"sqnr_db", number(record.sqnr_db)},
            {"cosine", number(record.cosine)}, {"relative_l2", number(record.relative_l2)},
            {"images", record.images}};
  if (record.non_finite > 0) {
    json["non_finite"] = record.non_finite;
  }
  auto outputs = Json::array();
  for (const auto& output : record.outputs) {
    outputs.push_back(Json{{"name", output.name},
                           {"error", number(output.error)},
                           {"sqnr_db", number(output.sqnr_db)}});
  }
  json["outputs"] = std::move(outputs);
  if (record.agreement) {
    json["agreement"] = number(*record.agreement);
  }
  if (record.metric) {
    json["metric"] = number(*record.metric);
  }
  return json;
}

Result<SweepRecord> record_from_json(const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return malformed(what, "is no object");
  }
  SweepRecord record;
  TESSERA_TRY(record.layers, layer_names(json, what));
  if (!json.contains("error")) {
    return malformed(what, "has no 'error'");
  }
  record.index = integer_or(json, "index", 0);
  record.error = number_or(json, "error", kNaN, kNaN);
  record.sqnr_db = number_or(json, "sqnr_db", kNaN, unlimited_db(record.error));
  record.cosine = number_or(json, "cosine", kNaN, kNaN);
  record.relative_l2 = number_or(json, "relative_l2", kNaN, kInfinity);
  record.images = integer_or(json, "images", 1);
  record.non_finite = integer_or(json, "non_finite", 0);
  record.outputs = output_errors(json);
  record.agreement = optional_number(json, "agreement");
  record.metric = optional_number(json, "metric");
  return record;
}

Result<SweepHeader> header_from_json(const Json& document, std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "error-sweep", what));
  if (!result.is_object()) {
    return malformed(what, "the header's 'result' is no object");
  }
  SweepHeader header;
  header.model = model_of(document);
  if (const auto seed = document.find("seed");
      seed != document.end() && seed->is_number_unsigned()) {
    header.seed = seed->get<std::uint64_t>();
  }
  TESSERA_TRY(const auto layers, objects(result, "layers", what));
  std::transform(layers.begin(), layers.end(), std::back_inserter(header.layers), layer_from_json);
  TESSERA_TRY(const auto outputs, objects(result, "outputs", what));
  for (const auto& output : outputs) {
    header.outputs.push_back({text_or(output, "name"), integer_or(output, "elements", 0),
                              number_or(output, "power", 0, kNaN),
                              number_or(output, "weight", 1, 1)});
  }
  header.images = integer_or(result, "images", 0);
  header.metric = text_or(result, "metric");
  header.reference_metric = optional_number(result, "reference_metric");
  header.data = compact_or(result, "data");
  header.design = compact_or(result, "design");
  return header;
}

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Sweep> read_sweep(std::span<const std::filesystem::path> paths) {
  if (paths.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no sweep file was given")
        .hint("make one with 'tessera error sweep MODEL --data D -o FILE'");
  }
  Reader reader;
  for (const auto& path : paths) {
    TESSERA_CHECK(reader.add(path));
  }
  return reader.finish(paths.size() > 1);
}

Status check_same_sweep(const SweepHeader& expected, const SweepHeader& actual,
                        std::string_view what) {
  if (expected.model && actual.model && expected.model->sha256 != actual.model->sha256) {
    return differ(what, "model",
                  fmt::format("'{}' (sha256 {:.12})", expected.model->path, expected.model->sha256),
                  fmt::format("'{}' ({:.12})", actual.model->path, actual.model->sha256));
  }
  const auto same = [](const SweepLayer& a, const SweepLayer& b) {
    return a.name == b.name && a.scheme == b.scheme;
  };
  if (!std::equal(expected.layers.begin(), expected.layers.end(), actual.layers.begin(),
                  actual.layers.end(), same)) {
    return differ(what, "set of layers", names_of(expected.layers), names_of(actual.layers));
  }
  if (expected.seed != actual.seed) {
    return differ(what, "seed", std::to_string(expected.seed), std::to_string(actual.seed));
  }
  if (expected.metric != actual.metric) {
    return differ(what, "metric", expected.metric, actual.metric);
  }
  if (expected.images != actual.images) {
    return differ(what, "number of images", std::to_string(expected.images),
                  std::to_string(actual.images));
  }
  if (whole_design(expected.design) != whole_design(actual.design)) {
    return differ(what, "choice of subsets", whole_design(expected.design),
                  whole_design(actual.design));
  }
  const auto weighs = [](const SweepOutput& a, const SweepOutput& b) {
    return a.name == b.name && a.weight == b.weight;
  };
  if (!std::equal(expected.outputs.begin(), expected.outputs.end(), actual.outputs.begin(),
                  actual.outputs.end(), weighs)) {
    return differ(what, "weighting of the outputs", to_json(expected)["outputs"].dump(),
                  to_json(actual)["outputs"].dump());
  }
  return {};
}

Status write_sweep(const std::filesystem::path& path, std::string_view document,
                   std::span<const SweepRecord> records, Overwrite overwrite) {
  std::vector<const SweepRecord*> ordered;
  for (const auto& record : records) {
    ordered.push_back(&record);
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const auto* a, const auto* b) { return a->index < b->index; });
  TESSERA_TRY(auto file, AtomicFile::create(path, overwrite));
  TESSERA_CHECK(file.write(document));
  for (const auto* record : ordered) {
    TESSERA_CHECK(file.write(to_line(to_json(*record))));
  }
  return file.commit();
}

}  // namespace tessera::noise
