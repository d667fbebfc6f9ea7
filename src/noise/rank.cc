// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/rank.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "tessera/quantize/scheme.h"

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
std::optional<double> median_us(const Json& layer, const std::string& precision) {
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

/// Places of layers, by operator.
using LayersOf = std::map<std::string, LayerSet>;

LayersOf by_operator(std::span<const ObservedLayer> layers) {
  LayersOf result;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    result[layers[i].operator_name()].push_back(static_cast<std::int32_t>(i));
  }
  return result;
}

/// The layers that an entry of a profile is about: by its name, or else the first of
/// its operators that is one, since a profile joins operators that run as one kernel.
LayerSet swept_layers(const Json& entry, const std::string& name, const LayersOf& layers) {
  if (const auto found = layers.find(name); found != layers.end()) {
    return found->second;
  }
  const auto ops = entry.find("ops");
  if (ops == entry.end() || !ops->is_array()) {
    return {};
  }
  for (const Json& op : *ops) {
    const auto found = op.is_string() ? layers.find(op.get<std::string>()) : layers.end();
    if (found != layers.end()) {
      return found->second;
    }
  }
  return {};
}

/// A scheme's name without the method of its ranges, which changes numbers and no time.
std::string_view without_method(std::string_view scheme) {
  for (const auto method : numerics::kRangeMethods) {
    const auto name = numerics::to_string(method);
    if (scheme.ends_with(name) && scheme.size() > name.size()) {
      return scheme.substr(0, scheme.size() - name.size() - 1);
    }
  }
  return scheme;
}

constexpr auto kInteger = "int8";

/// The column of a profile's layer that has the times of a layer; nothing if there is none.
/// `scheme`: what int8 is in the profile.
std::optional<std::string> column_of(const ObservedLayer& layer, const Json& entry,
                                     std::string_view scheme) {
  const auto wanted = without_method(layer.scheme);
  if (!wanted.empty() && wanted == without_method(scheme)) {
    return kInteger;
  }
  const auto precisions = entry.find("precisions");
  if (!wanted.empty() && precisions != entry.end() && precisions->is_object()) {
    for (const auto& [precision, cost] : precisions->items()) {
      if (without_method(precision) == wanted) {
        return precision;
      }
    }
  }
  return layer.op.empty() ? std::optional<std::string>(kInteger) : std::nullopt;
}

/// What int8 takes is not what it takes with other operators. A fit writes the schemes of layers
/// that are in format kernels.
Status check_format(const ObservedLayer& layer, std::string_view integer_scheme,
                    std::string_view what) {
  const bool kernels = is_of_kernels(layer.scheme);
  if (kernels == is_of_kernels(integer_scheme)) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{} has the times of {}, and '{}' was swept in {}", what,
              integer_scheme, layer.name, layer.scheme.empty() ? "stock operators" : layer.scheme)
      .hint("{}", kernels ? "profile the model with --kernels tessera"
                          : "profile the model without --kernels tessera, or sweep it with that");
}

/// Microseconds that a precision saves; nothing if the profile does not say.
std::optional<double> saved_us(const Json& layer, const std::string& precision) {
  const auto fp32_us = median_us(layer, "fp32");
  if (!fp32_us) {
    return std::nullopt;
  }
  if (const auto own_us = median_us(layer, precision)) {
    return *fp32_us - *own_us;
  }
  const auto speedup = number_member(layer, "speedup");  // of int8
  return precision == kInteger && speedup && *speedup > 0
             ? std::optional(*fp32_us * (1 - 1 / *speedup))
             : std::nullopt;
}

std::string sha_of(const Json& document) {
  const auto model = document.find("model");
  if (model == document.end() || !model->is_object()) {
    return {};
  }
  const auto sha = model->find("sha256");
  return sha != model->end() && sha->is_string() ? sha->get<std::string>() : std::string();
}

/// Parts of layers in the sum of all terms, each operator in its first scheme but the layer's own.
class Shares {
 public:
  /// `first_of`: by layer, its operator in the first scheme.
  Shares(const ErrorModel& model, const std::vector<std::int32_t>& first_of)
      : first_of_(first_of), parts_(first_of.size(), 0), terms_(first_of.size(), 0) {
    for (const auto& term : model.terms.terms) {
      const auto further = std::count_if(term.layers.begin(), term.layers.end(),
                                         [&](std::int32_t layer) { return !is_first(layer); });
      for (const auto layer : term.layers) {
        // Where a further scheme is in a term, it is that layer's alone.
        if (further == 0 || (further == 1 && !is_first(layer))) {
          const double part = term.coefficient / static_cast<double>(term.layers.size());
          parts_[at(layer)] += part;
          terms_[at(layer)] += term.coefficient;
          total_ += further == 0 ? part : 0;
        }
      }
    }
  }

  /// Each term in equal parts to its layers; of a sum of 0 nobody has a share.
  [[nodiscard]] double of(std::int32_t layer) const {
    const double replaced =
        is_first(layer) ? 0 : terms_[at(layer)] - terms_[at(first_of_[at(layer)])];
    const double total = total_ + replaced;
    return total != 0 ? parts_[at(layer)] / total : 0;
  }

 private:
  static std::size_t at(std::int32_t layer) { return static_cast<std::size_t>(layer); }
  [[nodiscard]] bool is_first(std::int32_t layer) const { return first_of_[at(layer)] == layer; }

  const std::vector<std::int32_t>& first_of_;
  std::vector<double> parts_;
  std::vector<double> terms_;  ///< sum of those that the layer is in
  double total_ = 0;
};

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

Gains gains_of_macs(std::span<const ObservedLayer> layers) {
  Gains gains{.unit = "macs"};
  for (const auto& layer : layers) {
    const auto macs = layer.macs.value_or(0);
    gains.gain.push_back(static_cast<double>(macs));
    gains.unknown += macs > 0 ? 0U : 1U;
  }
  return gains;
}

Result<Gains> gains_from_profile(const Json& document, const ModelInfo& network,
                                 std::span<const ObservedLayer> layers, std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "profile", what));
  const auto sha = sha_of(document);
  if (!sha.empty() && !network.sha256.empty() && sha != network.sha256) {
    return fail(ErrorCode::kInvalidArgument, "{} is about another model than {}", what,
                network.path)
        .hint("profile the same file with 'tessera profile'");
  }
  const auto listed = result.is_object() ? result.find("layers") : result.end();
  if (listed == result.end() || !listed->is_array()) {
    return malformed(what, "has no list 'layers'");
  }
  const auto scheme = result.find("scheme");
  const auto integer_scheme =
      scheme != result.end() && scheme->is_string() ? scheme->get<std::string>() : std::string();
  const auto places = by_operator(layers);
  std::vector<std::optional<double>> saved(layers.size());
  for (const Json& layer : *listed) {
    const auto name = layer.is_object() ? layer.find("name") : layer.end();
    if (name == layer.end() || !name->is_string()) {
      return malformed(what, "a layer has no name");
    }
    for (const auto position : swept_layers(layer, name->get<std::string>(), places)) {
      const auto i = static_cast<std::size_t>(position);
      const auto column = column_of(layers[i], layer, integer_scheme);
      if (column == kInteger && !integer_scheme.empty()) {
        TESSERA_CHECK(check_format(layers[i], integer_scheme, what));
      }
      saved[i] = column ? saved_us(layer, *column) : std::nullopt;
    }
  }
  Gains gains{.unit = "us"};
  for (const auto& us : saved) {
    gains.gain.push_back(us.value_or(0));
    gains.unknown += us ? 0U : 1U;
  }
  if (gains.unknown == layers.size()) {
    return fail(ErrorCode::kInvalidArgument, "{} has fp32 and int8 times for none of the {} layers",
                what, layers.size())
        .hint("profile the model in both precisions");
  }
  return gains;
}

std::vector<LayerRank> rank_layers(const ErrorModel& model, const Gains& gains) {
  const auto operators = operators_of(model.layers);
  const auto all = in_first_schemes(model.layers);
  std::vector<std::int32_t> first_of;
  for (const auto number : operators) {
    first_of.push_back(all[static_cast<std::size_t>(number)]);
  }
  const double error_of_firsts = model.terms.error(all);
  const Shares shares(model, first_of);
  TermSum sum(model.terms, model.layers.size());
  for (const auto layer : all) {
    sum.toggle(layer);
  }
  std::vector<LayerRank> ranks;
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const auto layer = static_cast<std::int32_t>(i);
    const auto first = first_of[i];
    const double error_of_all =
        layer == first ? error_of_firsts : model.terms.error_of(sum.sum_after(first, layer));
    LayerRank rank{.layer = layer,
                   .alone = model.terms.error({layer}),
                   .added = error_of_all - model.terms.error_of(sum.sum_after(first)),
                   .share = shares.of(layer),
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
    Json entry{{"name", layer.name},
               {"type", layer.type},
               {"error_alone", finite_or_null(rank.alone)},
               {"error_added", finite_or_null(rank.added)},
               {"noise_share", finite_or_null(rank.share)},
               {"gain_" + gains.unit, rank.gain},
               {"error_per_gain", finite_or_null(rank.error_per_gain)}};
    if (!layer.op.empty()) {
      entry["op"] = layer.op;
    }
    json.push_back(std::move(entry));
  }
  return json;
}

Json to_json(const SearchResult& result, const ErrorModel& model) {
  return {{"best", found_to_json(result.best, model)},
          {"gain_at_most", result.gain_at_most},
          {"outcome", result.is_optimal() ? "optimal" : "feasible"},
          {"gap", result.gap()}};
}

}  // namespace tessera::noise
