// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/names.h"

namespace tessera::noise {
namespace {

constexpr double kSameError = 1e-6;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera error sweep MODEL --data D -o FILE'");
}

std::string text_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// NaN for what is no number; JSON has none for NaN and infinities.
double number_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : kNan;
}

double number_or(const Json& json, const char* key, double otherwise) {
  const double value = number_member(json, key);
  return std::isfinite(value) ? value : otherwise;
}

std::int64_t count_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

/// Splits into lines; tells whether the last one has its end.
struct Lines {
  std::vector<std::string_view> lines;
  bool last_is_whole = true;
};

Lines split_lines(std::string_view text) {
  Lines result;
  while (!text.empty()) {
    const auto end = text.find('\n');
    result.last_is_whole = end != std::string_view::npos;
    result.lines.push_back(text.substr(0, end));
    text.remove_prefix(result.last_is_whole ? end + 1 : text.size());
  }
  return result;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

Result<std::vector<ObservedLayer>> layers_from_json(const Json& result, std::string_view what) {
  const auto listed = result.find("layers");
  if (listed == result.end() || !listed->is_array() || listed->empty()) {
    return malformed(what, "the first line lists no layers");
  }
  std::vector<ObservedLayer> layers;
  for (const Json& json : *listed) {
    if (!json.is_object() || text_member(json, "name").empty()) {
      return malformed(what, "a layer has no name");
    }
    layers.push_back({.name = text_member(json, "name"),
                      .type = text_member(json, "type"),
                      .macs = count_member(json, "macs"),
                      .noise_power = number_or(json, "noise_power", 0),
                      .signal_power = number_or(json, "signal_power", 0)});
  }
  return layers;
}

double signal_of(const Json& result) {
  const auto outputs = result.find("outputs");
  if (outputs == result.end() || !outputs->is_array()) {
    return 0;
  }
  double energy = 0;
  double elements = 0;
  for (const Json& output : *outputs) {
    if (output.is_object()) {
      const double count = number_or(output, "elements", 0);
      const double weight = number_or(output, "weight", 1);
      energy += count * weight * weight * number_or(output, "power", 0);
      elements += count;
    }
  }
  return elements > 0 ? energy / (elements * elements) : 0;
}

struct Header {
  ModelInfo model;
  std::vector<ObservedLayer> layers;
  double signal = 0;
};

Result<Header> header_from_line(std::string_view line, const std::string& what) {
  TESSERA_TRY(const auto document, parse_json(line, what));
  TESSERA_TRY(const auto result, open_envelope(document, "error-sweep", what));
  if (!result.is_object()) {
    return malformed(what, "the first line has no object 'result'");
  }
  Header header;
  if (const auto model = document.find("model"); model != document.end() && model->is_object()) {
    header.model = {text_member(*model, "path"), text_member(*model, "sha256"),
                    text_member(*model, "format")};
  }
  TESSERA_TRY(header.layers, layers_from_json(result, what));
  header.signal = signal_of(result);
  return header;
}

/// Shards of one sweep agree in what they are about.
Status check_same(const Header& first, const Header& other, std::string_view first_file,
                  std::string_view file) {
  if (first.model.sha256 != other.model.sha256) {
    return fail(ErrorCode::kInvalidArgument, "{} is about another model than {}: {} and {}", file,
                first_file, other.model.path, first.model.path)
        .hint("fit the sweeps of one model together, each model by itself");
  }
  const auto same = [](const ObservedLayer& a, const ObservedLayer& b) { return a.name == b.name; };
  if (!std::equal(first.layers.begin(), first.layers.end(), other.layers.begin(),
                  other.layers.end(), same)) {
    return fail(ErrorCode::kInvalidArgument, "{} switches other layers than {}", file, first_file)
        .hint("give the shards of one sweep; all have the same --layers");
  }
  return {};
}

/// The errors of one subset, as they come in.
struct Sum {
  double weight = 0;
  double error = 0;
  double first = 0;
  double sqnr_weight = 0;
  double sqnr_db = 0;
  std::int64_t images = 0;
  std::int64_t records = 0;
};

class Collector {
 public:
  explicit Collector(ObservationNotes& notes) : notes_(notes) {}

  Status add_file(const SweepText& file);
  [[nodiscard]] Result<Observations> finish() &&;

 private:
  Status add_record(std::string_view line, const std::string& what);
  Status add_error(const Json& json, LayerSet layers);

  ObservationNotes& notes_;
  std::optional<Header> header_;
  std::string first_file_;
  std::optional<LayerIndex> index_;
  std::map<LayerSet, Sum> sums_;
};

Status Collector::add_file(const SweepText& file) {
  const auto [lines, last_is_whole] = split_lines(file.text);
  if (lines.empty() || is_blank(lines.front())) {
    return malformed(file.what, "is empty");
  }
  TESSERA_TRY(auto header, header_from_line(lines.front(), file.what + ":1"));
  if (!header_) {
    header_ = std::move(header);
    first_file_ = file.what;
    index_.emplace(header_->layers);
  } else {
    TESSERA_CHECK(check_same(*header_, header, first_file_, file.what));
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (is_blank(lines[i])) {
      continue;
    }
    auto status = add_record(lines[i], fmt::format("{}:{}", file.what, i + 1));
    const bool cut_short = i + 1 == lines.size() && !last_is_whole;
    if (!status && cut_short && status.error().code == ErrorCode::kDataLoss) {
      ++notes_.truncated;
    } else if (!status) {
      return status;
    }
  }
  return {};
}

Status Collector::add_record(std::string_view line, const std::string& what) {
  TESSERA_TRY(const auto json, parse_json(line, what));
  const auto listed = json.is_object() ? json.find("layers") : json.end();
  if (listed == json.end() || !listed->is_array()) {
    return malformed(what, "has no list 'layers'");
  }
  std::vector<std::string> names;
  for (const Json& name : *listed) {
    if (!name.is_string()) {
      return malformed(what, "'layers' holds something else than names");
    }
    names.push_back(name.get<std::string>());
  }
  TESSERA_TRY(auto layers, index_->find(names).map_error(in_file(what)));
  return add_error(json, std::move(layers));
}

Status Collector::add_error(const Json& json, LayerSet layers) {
  ++notes_.records;
  const double error = number_member(json, "error");
  if (!std::isfinite(error) || error < 0) {
    ++notes_.without_error;
    return {};
  }
  Sum& sum = sums_[std::move(layers)];
  if (sum.records == 0) {
    sum.first = error;
  } else {
    ++notes_.repeated;
    notes_.conflicting +=
        std::abs(error - sum.first) > kSameError * std::max(error, sum.first) ? 1 : 0;
  }
  const auto images = count_member(json, "images");
  const double weight = static_cast<double>(std::max<std::int64_t>(images, 1));
  sum.weight += weight;
  sum.error += weight * error;
  if (const double sqnr_db = number_member(json, "sqnr_db"); std::isfinite(sqnr_db)) {
    sum.sqnr_weight += weight;
    sum.sqnr_db += weight * sqnr_db;
  }
  sum.images = std::max(sum.images, images);
  ++sum.records;
  return {};
}

Result<Observations> Collector::finish() && {
  if (sums_.empty()) {
    return fail(ErrorCode::kFailedPrecondition,
                "no usable record: {} subsets, {} of them without an error", notes_.records,
                notes_.without_error)
        .hint(
            "let 'tessera error sweep' run longer, or look at the model's outputs with "
            "'tessera compare'");
  }
  Observations result{.model = std::move(header_->model),
                      .layers = std::move(header_->layers),
                      .rows = {},
                      .signal = header_->signal};
  for (const auto& [layers, sum] : sums_) {
    result.rows.push_back({.layers = layers,
                           // A subset that was measured once keeps its bits.
                           .error = sum.records == 1 ? sum.first : sum.error / sum.weight,
                           .sqnr_db = sum.sqnr_weight > 0 ? sum.sqnr_db / sum.sqnr_weight : kNan,
                           .images = sum.images});
  }
  return result;
}

void warn_about(const ObservationNotes& notes, Monitor& monitor) {
  if (notes.without_error > 0) {
    monitor.warn({"errors-missing",
                  fmt::format("{} of {} subsets have no finite error and are left out",
                              notes.without_error, notes.records),
                  "their models give NaN or infinities; the fit knows nothing about them"});
  }
  if (notes.conflicting > 0) {
    monitor.warn(
        {"repeated-subsets",
         fmt::format("{} subsets were measured again with another error; their mean is used",
                     notes.conflicting),
         "give shards with the same images and schemes"});
  }
  if (notes.truncated > 0) {
    monitor.warn(
        {"truncated-sweep",
         fmt::format("the last line of {} file(s) is cut short and left out", notes.truncated),
         "run the same 'tessera error sweep' again to go on with it"});
  }
}

}  // namespace

Result<Observations> parse_observations(std::span<const SweepText> files, Monitor& monitor,
                                        ObservationNotes* notes) {
  if (files.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no sweep to read").hint("give at least one file");
  }
  ObservationNotes own;
  Collector collector(own);
  for (const auto& file : files) {
    TESSERA_CHECK(monitor.check());
    TESSERA_CHECK(collector.add_file(file));
  }
  TESSERA_TRY(auto result, std::move(collector).finish());
  warn_about(own, monitor);
  if (notes != nullptr) {
    *notes = own;
  }
  return result;
}

Result<Observations> read_observations(std::span<const std::filesystem::path> paths,
                                       Monitor& monitor, ObservationNotes* notes) {
  std::vector<SweepText> files;
  for (const auto& path : paths) {
    TESSERA_TRY(auto text, read_file(path));
    files.push_back({path.string(), std::move(text)});
  }
  return parse_observations(files, monitor, notes);
}

LayerIndex::LayerIndex(std::span<const ObservedLayer> layers) : by_name_(layers.size()) {
  for (const auto& layer : layers) {
    names_.push_back(layer.name);
  }
  std::iota(by_name_.begin(), by_name_.end(), 0);
  std::stable_sort(by_name_.begin(), by_name_.end(), [&](std::int32_t a, std::int32_t b) {
    return names_[static_cast<std::size_t>(a)] < names_[static_cast<std::size_t>(b)];
  });
}

std::int32_t LayerIndex::position(std::string_view name) const {
  const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                      [&](std::int32_t i, std::string_view wanted) {
                                        return names_[static_cast<std::size_t>(i)] < wanted;
                                      });
  return found != by_name_.end() && names_[static_cast<std::size_t>(*found)] == name ? *found : -1;
}

Result<LayerSet> LayerIndex::find(std::span<const std::string> names) const {
  LayerSet layers;
  for (const auto& name : names) {
    const auto i = position(name);
    if (i < 0) {
      const auto nearest = nearest_names(name, names_);
      return fail(ErrorCode::kInvalidArgument, "unknown layer '{}'", name)
          .hint("did you mean '{}'? the sweep switched {} layers", fmt::join(nearest, "', '"),
                names_.size());
    }
    layers.push_back(i);
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

}  // namespace tessera::noise
