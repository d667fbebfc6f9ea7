// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/rank.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace tessera::noise {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera profile MODEL -o FILE'");
}

std::optional<double> number_member(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_number() || !std::isfinite(found->get<double>())) {
    return std::nullopt;
  }
  return found->get<double>();
}

/// Time of a precision with the conversions that it brings along.
std::optional<double> median_us(const Json& layer, const char* precision) {
  const auto precisions = layer.find("precisions");
  if (precisions == layer.end() || !precisions->is_object()) {
    return std::nullopt;
  }
  const auto found = precisions->find(precision);
  if (found == precisions->end()) {
    return std::nullopt;
  }
  const auto own_us = number_member(*found, "median_us");
  const auto conversion = found->is_object() ? found->find("conversion") : found->end();
  const auto conversion_us =
      own_us && conversion != found->end() ? number_member(*conversion, "median_us") : std::nullopt;
  return own_us ? std::optional(*own_us + conversion_us.value_or(0)) : std::nullopt;
}

/// The layer of the fit that an entry of a profile is about: by its name, or else the first of
/// its operators that is one, since a profile joins operators that run as one kernel.
std::int32_t swept_layer(const Json& entry, const std::string& name, const LayerIndex& index) {
  const auto ops = entry.find("ops");
  if (index.position(name) >= 0 || ops == entry.end() || !ops->is_array()) {
    return index.position(name);
  }
  for (const Json& op : *ops) {
    if (op.is_string() && index.position(op.get<std::string>()) >= 0) {
      return index.position(op.get<std::string>());
    }
  }
  return -1;
}

/// Microseconds that int8 saves; nothing if the profile does not say.
std::optional<double> saved_us(const Json& layer) {
  const auto fp32_us = median_us(layer, "fp32");
  if (!fp32_us) {
    return std::nullopt;
  }
  if (const auto int8_us = median_us(layer, "int8")) {
    return *fp32_us - *int8_us;
  }
  const auto speedup = number_member(layer, "speedup");
  return speedup && *speedup > 0 ? std::optional(*fp32_us * (1 - 1 / *speedup)) : std::nullopt;
}

std::string sha_of(const Json& document) {
  const auto model = document.find("model");
  if (model == document.end() || !model->is_object()) {
    return {};
  }
  const auto sha = model->find("sha256");
  return sha != model->end() && sha->is_string() ? sha->get<std::string>() : std::string();
}

LayerSet all_layers(const ErrorModel& model) {
  LayerSet all(model.layers.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// Each term in equal parts to its layers; of a sum of 0 nobody has a share.
std::vector<double> shares(const ErrorModel& model) {
  std::vector<double> parts(model.layers.size(), 0);
  double total = 0;
  for (const auto& term : model.terms.terms) {
    for (const auto layer : term.layers) {
      const double part = term.coefficient / static_cast<double>(term.layers.size());
      parts[static_cast<std::size_t>(layer)] += part;
      total += part;
    }
  }
  for (double& part : parts) {
    part = total != 0 ? part / total : 0;
  }
  return parts;
}

Json names_of(const LayerSet& layers, const ErrorModel& model) {
  Json names = Json::array();
  for (const auto layer : layers) {
    names.push_back(model.layers[static_cast<std::size_t>(layer)].name);
  }
  return names;
}

Json found_to_json(const FoundSubset& found, const ErrorModel& model) {
  return {{"layers", names_of(found.layers, model)},
          {"gain", found.gain},
          {"prediction", to_json(found.prediction, model.intervals.level)}};
}

}  // namespace

Gains gains_of_macs(const ErrorModel& model) {
  Gains gains{.unit = "macs"};
  for (const auto& layer : model.layers) {
    const auto macs = layer.macs.value_or(0);
    gains.gain.push_back(static_cast<double>(macs));
    gains.unknown += macs > 0 ? 0U : 1U;
  }
  return gains;
}

Result<Gains> gains_from_profile(const Json& document, const ErrorModel& model,
                                 std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "profile", what));
  const auto sha = sha_of(document);
  if (!sha.empty() && !model.network.sha256.empty() && sha != model.network.sha256) {
    return fail(ErrorCode::kInvalidArgument, "{} is about another model than the fit of {}", what,
                model.network.path)
        .hint("profile and sweep the same file");
  }
  const auto listed = result.is_object() ? result.find("layers") : result.end();
  if (listed == result.end() || !listed->is_array()) {
    return malformed(what, "has no list 'layers'");
  }
  const LayerIndex index(model.layers);
  std::vector<std::optional<double>> saved(model.layers.size());
  for (const Json& layer : *listed) {
    const auto name = layer.is_object() ? layer.find("name") : layer.end();
    if (name == layer.end() || !name->is_string()) {
      return malformed(what, "a layer has no name");
    }
    const auto position = swept_layer(layer, name->get<std::string>(), index);
    if (position >= 0) {
      saved[static_cast<std::size_t>(position)] = saved_us(layer);
    }
  }
  Gains gains{.unit = "us"};
  for (const auto& us : saved) {
    gains.gain.push_back(us.value_or(0));
    gains.unknown += us ? 0U : 1U;
  }
  if (gains.unknown == model.layers.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "{} has fp32 and int8 times for none of the {} layers of the fit", what,
                model.layers.size())
        .hint("profile the model in both precisions");
  }
  return gains;
}

std::vector<LayerRank> rank_layers(const ErrorModel& model, const Gains& gains) {
  const auto all = all_layers(model);
  const double error_of_all = model.terms.error(all);
  const auto parts = shares(model);
  TermSum sum(model.terms, model.layers.size());
  for (const auto layer : all) {
    sum.toggle(layer);
  }
  std::vector<LayerRank> ranks;
  for (const auto layer : all) {
    const auto i = static_cast<std::size_t>(layer);
    LayerRank rank{.layer = layer,
                   .alone = model.terms.error({layer}),
                   .added = error_of_all - model.terms.error_of(sum.sum_after(layer)),
                   .share = parts[i],
                   .gain = gains.gain[i]};
    rank.error_per_gain =
        rank.gain > 0 ? std::max(rank.share, 0.0) * error_of_all / rank.gain : kInfinity;
    ranks.push_back(rank);
  }
  std::stable_sort(ranks.begin(), ranks.end(), [](const LayerRank& a, const LayerRank& b) {
    return a.error_per_gain != b.error_per_gain ? a.error_per_gain > b.error_per_gain
                                                : a.share > b.share;
  });
  return ranks;
}

std::string_view to_string(LimitBy by) noexcept {
  switch (by) {
    case LimitBy::kBound:
      return "bound";
    case LimitBy::kInterval:
      return "interval";
    case LimitBy::kPrediction:
      return "prediction";
  }
  return "bound";
}

Result<LimitBy> limit_by_from_string(std::string_view name) {
  for (const auto by : {LimitBy::kBound, LimitBy::kInterval, LimitBy::kPrediction}) {
    if (name == to_string(by)) {
      return by;
    }
  }
  return fail(ErrorCode::kInvalidArgument, "unknown limit '{}'", name)
      .hint("one of bound, interval, prediction");
}

Json to_json(const std::vector<LayerRank>& ranks, const ErrorModel& model, const Gains& gains) {
  Json json = Json::array();
  for (const auto& rank : ranks) {
    const auto& layer = model.layers[static_cast<std::size_t>(rank.layer)];
    json.push_back({{"name", layer.name},
                    {"type", layer.type},
                    {"error_alone", finite_or_null(rank.alone)},
                    {"error_added", finite_or_null(rank.added)},
                    {"noise_share", finite_or_null(rank.share)},
                    {"gain_" + gains.unit, rank.gain},
                    {"error_per_gain", finite_or_null(rank.error_per_gain)}});
  }
  return json;
}

Json to_json(const SearchResult& result, const ErrorModel& model) {
  return {{"chosen", result.exchange_won ? "exchange" : "greedy"},
          {"best", found_to_json(result.best(), model)},
          {"greedy", found_to_json(result.greedy, model)},
          {"exchange", found_to_json(result.exchange, model)},
          {"gain_at_most", finite_or_null(result.gain_at_most)}};
}

}  // namespace tessera::noise
