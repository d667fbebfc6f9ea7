// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/accuracy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "evaluate/float_view.h"
#include "tessera/core/random.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/fields.h"
#include "tessera/tensor/fields.h"

namespace tessera::evaluate {
namespace {

using runtime::Session;
using runtime::ValueInfo;

bool is_measured(const ValueInfo& value) {
  return value.is_real();
}

std::vector<std::size_t> measured_indices(const std::vector<ValueInfo>& outputs) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (is_measured(outputs[i])) {
      indices.push_back(i);
    }
  }
  return indices;
}

std::vector<std::string> names_at(const std::vector<ValueInfo>& values,
                                  const std::vector<std::size_t>& indices) {
  std::vector<std::string> names;
  names.reserve(indices.size());
  for (const auto index : indices) {
    names.push_back(values[index].name);
  }
  return names;
}

/// For each measured output of the reference, its place among the candidate's outputs.
Result<std::vector<std::size_t>> match_outputs(const std::vector<std::string>& reference,
                                               const std::vector<ValueInfo>& candidate) {
  const auto available = measured_indices(candidate);
  std::vector<std::size_t> matched;
  for (std::size_t place = 0; place < reference.size(); ++place) {
    const auto same_name = std::find_if(available.begin(), available.end(), [&](auto index) {
      return candidate[index].name == reference[place];
    });
    if (same_name != available.end()) {
      matched.push_back(*same_name);
    } else if (available.size() == reference.size()) {
      matched.push_back(available[place]);
    } else {
      return fail(ErrorCode::kInvalidArgument,
                  "the candidate has no output that corresponds to '{}' of the reference",
                  reference[place])
          .hint("its floating outputs are: {}", fmt::join(names_at(candidate, available), ", "));
    }
  }
  return matched;
}

/// The measured outputs of one run, as float32 tensors that own their elements.
Result<std::vector<Tensor>> keep_outputs(const runtime::Outputs& outputs,
                                         const std::vector<ValueInfo>& infos,
                                         const std::vector<std::size_t>& indices) {
  std::vector<Tensor> kept;
  for (const auto index : indices) {
    TESSERA_TRY(auto real, runtime::as_real(outputs[index], infos[index]));
    TESSERA_TRY(auto tensor, cast(real.view(), DType::kFloat32));
    kept.push_back(std::move(tensor));
  }
  return kept;
}

std::int64_t total_bytes(const std::vector<Tensor>& tensors) {
  std::int64_t total = 0;
  for (const auto& tensor : tensors) {
    total += static_cast<std::int64_t>(tensor.bytes().size());
  }
  return total;
}

std::int64_t total_bytes(const data::Sample& sample) {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : sample.tensors) {
    total += static_cast<std::int64_t>(tensor.bytes().size());
  }
  return total;
}

double percent_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Counts of one pass over the samples.
struct Votes {
  std::int64_t samples = 0;
  std::int64_t labelled = 0;
  std::int64_t agreeing = 0;
  std::int64_t reference_right = 0;
  std::int64_t candidate_right = 0;

  void add(std::int64_t reference, std::int64_t candidate, std::optional<std::int64_t> label) {
    ++samples;
    agreeing += reference == candidate ? 1 : 0;
    if (label) {
      ++labelled;
      reference_right += reference == *label ? 1 : 0;
      candidate_right += candidate == *label ? 1 : 0;
    }
  }

  [[nodiscard]] Top1 summary() const {
    Top1 top1;
    top1.samples = samples;
    top1.labelled = labelled;
    top1.agreement_percent = percent_of(agreeing, samples);
    if (labelled > 0) {
      top1.reference_percent = percent_of(reference_right, labelled);
      top1.candidate_percent = percent_of(candidate_right, labelled);
    }
    return top1;
  }
};

/// 95 % interval of the SQNR when whole samples are drawn again (Efron and Tibshirani 1993).
std::optional<Interval> interval_of(const std::vector<ErrorSums>& samples) {
  constexpr std::size_t kFewest = 3;
  constexpr int kDraws = 400;
  const auto count = samples.size();
  double noise_power = 0;
  for (const auto& sample : samples) {
    noise_power += sample.noise;
  }
  if (count < kFewest || !(noise_power > 0)) {
    return std::nullopt;
  }
  Random random(count);  // the interval of given errors is always the same
  std::vector<double> drawn;
  for (int draw = 0; draw < kDraws; ++draw) {
    double signal = 0;
    double noise = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& sample = samples[random.below(count)];
      signal += sample.signal;
      noise += sample.noise;
    }
    if (signal > 0 && noise > 0) {
      drawn.push_back(10 * std::log10(signal / noise));
    }
  }
  if (drawn.empty()) {
    return std::nullopt;
  }
  std::sort(drawn.begin(), drawn.end());
  return Interval{quantile(drawn, 0.025), quantile(drawn, 0.975)};
}

Accuracy summarize_errors(const std::vector<std::string>& names, std::int64_t samples,
                          const std::vector<ErrorAccumulator>& errors) {
  Accuracy accuracy;
  accuracy.samples = samples;
  ErrorAccumulator pooled;
  for (std::size_t k = 0; k < errors.size(); ++k) {
    accuracy.outputs.push_back({names[k], errors[k].metrics()});
    pooled.merge(errors[k]);
  }
  accuracy.overall = pooled.metrics();
  return accuracy;
}

Status check_label(const data::Sample& sample, std::size_t classes) {
  if (!sample.label || *sample.label < static_cast<std::int64_t>(classes)) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "sample '{}' has class {}; the model knows {} classes",
              sample.name, *sample.label, classes)
      .hint("give labels that fit the model, or none");
}

template <auto member>
constexpr Field<Accuracy> end_of_interval(std::string_view name, std::string_view says) {
  return {name, says, [](const Accuracy& accuracy) {
            const auto& interval = accuracy.sqnr_interval_db;
            return interval ? Json(*interval.*member) : Json();
          }};
}

}  // namespace

std::optional<double> Top1::drop() const {
  if (!reference_percent || !candidate_percent) {
    return std::nullopt;
  }
  return *reference_percent - *candidate_percent;
}

Fields<Top1> fields_of(const Top1*) {
  static constexpr std::array kFields = {
      field<&Top1::reference_percent>("reference", "of the reference; null without labels"),
      field<&Top1::candidate_percent>("candidate", "of the candidate; null without labels"),
      written<&Top1::drop>("drop", "points lost"),
      field<&Top1::agreement_percent>("agreement", "both choose the same class"),
      field<&Top1::samples>("samples", "that were classified"),
      field<&Top1::labelled>("labelled", "of these, with a label")};
  return kFields;
}

Fields<OutputError> fields_of(const OutputError*) {
  static constexpr std::array kFields = {written<&OutputError::name>("name", "of the output"),
                                         written_within<&OutputError::error>()};
  return kFields;
}

Fields<Accuracy> fields_of(const Accuracy*) {
  static constexpr std::array kFields = {
      written<&Accuracy::samples>("samples", "that were compared"),
      written<&Accuracy::outputs>("outputs", "floating outputs, each alone"),
      written<&Accuracy::overall>("overall", "all outputs pooled"),
      end_of_interval<&Interval::low>("sqnr_db_low",
                                      "lower end of the 95 % interval of overall.sqnr_db, by "
                                      "bootstrap over samples; null with fewer than 3"),
      end_of_interval<&Interval::high>("sqnr_db_high", "upper end of it"),
      written<&Accuracy::top1>("top1", "of classifiers").if_any()};
  return kFields;
}

Json to_json(const Accuracy& accuracy) {
  return as_json(accuracy);
}

std::optional<std::size_t> classifier_output(const std::vector<ValueInfo>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& shape = outputs[i].shape;
    if (!is_measured(outputs[i])) {
      continue;
    }
    std::int64_t wide = 0;
    bool open = false;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      wide += shape[axis] > 1 ? 1 : 0;
      open = open || shape[axis] == 0 || (shape[axis] < 0 && axis > 0);
    }
    if (wide == 1 && !open) {
      return i;
    }
  }
  return std::nullopt;
}

Result<std::vector<runtime::Feed>> feeds_of(const data::Sample& sample,
                                            const std::vector<ValueInfo>& inputs,
                                            std::vector<Tensor>& casts) {
  std::vector<runtime::Feed> feeds;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto found = std::find_if(sample.tensors.begin(), sample.tensors.end(),
                              [&](const auto& tensor) { return tensor.name == inputs[i].name; });
    if (found == sample.tensors.end() && inputs.size() == sample.tensors.size()) {
      found = sample.tensors.begin() + static_cast<std::ptrdiff_t>(i);
    }
    if (found == sample.tensors.end()) {
      return fail(ErrorCode::kInvalidArgument, "sample '{}' has no tensor for input '{}'",
                  sample.name, inputs[i].name)
          .hint("compare models with the same inputs");
    }
    const auto& tensor = found->tensor;
    if (inputs[i].quantization && is_floating(tensor.dtype())) {
      TESSERA_TRY(auto integers,
                  quantized(tensor.view(), *inputs[i].quantization, inputs[i].dtype));
      casts.push_back(std::move(integers));
      feeds.push_back({inputs[i].name, casts.back().view()});
      continue;
    }
    if (tensor.dtype() == inputs[i].dtype || !is_floating(tensor.dtype()) ||
        !is_floating(inputs[i].dtype)) {
      feeds.push_back({inputs[i].name, tensor.view()});
      continue;
    }
    TESSERA_TRY(auto converted, cast(tensor.view(), inputs[i].dtype));
    casts.push_back(std::move(converted));
    feeds.push_back({inputs[i].name, casts.back().view()});
  }
  return feeds;
}

namespace {

/// The states that a candidate computed for itself in the step before.
class CarriedStates {
 public:
  CarriedStates(const data::SampleSet& samples, const Session& reference, const Session& candidate)
      : links_(samples.states()) {
    for (const auto& link : links_) {
      const auto place = place_of(link.output, candidate.outputs());
      outputs_.push_back(place ? place : place_of(link.output, reference.outputs()));
    }
  }

  Status keep(const runtime::Outputs& outputs, const std::vector<ValueInfo>& infos) {
    kept_.clear();
    for (const auto place : outputs_) {
      Tensor state;
      if (place && *place < outputs.size()) {
        TESSERA_TRY(state, runtime::as_real(outputs[*place], infos[*place]));
      }
      kept_.push_back(std::move(state));
    }
    return {};
  }

  [[nodiscard]] data::Sample into(data::Sample sample) const {
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      const auto input =
          std::find_if(sample.tensors.begin(), sample.tensors.end(),
                       [&](const NamedTensor& tensor) { return tensor.name == links_[k].input; });
      if (input != sample.tensors.end() && kept_[k].dtype() != DType::kUndefined) {
        input->tensor = kept_[k];
      }
    }
    return sample;
  }

 private:
  static std::optional<std::size_t> place_of(const std::string& name,
                                             const std::vector<ValueInfo>& outputs) {
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const ValueInfo& output) { return output.name == name; });
    return found == outputs.end()
               ? std::nullopt
               : std::optional(static_cast<std::size_t>(found - outputs.begin()));
  }

  const std::vector<data::StateLink>& links_;
  std::vector<std::optional<std::size_t>> outputs_;  ///< of the candidate, by link
  std::vector<Tensor> kept_;
};

}  // namespace

struct Baseline::State {
  /// What is kept of a sample; empty where the cache was full.
  struct Entry {
    std::optional<data::Sample> sample;
    std::optional<std::vector<Tensor>> outputs;
  };

  Session* reference = nullptr;
  const data::SampleSet* samples = nullptr;
  std::vector<std::size_t> measured;  ///< indices of the reference's outputs
  std::vector<std::string> names;
  std::optional<std::size_t> classifier;  ///< index into `measured`
  std::vector<Entry> entries;
  std::optional<double> top1_percent;
  Accuracy itself;

  [[nodiscard]] Result<std::vector<Tensor>> run_reference(const data::Sample& sample) const {
    std::vector<Tensor> casts;
    TESSERA_TRY(const auto feeds, feeds_of(sample, reference->inputs(), casts));
    TESSERA_TRY(const auto outputs, reference->run(feeds));
    return keep_outputs(outputs, reference->outputs(), measured);
  }

  /// Evenly spread; sequences from their first step on. 0: all.
  [[nodiscard]] std::vector<std::int64_t> some_of(std::int64_t at_most) const;
  [[nodiscard]] Status fill(const BaselineOptions& options, Monitor& monitor);
  [[nodiscard]] Status add(const runtime::Outputs& candidate, const std::vector<ValueInfo>& infos,
                           const std::vector<std::size_t>& matched,
                           const std::vector<Tensor>& expected, std::optional<std::int64_t> label,
                           std::vector<ErrorAccumulator>& errors, Votes& votes) const;
};

std::vector<std::int64_t> Baseline::State::some_of(std::int64_t at_most) const {
  const auto size = samples->size();
  const auto count = at_most > 0 ? std::min(at_most, size) : size;
  bool sequence = false;
  for (std::int64_t i = 0; i < size && count < size; ++i) {
    sequence = sequence || samples->follows(i);
  }
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) {
    chosen.push_back(sequence ? i : i * size / count);
  }
  return chosen;
}

/// Reference outputs are dearer than decoded samples, so they are kept first.
Status Baseline::State::fill(const BaselineOptions& options, Monitor& monitor) {
  const auto cache_bytes = options.cache_bytes;
  Votes votes;
  std::vector<ErrorAccumulator> errors(measured.size());
  const auto count = samples->size();
  std::int64_t outputs_left = 0;  ///< samples whose outputs are kept
  std::int64_t inputs_left = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(auto sample, samples->load(i));
    TESSERA_TRY(auto outputs, run_reference(sample));
    for (std::size_t k = 0; k < errors.size(); ++k) {
      errors[k].add(outputs[k].as<float>(), outputs[k].as<float>());
    }
    if (classifier) {
      const auto scores = outputs[*classifier].as<float>();
      TESSERA_CHECK(check_label(sample, scores.size()));
      const auto best = argmax(scores);
      votes.add(best, best, sample.label);
    }
    if (i == 0) {
      const auto output_bytes = std::max<std::int64_t>(total_bytes(outputs), 1);
      const auto input_bytes = std::max<std::int64_t>(total_bytes(sample), 1);
      outputs_left = std::min(count, cache_bytes / output_bytes);
      inputs_left = outputs_left < count ? 0 : (cache_bytes - count * output_bytes) / input_bytes;
    }
    Entry entry;
    if (outputs_left-- > 0) {
      entry.outputs = std::move(outputs);
    }
    if (inputs_left-- > 0) {
      entry.sample = std::move(sample);
    }
    entries.push_back(std::move(entry));
    monitor.progress("reference", i + 1, count);
  }
  top1_percent = votes.summary().reference_percent;
  itself = summarize_errors(names, count, errors);
  if (classifier) {
    itself.top1 = votes.summary();
  }
  return {};
}

Status Baseline::State::add(const runtime::Outputs& candidate, const std::vector<ValueInfo>& infos,
                            const std::vector<std::size_t>& matched,
                            const std::vector<Tensor>& expected, std::optional<std::int64_t> label,
                            std::vector<ErrorAccumulator>& errors, Votes& votes) const {
  for (std::size_t k = 0; k < matched.size(); ++k) {
    const auto view = candidate[matched[k]];
    if (!std::equal(view.shape.begin(), view.shape.end(), expected[k].shape().begin(),
                    expected[k].shape().end())) {
      return fail(ErrorCode::kInvalidArgument,
                  "output '{}' is {} in the reference, {} in the candidate", names[k],
                  to_string(expected[k].shape()), to_string(view.shape))
          .hint("compare models with the same outputs");
    }
    TESSERA_TRY(const auto values, FloatView::of(view, infos[matched[k]]));
    const auto reference_values = expected[k].as<float>();
    errors[k].add(reference_values, values.span());
    if (classifier == k) {
      votes.add(argmax(reference_values), argmax(values.span()), label);
    }
  }
  return {};
}

Result<Baseline> Baseline::measure(Session& reference, const data::SampleSet& samples,
                                   const BaselineOptions& options, Monitor& monitor) {
  auto state = std::make_unique<State>();
  state->reference = &reference;
  state->samples = &samples;
  state->measured = measured_indices(reference.outputs());
  state->names = names_at(reference.outputs(), state->measured);
  if (state->measured.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the reference has no floating output to compare")
        .hint("compare models with tensors of real numbers among their outputs");
  }
  const auto classifier = classifier_output(reference.outputs());
  // Without labels nobody says that it is one: a state beside other outputs looks the same.
  if (classifier && (samples.has_labels() || state->measured.size() == 1)) {
    const auto place = std::find(state->measured.begin(), state->measured.end(), *classifier);
    state->classifier = static_cast<std::size_t>(place - state->measured.begin());
  }
  TESSERA_CHECK(state->fill(options, monitor));
  return Baseline(std::move(state));
}

Baseline::Baseline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Baseline::Baseline(Baseline&&) noexcept = default;
Baseline& Baseline::operator=(Baseline&&) noexcept = default;
Baseline::~Baseline() = default;

Result<Accuracy> Baseline::evaluate(Session& candidate, Monitor& monitor,
                                    std::int64_t at_most) const {
  return run(candidate, monitor, at_most, States::kOfTheReference);
}

Result<std::optional<Accuracy>> Baseline::free_running(Session& candidate, Monitor& monitor) const {
  bool any = false;
  for (std::int64_t i = 0; i < samples() && !state_->samples->states().empty(); ++i) {
    any = any || state_->samples->follows(i);
  }
  if (!any) {
    return std::nullopt;
  }
  return run(candidate, monitor, 0, States::kItsOwn).map([](Accuracy accuracy) {
    return std::optional(std::move(accuracy));
  });
}

Result<Accuracy> Baseline::run(Session& candidate, Monitor& monitor, std::int64_t at_most,
                               States states) const {
  const auto chosen = state_->some_of(at_most);
  TESSERA_TRY(const auto matched, match_outputs(state_->names, candidate.outputs()));
  std::vector<ErrorAccumulator> errors(matched.size());
  std::vector<ErrorSums> by_sample;
  Votes votes;
  CarriedStates carried(*state_->samples, *state_->reference, candidate);
  for (const auto i : chosen) {
    TESSERA_CHECK(monitor.check());
    const auto& entry = state_->entries[static_cast<std::size_t>(i)];
    std::optional<data::Sample> loaded;
    if (!entry.sample) {
      TESSERA_TRY(loaded, state_->samples->load(i));
    }
    const auto& sample = entry.sample ? *entry.sample : *loaded;
    std::vector<Tensor> computed;
    if (!entry.outputs) {
      TESSERA_TRY(computed, state_->run_reference(sample));
    }
    const auto& expected = entry.outputs ? *entry.outputs : computed;
    std::optional<data::Sample> own;
    if (states == States::kItsOwn && state_->samples->follows(i)) {
      own = carried.into(sample);
    }
    std::vector<Tensor> casts;
    TESSERA_TRY(const auto feeds, feeds_of(own ? *own : sample, candidate.inputs(), casts));
    TESSERA_TRY(const auto outputs, candidate.run(feeds));
    std::vector<ErrorAccumulator> of_sample(matched.size());
    TESSERA_CHECK(state_->add(outputs, candidate.outputs(), matched, expected, sample.label,
                              of_sample, votes));
    ErrorAccumulator all_outputs;
    for (std::size_t k = 0; k < errors.size(); ++k) {
      errors[k].merge(of_sample[k]);
      all_outputs.merge(of_sample[k]);
    }
    by_sample.push_back(all_outputs.sums());
    if (states == States::kItsOwn) {
      TESSERA_CHECK(carried.keep(outputs, candidate.outputs()));
    }
    monitor.progress("compare", std::ssize(by_sample), std::ssize(chosen));
  }
  auto accuracy = summarize_errors(state_->names, std::ssize(chosen), errors);
  accuracy.sqnr_interval_db = interval_of(by_sample);
  if (state_->classifier) {
    accuracy.top1 = votes.summary();
  }
  return accuracy;
}

const Accuracy& Baseline::itself() const noexcept {
  return state_->itself;
}

std::optional<double> Baseline::reference_top1_percent() const noexcept {
  return state_->top1_percent;
}

std::int64_t Baseline::samples() const noexcept {
  return state_->samples->size();
}

}  // namespace tessera::evaluate
