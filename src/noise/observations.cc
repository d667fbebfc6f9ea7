// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "noise/lines.h"
#include "tessera/core/names.h"
#include "tessera/quantize/scheme.h"

namespace tessera::noise {
namespace {

constexpr double kSameError = 1e-6;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double finite_or_zero(double value) {
  return std::isfinite(value) ? value : 0;
}

std::vector<ObservedLayer> observed(const std::vector<SweepLayer>& layers) {
  std::vector<ObservedLayer> result;
  result.reserve(layers.size());
  for (const auto& layer : layers) {
    result.push_back({.name = layer.name,
                      .type = layer.type,
                      .macs = layer.macs,
                      .noise_power = finite_or_zero(layer.noise_power),
                      .signal_power = finite_or_zero(layer.signal_power),
                      .scheme = layer.scheme,
                      .op = layer.op});
  }
  return result;
}

double signal_of(const std::vector<SweepOutput>& outputs) {
  double energy = 0;
  double elements = 0;
  for (const auto& output : outputs) {
    const auto count = static_cast<double>(output.elements);
    energy += count * output.weight * output.weight * finite_or_zero(output.power);
    elements += count;
  }
  return elements > 0 ? finite_or_zero(energy / (elements * elements)) : 0;
}

/// Shards of one sweep agree in what they are about; seeds and designs may differ, and schemes as
/// far as they are of the same operators.
Status check_same(const SweepHeader& first, const SweepHeader& other, std::string_view first_file,
                  std::string_view file) {
  const auto model = first.model.value_or(ModelInfo());
  const auto other_model = other.model.value_or(ModelInfo());
  if (model.sha256 != other_model.sha256) {
    return fail(ErrorCode::kInvalidArgument, "{} is about another model than {}: {} and {}", file,
                first_file, other_model.path, model.path)
        .hint("fit the sweeps of one model together, each model by itself");
  }
  const auto same = [](const SweepLayer& a, const SweepLayer& b) { return a.name == b.name; };
  if (!std::equal(first.layers.begin(), first.layers.end(), other.layers.begin(),
                  other.layers.end(), same)) {
    return fail(ErrorCode::kInvalidArgument, "{} switches other layers than {}", file, first_file)
        .hint("give the shards of one sweep; all have the same --layers");
  }
  for (std::size_t i = 0; i < first.layers.size(); ++i) {
    const auto& scheme = first.layers[i].scheme;
    const auto& another = other.layers[i].scheme;
    const bool known = !scheme.empty() && !another.empty();
    if (known && is_of_kernels(scheme) != is_of_kernels(another)) {
      return fail(ErrorCode::kInvalidArgument, "{} has layer '{}' in {}, and {} in {}", file,
                  first.layers[i].name, another, first_file, scheme)
          .hint("fit sweeps with --kernels tessera by themselves");
    }
  }
  return {};
}

/// The errors of one subset, as they come in.
struct Sum {
  double weight = 0;
  double error = 0;  ///< weighted mean; of one record, its bits
  double first = 0;
  double sqnr_weight = 0;
  double sqnr_db = kNan;
  std::int64_t images = 0;
};

/// Takes a value into a weighted mean, without a sum that could overflow.
void add_to_mean(double& mean, double& total, double value, double weight) {
  total += weight;
  mean = total == weight ? value : std::lerp(mean, value, weight / total);
}

class Collector {
 public:
  explicit Collector(ObservationNotes& notes) : notes_(notes) {}

  Status add_file(const SweepText& text);
  [[nodiscard]] Result<Observations> finish() &&;

 private:
  void add_record(const SweepRecord& record, LayerSet layers);

  ObservationNotes& notes_;
  std::optional<SweepHeader> header_;
  std::string first_file_;
  std::optional<LayerIndex> index_;
  std::map<LayerSet, Sum> sums_;
};

Status Collector::add_file(const SweepText& text) {
  TESSERA_TRY(auto file, parse_sweep_file(text, MissingError::kAllowed));
  if (file.header.layers.empty()) {
    return malformed_sweep(text.what, "the first line lists no layers");
  }
  if (!header_) {
    header_ = std::move(file.header);
    first_file_ = text.what;
    index_.emplace(observed(header_->layers));
  } else {
    TESSERA_CHECK(check_same(*header_, file.header, first_file_, text.what));
  }
  for (const auto& [record, place] : file.lines) {
    TESSERA_TRY(auto layers, index_->find(record.layers).map_error(in_file(place)));
    add_record(record, std::move(layers));
  }
  notes_.truncated += file.truncated ? 1 : 0;
  return {};
}

void Collector::add_record(const SweepRecord& record, LayerSet layers) {
  ++notes_.records;
  const double error = record.error;
  if (!std::isfinite(error) || error < 0) {
    ++notes_.without_error;
    return;
  }
  const auto [place, fresh] = sums_.try_emplace(std::move(layers));
  Sum& sum = place->second;
  if (fresh) {
    sum.first = error;
  } else {
    ++notes_.repeated;
    notes_.conflicting +=
        std::abs(error - sum.first) > kSameError * std::max(error, sum.first) ? 1 : 0;
  }
  const double weight = static_cast<double>(std::max<std::int64_t>(record.images, 1));
  add_to_mean(sum.error, sum.weight, error, weight);
  if (std::isfinite(record.sqnr_db)) {
    add_to_mean(sum.sqnr_db, sum.sqnr_weight, record.sqnr_db, weight);
  }
  sum.images = std::max(sum.images, record.images);
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
  Observations result{.model = header_->model.value_or(ModelInfo()),
                      .layers = observed(header_->layers),
                      .rows = {},
                      .signal = signal_of(header_->outputs)};
  for (const auto& [layers, sum] : sums_) {
    result.rows.push_back(
        {.layers = layers, .error = sum.error, .sqnr_db = sum.sqnr_db, .images = sum.images});
  }
  return result;
}

std::vector<std::string> names_of(std::span<const ObservedLayer> layers) {
  std::vector<std::string> names;
  for (const auto& layer : layers) {
    names.push_back(layer.name);
  }
  return names;
}

std::vector<std::string> schemes_of(std::span<const ObservedLayer> layers) {
  std::vector<std::string> schemes;
  for (const auto& layer : layers) {
    schemes.push_back(layer.scheme);
  }
  return schemes;
}

std::vector<std::string> operator_names(std::span<const ObservedLayer> layers) {
  std::vector<std::string> names;
  for (const auto& layer : layers) {
    names.push_back(layer.operator_name());
  }
  return names;
}

/// Equal names have the same number.
std::vector<std::int32_t> numbers_of(std::span<const std::string> names) {
  std::map<std::string_view, std::int32_t> known;
  std::vector<std::int32_t> numbers;
  for (const auto& name : names) {
    numbers.push_back(known.emplace(name, static_cast<std::int32_t>(known.size())).first->second);
  }
  return numbers;
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
  TESSERA_TRY(const auto files, read_texts(paths));
  return parse_observations(files, monitor, notes);
}

bool is_of_kernels(std::string_view scheme) noexcept {
  const auto format = quantize::to_string(quantize::Format::kKernels);
  return scheme.starts_with(format) && scheme.substr(format.size()).starts_with('-');
}

std::vector<std::int32_t> operators_of(std::span<const ObservedLayer> layers) {
  return numbers_of(operator_names(layers));
}

LayerSet in_first_schemes(std::span<const ObservedLayer> layers) {
  LayerSet first;
  const auto operators = operators_of(layers);
  for (std::size_t i = 0; i < operators.size(); ++i) {
    // Numbers are given as operators come: a new one is that of the next.
    if (operators[i] == static_cast<std::int32_t>(first.size())) {
      first.push_back(static_cast<std::int32_t>(i));
    }
  }
  return first;
}

LayerIndex::LayerIndex(std::span<const ObservedLayer> layers)
    : LayerIndex(names_of(layers), operator_names(layers), schemes_of(layers)) {}

LayerIndex::LayerIndex(std::vector<std::string> names)
    : LayerIndex(names, names, std::vector<std::string>(names.size())) {}

LayerIndex::LayerIndex(std::vector<std::string> names, std::span<const std::string> ops,
                       std::vector<std::string> schemes)
    : names_(std::move(names)),
      operators_(numbers_of(ops)),
      schemes_(std::move(schemes)),
      by_name_(names_.size()) {
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
          .hint("did you mean '{}'? the sweep has {} layers, those of its --layers",
                fmt::join(nearest, "', '"), names_.size());
    }
    layers.push_back(i);
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  std::map<std::int32_t, std::int32_t> by_operator;
  for (const auto layer : layers) {
    const auto [other, fresh] =
        by_operator.emplace(operators_[static_cast<std::size_t>(layer)], layer);
    if (!fresh) {
      return fail(ErrorCode::kInvalidArgument, "'{}' and '{}' are one operator in two schemes",
                  names_[static_cast<std::size_t>(other->second)],
                  names_[static_cast<std::size_t>(layer)])
          .hint("name each operator at most once");
    }
  }
  return layers;
}

}  // namespace tessera::noise
