// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/ranges.h"
#include "calibrate/channels.h"
#include "tessera/core/compact_text.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera::calibrate {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera calibrate MODEL --data D -o FILE'");
}

Result<double> finite_member(const Json& json, const char* key, std::string_view what) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number() || !std::isfinite(found->get<double>())) {
    return malformed(what, fmt::format("'{}' is no finite number", key));
  }
  return found->get<double>();
}

Result<RealRange> range_from_json(const Json& json, const std::string& what) {
  if (!json.is_object()) {
    return malformed(what, "a range is no object");
  }
  RealRange range;
  TESSERA_TRY(range.min, finite_member(json, "min", what));
  TESSERA_TRY(range.max, finite_member(json, "max", what));
  if (range.min > range.max) {
    return malformed(what, fmt::format("min {} is above max {}", range.min, range.max));
  }
  return range;
}

Result<std::map<RangeMethod, RealRange>> methods_from_json(const Json& json,
                                                           const std::string& what) {
  if (!json.is_object()) {
    return malformed(what, "is no object of methods");
  }
  std::map<RangeMethod, RealRange> methods;
  for (const auto& [name, value] : json.items()) {
    TESSERA_TRY(const RangeMethod method,
                numerics::range_method_from_string(name).map_error(in_file(what)));
    TESSERA_TRY(methods[method], range_from_json(value, fmt::format("{}, {}", what, name)));
  }
  return methods;
}

Result<std::int64_t> count_member(const Json& json, const char* key, std::string_view what) {
  constexpr std::int64_t kMost = std::int64_t{1} << 55;
  const auto count = whole_number_or(json, key, -1);
  if (count < 0 || count > kMost) {
    return malformed(what, fmt::format("'{}' is no count", key));
  }
  return count;
}

Status read_unusual(Ranges& ranges, const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return malformed(what, "'unusual' is no object");
  }
  for (const auto& [name, counts] : json.items()) {
    const auto where = fmt::format("{}: tensor '{}'", what, name);
    if (!counts.is_object()) {
      return malformed(where, "is no object of counts");
    }
    Unusual& seen = ranges.unusual[name];
    TESSERA_TRY(seen.finite, count_member(counts, "finite", where));
    TESSERA_TRY(seen.nan, count_member(counts, "nan", where));
    TESSERA_TRY(seen.infinite, count_member(counts, "infinite", where));
  }
  return {};
}

Status read_channels(Ranges& ranges, const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return malformed(what, "'channels' is no object");
  }
  for (const auto& [name, extrema] : json.items()) {
    TESSERA_TRY(ranges.channels[name],
                channel_ranges_from_json(extrema, fmt::format("{}: tensor '{}'", what, name)));
  }
  return {};
}

/// The methods that the file lists or, in a bare file, those that its tensors have.
Result<std::vector<RangeMethod>> listed_methods(const Json& result, const Ranges& ranges,
                                                std::string_view what) {
  std::vector<RangeMethod> methods;
  if (const auto listed = result.find("methods"); listed != result.end()) {
    if (!listed->is_array()) {
      return malformed(what, "'methods' is no array");
    }
    for (const Json& name : *listed) {
      if (!name.is_string()) {
        return malformed(what, "'methods' holds something else than names");
      }
      TESSERA_TRY(const RangeMethod method,
                  numerics::range_method_from_string(name.get_ref<const std::string&>())
                      .map_error(in_file(std::string(what))));
      methods.push_back(method);
    }
    return methods;
  }
  for (const RangeMethod method : numerics::kRangeMethods) {
    const auto has = [&](const auto& tensor) { return tensor.second.contains(method); };
    if (std::any_of(ranges.tensors.begin(), ranges.tensors.end(), has)) {
      methods.push_back(method);
    }
  }
  return methods;
}

std::optional<ModelInfo> model_from_envelope(const Json& document) {
  const auto model = document.find("model");
  if (model == document.end() || !model->is_object()) {
    return std::nullopt;
  }
  const auto text = [&](const char* key) {
    const auto found = model->find(key);
    return found != model->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return ModelInfo{text("path"), text("sha256"), text("format")};
}

}  // namespace

std::optional<RealRange> Ranges::find(std::string_view tensor, RangeMethod method) const {
  const auto found = tensors.find(tensor);
  if (found == tensors.end()) {
    return std::nullopt;
  }
  const auto range = found->second.find(method);
  return range == found->second.end() ? std::nullopt : std::optional(range->second);
}

Status check_model(const Ranges& ranges, const ModelInfo& model) {
  const auto& measured = ranges.model;
  if (!measured || measured->sha256.empty() || model.sha256.empty() ||
      measured->sha256 == model.sha256) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              "the ranges were measured on another model: '{}' (sha256 {:.12}), not '{}' ({:.12})",
              measured->path, measured->sha256, model.path, model.sha256)
      .hint("calibrate this model: tessera calibrate MODEL --data D -o RANGES.json");
}

Json to_json(const Ranges& ranges) {
  Json json = {{"methods", Json::array()}, {"samples", ranges.samples}};
  for (const RangeMethod method : ranges.methods) {
    json["methods"].push_back(numerics::to_string(method));
  }
  if (auto data = parse_json(ranges.data, "data"); data) {
    json["data"] = *std::move(data);
  }
  Json tensors = Json::object();
  for (const auto& [name, methods] : ranges.tensors) {
    Json& tensor = tensors[name] = Json::object();
    for (const auto& [method, range] : methods) {
      tensor[std::string(numerics::to_string(method))] = {{"min", range.min}, {"max", range.max}};
    }
  }
  json["tensors"] = std::move(tensors);
  if (!ranges.unusual.empty()) {
    Json& unusual = json["unusual"] = Json::object();
    for (const auto& [name, seen] : ranges.unusual) {
      unusual[name] = {{"finite", seen.finite}, {"nan", seen.nan}, {"infinite", seen.infinite}};
    }
  }
  for (const auto& [name, extrema] : ranges.channels) {
    json["channels"][name] = to_json(extrema);
  }
  if (ranges.wall_us > 0) {
    json["wall_us"] = ranges.wall_us;
    json["peak_rss_bytes"] = ranges.peak_rss_bytes;
  }
  return json;
}

Result<Ranges> ranges_from_json(const Json& result, std::string_view what) {
  if (!result.is_object() || !result.contains("tensors") || !result["tensors"].is_object()) {
    return malformed(what, "has no object 'tensors'");
  }
  Ranges ranges;
  for (const auto& [name, methods] : result["tensors"].items()) {
    TESSERA_TRY(ranges.tensors[name],
                methods_from_json(methods, fmt::format("{}: tensor '{}'", what, name)));
  }
  TESSERA_TRY(ranges.methods, listed_methods(result, ranges, what));
  if (const auto samples = result.find("samples"); samples != result.end()) {
    const auto count = whole_number(*samples);
    if (!count) {
      return malformed(what, "'samples' is no whole number");
    }
    ranges.samples = *count;
  }
  if (const auto unusual = result.find("unusual"); unusual != result.end()) {
    TESSERA_CHECK(read_unusual(ranges, *unusual, what));
  }
  if (const auto channels = result.find("channels"); channels != result.end()) {
    TESSERA_CHECK(read_channels(ranges, *channels, what));
  }
  if (const auto data = result.find("data"); data != result.end()) {
    ranges.data = compact_text(*data);
  }
  if (result.contains("wall_us") && result.contains("peak_rss_bytes")) {
    TESSERA_TRY(ranges.wall_us, finite_member(result, "wall_us", what));
    TESSERA_TRY(const double peak, finite_member(result, "peak_rss_bytes", what));
    ranges.peak_rss_bytes = static_cast<std::int64_t>(std::clamp(peak, 0.0, 0x1p60));
  }
  return ranges;
}

Result<Ranges> read_ranges(const std::filesystem::path& path) {
  TESSERA_TRY(const Json document, read_json(path));
  if (document.is_object() && !document.contains("schema") && document.contains("tensors")) {
    return ranges_from_json(document, path.string());
  }
  TESSERA_TRY(const Json result,
              open_envelope(document, "calibrate", path.string()).map_error([](Error error) {
                error.hint = "give the file that 'tessera calibrate MODEL --data D -o FILE' wrote";
                return error;
              }));
  TESSERA_TRY(Ranges ranges, ranges_from_json(result, path.string()));
  ranges.model = model_from_envelope(document);
  return ranges;
}

}  // namespace tessera::calibrate
