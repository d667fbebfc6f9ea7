// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "calibrate/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "tessera/core/parallel.h"

namespace tessera::calibrate {
namespace {

using numerics::RangeEstimator;
using numerics::RangeMethod;
using numerics::RealRange;

/// Tensors with the same sources have the same ranges and are searched once.
struct Group {
  std::vector<const RangeEstimator*> sources;
  std::vector<std::string> tensors;
  std::map<RangeMethod, RealRange> ranges;  // empty if nothing finite was seen
  Unusual seen;
  std::optional<Error> error;
};

std::vector<Group> groups_of(const Observations& observations) {
  std::map<std::vector<std::string>, std::vector<std::string>> by_sources;
  for (const auto& [name, estimator] : observations.tensors) {
    by_sources[{name}].push_back(name);
  }
  for (const auto& [name, sources] : observations.derived) {
    by_sources[sources].push_back(name);
  }
  std::vector<Group> groups;
  for (auto& [sources, tensors] : by_sources) {
    Group group;
    group.tensors = std::move(tensors);
    for (const std::string& source : sources) {
      group.sources.push_back(&observations.tensors.at(source));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

Status measure(Group& group, const RangeEstimator& estimator,
               std::span<const RangeMethod> methods) {
  if (estimator.finite_count() == 0) {
    return {};
  }
  TESSERA_TRY(const auto ranges, estimator.ranges(methods));
  for (std::size_t i = 0; i < methods.size(); ++i) {
    group.ranges[methods[i]] = ranges[i];
  }
  return {};
}

Status measure(Group& group, const Observations& observations) {
  for (const RangeEstimator* source : group.sources) {
    group.seen.finite += source->finite_count();
    group.seen.nan += source->nan_count();
    group.seen.infinite += source->infinite_count();
  }
  if (group.sources.size() == 1) {
    return measure(group, *group.sources.front(), observations.methods);
  }
  RangeEstimator together(observations.estimator);
  for (const RangeEstimator* source : group.sources) {
    together.merge(*source);
  }
  return measure(group, together, observations.methods);
}

/// "2 tensors hold: a, b".
std::string listed(const std::vector<std::string_view>& names, std::string_view one,
                   std::string_view many) {
  constexpr std::size_t kShown = 3;
  const auto shown = std::span(names).first(std::min(kShown, names.size()));
  return fmt::format("{} tensor{}: {}{}", names.size(), names.size() == 1 ? one : many,
                     fmt::join(shown, ", "), names.size() > kShown ? ", ..." : "");
}

/// Of measured tensors only: what follows from them is the same values once more. NaN is warned of
/// where the sample is known.
void warn_of_unusual(const Observations& observations, Monitor& monitor) {
  std::vector<std::string_view> infinite;
  std::vector<std::string_view> empty;
  for (const auto& [name, estimator] : observations.tensors) {
    if (estimator.infinite_count() > 0) {
      infinite.push_back(name);
    }
    if (estimator.finite_count() + estimator.nan_count() + estimator.infinite_count() == 0) {
      empty.push_back(name);
    }
  }
  if (!infinite.empty()) {
    monitor.warn(
        {"infinite-activations",
         listed(infinite, " holds infinities or the lowest float32 number",
                "s hold infinities or the lowest float32 number"),
         "ranges are those of the other values, as padding and masks want it; if the model "
         "overflows, keep these tensors in floating point with --exclude"});
  }
  if (!empty.empty()) {
    monitor.warn({"empty-activations",
                  listed(empty, " was empty in every sample", "s were empty in every sample"),
                  "they have no range; samples in which they hold something would give them one"});
  }
}

Failure damaged(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the shard again with 'tessera calibrate MODEL --data D --shard I/N -o FILE'");
}

Result<double> number(const Json& json, const char* key, std::string_view what) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) {
    return damaged(what, fmt::format("'{}' is no number", key));
  }
  return found->get<double>();
}

Json options_to_json(const numerics::EstimatorOptions& options) {
  return {{"percentile", options.percentile},
          {"quantized_levels", options.quantized_levels},
          {"symmetric", options.symmetric},
          {"deviations", options.deviations}};
}

Result<numerics::EstimatorOptions> options_from_json(const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return damaged(what, "'estimator' is no object");
  }
  numerics::EstimatorOptions options;
  TESSERA_TRY(options.percentile, number(json, "percentile", what));
  TESSERA_TRY(options.deviations, number(json, "deviations", what));
  TESSERA_TRY(const double levels, number(json, "quantized_levels", what));
  const auto symmetric = json.find("symmetric");
  if (symmetric == json.end() || !symmetric->is_boolean() || !(levels >= 2 && levels <= 65536)) {
    return damaged(what, "'estimator' is damaged");
  }
  options.symmetric = symmetric->get<bool>();
  options.quantized_levels = static_cast<int>(levels);
  TESSERA_CHECK(check_options(options).map_error(in_file(std::string(what))));
  return options;
}

Result<std::vector<std::string>> strings(const Json& json, std::string_view what) {
  if (!json.is_array()) {
    return damaged(what, "a list of names is no array");
  }
  std::vector<std::string> names;
  for (const Json& name : json) {
    if (!name.is_string()) {
      return damaged(what, "a name is no string");
    }
    names.push_back(name.get<std::string>());
  }
  return names;
}

Status read_derived(Observations& observations, const Json& json, std::string_view what) {
  for (const auto& [name, sources] : json.items()) {
    TESSERA_TRY(auto names, strings(sources, what));
    for (const std::string& source : names) {
      if (!observations.tensors.contains(source)) {
        return damaged(what, fmt::format("'{}' derives from '{}', which is missing", name, source));
      }
    }
    if (names.empty() || observations.tensors.contains(name)) {
      return damaged(what, fmt::format("'{}' is both measured and derived, or neither", name));
    }
    observations.derived.emplace(name, std::move(names));
  }
  return {};
}

void merge_channels(Observations& observations, const Observations& others) {
  for (const auto& [name, extrema] : others.channels) {
    const auto found = observations.channels.find(name);
    if (found != observations.channels.end()) {
      found->second.merge(extrema);
    }
  }
}

Status read_channels(Observations& observations, const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return damaged(what, "'channels' is no object");
  }
  for (const auto& [name, state] : json.items()) {
    if (!observations.tensors.contains(name)) {
      return damaged(what, fmt::format("channels of '{}', which is missing", name));
    }
    TESSERA_TRY(auto extrema,
                ChannelExtrema::from_json(state, fmt::format("{}: tensor '{}'", what, name)));
    observations.channels.emplace(name, std::move(extrema));
  }
  return {};
}

}  // namespace

Status check_options(const numerics::EstimatorOptions& options) {
  if (!(options.percentile >= 50 && options.percentile <= 100)) {
    return fail(ErrorCode::kInvalidArgument, "percentile {} is not within 50 .. 100",
                options.percentile)
        .hint("it is the share of the values to keep, such as 99.99");
  }
  if (options.quantized_levels < 2 || options.quantized_levels > 65536) {
    return fail(ErrorCode::kInvalidArgument, "{} levels are not within 2 .. 65536",
                options.quantized_levels)
        .hint("8 bits have 256 levels");
  }
  if (!(options.deviations > 0 && options.deviations <= 1e6)) {
    return fail(ErrorCode::kInvalidArgument, "{} standard deviations are not above 0",
                options.deviations)
        .hint("6 keeps nearly everything, 3 cuts the tails");
  }
  return {};
}

void Observations::append(const Observations& later) {
  for (const auto& [name, state] : later.tensors) {
    const auto found = tensors.find(name);
    if (found != tensors.end()) {
      found->second.merge(state, samples);
    }
  }
  merge_channels(*this, later);
  samples += later.samples;
}

void Observations::add(const Observations& beside) {
  for (const auto& [name, state] : beside.tensors) {
    const auto found = tensors.find(name);
    if (found != tensors.end()) {
      found->second.merge(state);
    }
  }
  merge_channels(*this, beside);
  samples += beside.samples;
}

Json Observations::to_json() const {
  Json json = {
      {"methods", Json::array()}, {"samples", samples}, {"estimator", options_to_json(estimator)}};
  for (const RangeMethod method : methods) {
    json["methods"].push_back(numerics::to_string(method));
  }
  json["tensors"] = Json::object();
  for (const auto& [name, state] : tensors) {
    json["tensors"][name] = state.to_json();
  }
  json["derived"] = Json::object();
  for (const auto& [name, sources] : derived) {
    json["derived"][name] = sources;
  }
  for (const auto& [name, extrema] : channels) {
    json["channels"][name] = extrema.to_json();
  }
  return json;
}

Result<Observations> Observations::from_json(const Json& json, std::string_view what) {
  for (const char* key : {"methods", "samples", "estimator", "tensors", "derived"}) {
    if (!json.is_object() || !json.contains(key)) {
      return damaged(what, fmt::format("has no '{}'", key));
    }
  }
  Observations result;
  TESSERA_TRY(const auto names, strings(json["methods"], what));
  for (const std::string& name : names) {
    TESSERA_TRY(const RangeMethod method,
                numerics::range_method_from_string(name).map_error(in_file(std::string(what))));
    result.methods.push_back(method);
  }
  TESSERA_TRY(const double samples, number(json, "samples", what));
  if (!(samples >= 0 && samples <= 1e9) || !json["tensors"].is_object() ||
      !json["derived"].is_object()) {
    return damaged(what, "'samples', 'tensors' or 'derived' is damaged");
  }
  result.samples = static_cast<std::int64_t>(samples);
  TESSERA_TRY(result.estimator, options_from_json(json["estimator"], what));
  for (const auto& [name, state] : json["tensors"].items()) {
    TESSERA_TRY(auto estimator,
                RangeEstimator::from_json(state, result.estimator)
                    .map_error(in_file(fmt::format("{}: tensor '{}'", what, name))));
    result.tensors.emplace(name, std::move(estimator));
  }
  TESSERA_CHECK(read_derived(result, json["derived"], what));
  TESSERA_CHECK(read_channels(result, json.value("channels", Json::object()), what));
  return result;
}

Result<Ranges> to_ranges(const Observations& observations, int threads, Monitor& monitor) {
  std::vector<Group> groups = groups_of(observations);
  parallel_for(threads, std::ssize(groups), [&](std::int64_t i) {
    Group& group = groups[static_cast<std::size_t>(i)];
    if (auto status = measure(group, observations); !status) {
      group.error = std::move(status).error();
    }
  });
  Ranges ranges;
  ranges.methods = observations.methods;
  ranges.samples = observations.samples;
  for (Group& group : groups) {
    if (group.error) {
      return tl::unexpected(*std::move(group.error));
    }
    const bool unusual = group.seen.finite == 0 || group.seen.nan > 0 || group.seen.infinite > 0;
    for (const std::string& tensor : group.tensors) {
      if (!group.ranges.empty()) {
        ranges.tensors[tensor] = group.ranges;
      }
      if (unusual) {
        ranges.unusual[tensor] = group.seen;
      }
    }
  }
  for (const auto& [name, extrema] : observations.channels) {
    if (auto found = extrema.ranges(); !found.empty()) {
      ranges.channels.emplace(name, std::move(found));
    }
  }
  warn_of_unusual(observations, monitor);
  return ranges;
}

}  // namespace tessera::calibrate
