// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "noise/lines.h"
#include "tessera/core/compact_text.h"
#include "tessera/noise/fields.h"

namespace tessera::noise {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double number_or(const Json& json, const char* key, double absent, double null) {
  const auto found = json.find(key);
  if (found == json.end()) {
    return absent;
  }
  return found->is_number() ? found->get<double>() : null;
}

std::string text_or(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string compact_or(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? compact_text(*found) : std::string();
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

/// Of what was kept as text; null for none.
Json json_of(const std::string& text) {
  return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

SweepLayer layer_from_json(const Json& json) {
  return {text_or(json, "name"),
          text_or(json, "type"),
          whole_number_at(json, "macs"),
          text_or(json, "scheme"),
          number_or(json, "noise_power", 0, kNaN),
          number_or(json, "signal_power", 0, kNaN),
          text_or(json, "op")};
}

Result<std::vector<SweepLayer>> layers_from_json(const Json& result, std::string_view what) {
  const auto found = result.find("layers");
  if (found == result.end() || !found->is_array()) {
    return malformed_sweep(what, "the header has no list 'layers'");
  }
  std::vector<SweepLayer> layers;
  for (const auto& item : *found) {
    if (!item.is_object() || text_or(item, "name").empty()) {
      return malformed_sweep(what, "a layer has no name");
    }
    layers.push_back(layer_from_json(item));
  }
  return layers;
}

/// Who writes a sweep by hand may say nothing of the outputs.
std::vector<SweepOutput> outputs_from_json(const Json& result) {
  std::vector<SweepOutput> outputs;
  const auto found = result.find("outputs");
  if (found == result.end() || !found->is_array()) {
    return outputs;
  }
  for (const auto& item : *found) {
    if (item.is_object()) {
      outputs.push_back({text_or(item, "name"), whole_number_or(item, "elements", 0),
                         number_or(item, "power", 0, kNaN), number_or(item, "weight", 1, 1)});
    }
  }
  return outputs;
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
  return compact_text(json);
}

Result<std::vector<std::string>> layer_names(const Json& json, std::string_view what) {
  const auto found = json.find("layers");
  if (found == json.end() || !found->is_array()) {
    return malformed_sweep(what, "has no list 'layers'");
  }
  std::vector<std::string> names;
  for (const auto& name : *found) {
    if (!name.is_string()) {
      return malformed_sweep(what, "'layers' holds something that is no name");
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

Result<SweepRecord> read_record(const Json& json, std::string_view what, MissingError missing) {
  if (!json.is_object()) {
    return malformed_sweep(what, "is no object");
  }
  SweepRecord record;
  TESSERA_TRY(record.layers, layer_names(json, what));
  if (missing == MissingError::kRefused && !json.contains("error")) {
    return malformed_sweep(what, "has no 'error'");
  }
  record.index = whole_number_or(json, "index", -1);
  record.error = number_or(json, "error", kNaN, kNaN);
  record.sqnr_db = number_or(json, "sqnr_db", kNaN, unlimited_db(record.error));
  record.cosine = number_or(json, "cosine", kNaN, kNaN);
  record.relative_l2 = number_or(json, "relative_l2", kNaN, kInfinity);
  record.images = whole_number_or(json, "images", 0);
  record.non_finite = whole_number_or(json, "non_finite", 0);
  record.outputs = output_errors(json);
  record.agreement = optional_number(json, "agreement");
  record.metric = optional_number(json, "metric");
  return record;
}

Result<SweepLine> read_line(const Line& line, MissingError missing) {
  TESSERA_TRY(const auto json, parse_json(line.text, line.place));
  TESSERA_TRY(auto record, read_record(json, line.place, missing));
  return SweepLine{std::move(record), line.place};
}

/// Puts the records of several files in their order.
class Merger {
 public:
  Status add(SweepFile file, std::string_view what) {
    if (sweep_.document.empty()) {
      sweep_.header = std::move(file.header);
      sweep_.document = std::move(file.document);
    } else {
      TESSERA_CHECK(check_same_sweep(sweep_.header, file.header, fmt::format("'{}'", what)));
    }
    for (auto& [record, place] : file.lines) {
      if (record.index < 0) {
        record.index = static_cast<std::int64_t>(records_.size());
      }
      const auto [known, fresh] = records_.emplace(record.index, record);
      if (!fresh && known->second.layers != record.layers) {
        return fail(ErrorCode::kInvalidArgument, "{}: subset {} is another than in a line before",
                    place, record.index)
            .hint("the files are not of one sweep; give only shards of the same command");
      }
    }
    return {};
  }

  Sweep finish(bool several) {
    if (several) {
      sweep_.header.design = whole_design(sweep_.header.design);
      auto document = Json::parse(sweep_.document);
      auto& result = document["result"];
      if (const auto design = result.find("design");
          design != result.end() && design->is_object()) {
        design->erase("shard");
      }
      sweep_.document = to_line(document);
    }
    for (auto& [index, record] : records_) {
      sweep_.records.push_back(std::move(record));
    }
    return std::move(sweep_);
  }

 private:
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

Fields<SweepLayer> fields_of(const SweepLayer*) {
  static constexpr std::array kFields = {
      written<&SweepLayer::name>("name", "of the layer"),
      written<&SweepLayer::type>("type", "of its operator"),
      written<&SweepLayer::macs>("macs", "multiply-accumulates; null where unknown"),
      written<&SweepLayer::scheme>("scheme", "that it is switched to"),
      written_figure<&SweepLayer::noise_power>("noise_power",
                                               "mean square of the rounding error at its output"),
      written_figure<&SweepLayer::signal_power>("signal_power", "mean square of that output"),
      written<&SweepLayer::op>(
          "op", "the operator, where name is not its name: OP@SCHEME in a further scheme")
          .if_any()};
  return kFields;
}

Fields<SweepOutput> fields_of(const SweepOutput*) {
  static constexpr std::array kFields = {
      written<&SweepOutput::name>("name", "of the output"),
      written<&SweepOutput::elements>("elements", "of one sample"),
      written_figure<&SweepOutput::power>("power", "mean square in float32"),
      written<&SweepOutput::weight>("weight", "it was multiplied by it before errors were taken")};
  return kFields;
}

Fields<SweepHeader> fields_of(const SweepHeader*) {
  using Header = const SweepHeader&;
  static constexpr std::array kFields = {
      written<&SweepHeader::layers>("layers", "that are switched"),
      written<&SweepHeader::images>("images", "samples that errors are means over"),
      written<&SweepHeader::metric>("metric", "what an error is; in it --normalize and weights"),
      written<&SweepHeader::outputs>("outputs", "floating outputs"),
      written<&SweepHeader::reference_metric>("reference_metric",
                                              "what the metric command says of float32")
          .if_any(),
      Field<SweepHeader>{"data", "where samples came from",
                         [](Header header) { return json_of(header.data); }}
          .if_any(),
      Field<SweepHeader>{"design", "how subsets were chosen",
                         [](Header header) { return json_of(header.design); }}
          .if_any()};
  return kFields;
}

Json to_json(const SweepHeader& header) {
  return as_json(header);
}

Fields<SweepOutputError> fields_of(const SweepOutputError*) {
  static constexpr std::array kFields = {
      written<&SweepOutputError::name>("name", "of the output"),
      written_figure<&SweepOutputError::error>("error", "of it alone, without its weight"),
      written_figure<&SweepOutputError::sqnr_db>("sqnr_db", "null if nothing differs")};
  return kFields;
}

Fields<SweepRecord> fields_of(const SweepRecord*) {
  static constexpr std::array kFields = {
      written<&SweepRecord::index>("index", "in the whole sweep, before it was cut into shards"),
      written<&SweepRecord::layers>("layers", "quantized; all others are exact"),
      written_figure<&SweepRecord::error>(
          "error", "mean over samples of |x-x'|_2 / elements; null if it is no number"),
      written_figure<&SweepRecord::sqnr_db>("sqnr_db", "null if nothing differs"),
      written_figure<&SweepRecord::cosine>("cosine", "of all samples together"),
      written_figure<&SweepRecord::relative_l2>("relative_l2", "of all samples together"),
      written<&SweepRecord::images>("images", "samples that errors are means over"),
      Field<SweepRecord>{"non_finite", "elements that are NaN or infinite on one side only",
                         [](const SweepRecord& record) {
                           return record.non_finite > 0 ? Json(record.non_finite) : Json();
                         }}
          .if_any(),
      written<&SweepRecord::outputs>("outputs", "each output alone"),
      written<&SweepRecord::agreement>("agreement",
                                       "percent of samples with the same top-1, of classifiers")
          .if_any(),
      written<&SweepRecord::metric>("metric", "what the metric command says").if_any()};
  return kFields;
}

Json to_json(const SweepRecord& record) {
  return as_json(record);
}

Failure malformed_sweep(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera error sweep MODEL --data D -o FILE'");
}

Result<SweepFile> parse_sweep_file(const SweepText& file, MissingError missing) {
  const auto lines = lines_of(file.text, file.what);
  if (lines.empty()) {
    return malformed_sweep(file.what, "is empty");
  }
  TESSERA_TRY(const auto document, parse_json(lines.front().text, lines.front().place));
  SweepFile result{.document = to_line(document), .header = {}, .lines = {}};
  TESSERA_TRY(result.header, header_from_json(document, lines.front().place));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    auto line = read_line(lines[i], missing);
    result.truncated = !line && lines[i].cut_short;
    if (line) {
      result.lines.push_back(*std::move(line));
    } else if (!result.truncated) {
      return tl::unexpected(std::move(line).error());
    }
  }
  return result;
}

Result<SweepHeader> header_from_json(const Json& document, std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "error-sweep", what));
  if (!result.is_object()) {
    return malformed_sweep(what, "the header's 'result' is no object");
  }
  SweepHeader header;
  header.model = model_of(document);
  if (const auto seed = document.find("seed");
      seed != document.end() && seed->is_number_unsigned()) {
    header.seed = seed->get<std::uint64_t>();
  }
  TESSERA_TRY(header.layers, layers_from_json(result, what));
  header.outputs = outputs_from_json(result);
  header.images = whole_number_or(result, "images", 0);
  header.metric = text_or(result, "metric");
  header.reference_metric = optional_number(result, "reference_metric");
  header.data = compact_or(result, "data");
  header.design = compact_or(result, "design");
  return header;
}

std::string to_line(const Json& json) {
  return compact_text(json) + "\n";
}

Result<Sweep> parse_sweep(std::span<const SweepText> files) {
  if (files.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no sweep file was given")
        .hint("make one with 'tessera error sweep MODEL --data D -o FILE'");
  }
  Merger merger;
  for (const auto& text : files) {
    TESSERA_TRY(auto file, parse_sweep_file(text, MissingError::kRefused));
    TESSERA_CHECK(merger.add(std::move(file), text.what));
  }
  return merger.finish(files.size() > 1);
}

Result<Sweep> read_sweep(std::span<const std::filesystem::path> paths) {
  TESSERA_TRY(const auto files, read_texts(paths));
  return parse_sweep(files);
}

Result<std::vector<SweepText>> read_texts(std::span<const std::filesystem::path> paths) {
  std::vector<SweepText> files;
  for (const auto& path : paths) {
    TESSERA_TRY(auto text, read_file(path));
    files.push_back({path.string(), std::move(text)});
  }
  return files;
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
    return differ(what, "weighting of the outputs", compact_text(to_json(expected)["outputs"]),
                  compact_text(to_json(actual)["outputs"]));
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
