// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/choose_built.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "refine/quantized.h"
#include "refine/simulator.h"
#include "tessera/graph/cost.h"
#include "tessera/quantize/quantize.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/affine.h"

namespace tessera::refine {
namespace {

using numerics::RangeMethod;

constexpr std::int64_t kFewestJudging = 4;
constexpr std::size_t kFewestMixing = 8;
constexpr double kClearly = 0.794;  ///< 1 dB less error

/// By judged value: its elements, or the squared error of them.
using Values = std::vector<std::vector<float>>;
using Noise = std::vector<double>;

class Trials {
 public:
  Trials(const MethodQuestion& question, const std::shared_ptr<const runtime::Library>& library,
         Monitor& monitor)
      : question_(question), library_(library), monitor_(monitor), ranges_(question.ranges) {
    // That they are of this model was seen when they were read; to ask it of every candidate would
    // take the file's hash each time.
    ranges_.model.reset();
  }

  Result<MethodChoice> run() {
    TESSERA_CHECK(measure_reference());
    std::vector<Contender> contenders;
    std::optional<Error> refused;
    for (const auto method : numerics::kRangeMethods) {
      const auto& measured = question_.ranges.methods;
      if (std::find(measured.begin(), measured.end(), method) == measured.end()) {
        continue;
      }
      auto session = build(ranges_, method);
      if (!session && session.error().code == ErrorCode::kCancelled) {
        return tl::unexpected(session.error());
      }
      if (session) {
        contenders.push_back({method, {}, *std::move(session)});
      } else {
        refused = session.error();  // scales that no kernel takes
      }
    }
    if (contenders.empty() && refused) {
      return tl::unexpected(*refused);
    }
    if (contenders.empty()) {
      return fail(ErrorCode::kFailedPrecondition, "no range method was measured")
          .hint("calibrate with --method all");
    }
    TESSERA_CHECK(judge(contenders));
    auto choice = conclude(contenders);
    if (samples_.size() >= kFewestMixing) {
      TESSERA_CHECK(mix(contenders, choice));
    }
    return choice;
  }

 private:
  struct Contender {
    RangeMethod method;
    std::vector<Noise> noise;  ///< by sample, of those that it was run on
    std::optional<runtime::Session> session;
  };

  /// Of samples from `first` on: the mean over the judged values of sum (y - y')^2 / sum y^2, over
  /// all of these samples, and of each alone.
  [[nodiscard]] Verdict verdict_of(std::span<const Noise> noise, std::size_t first = 0) const {
    Verdict verdict;
    Noise sum(names_.size(), 0);
    Noise signal(names_.size(), 0);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      const auto& own = signal_[first + i];
      verdict.by_sample.push_back(relative(noise[i], own));
      for (std::size_t j = 0; j < names_.size(); ++j) {
        sum[j] += noise[i][j];
        signal[j] += own[j];
      }
    }
    verdict.error = relative(sum, signal);
    return verdict;
  }
  static double relative(const Noise& noise, const Noise& signal) {
    double sum = 0;
    for (std::size_t j = 0; j < noise.size(); ++j) {
      sum += signal[j] > 0 ? noise[j] / signal[j] : 0;
    }
    const auto mean = noise.empty() ? 0 : sum / static_cast<double>(noise.size());
    return std::isfinite(mean) ? mean : std::numeric_limits<double>::infinity();
  }
  [[nodiscard]] double error_of(const Contender& contender) const {
    return verdict_of(contender.noise).error;
  }

  // --- running ------------------------------------------------------------------------------

  /// As refine::judged_values(), integers with a scale among them: candidates are run and not
  /// simulated.
  static Result<std::vector<std::string>> judged_names(const network::Network& network) {
    TESSERA_TRY(const auto graph, network.view());
    TESSERA_TRY(const auto values, network::judged_values(graph, network.path().string()));
    std::vector<std::string> names;
    for (const auto value : values) {
      names.push_back(graph.tensor(before_squeezing(graph, value)).name);
    }
    return names;
  }

  /// The judged values as real numbers, in the order of their names.
  Result<Values> values_of(runtime::Session& session, const data::Sample& sample) const {
    std::vector<runtime::Feed> feeds;
    for (const auto& tensor : sample.tensors) {
      feeds.push_back({tensor.name, tensor.tensor.view()});
    }
    TESSERA_TRY(const auto outputs, session.run(feeds));
    Values values(names_.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& known = session.outputs()[i];
      const auto name = std::find(names_.begin(), names_.end(), known.name);
      if (name == names_.end()) {
        continue;
      }
      auto& to = values[static_cast<std::size_t>(name - names_.begin())];
      if (known.quantization) {
        TESSERA_TRY(const auto real, dequantized(outputs[i], *known.quantization));
        to.assign(real.as<float>().begin(), real.as<float>().end());
      } else {
        TESSERA_TRY(to, to_float32(outputs[i]));
      }
    }
    return values;
  }

  Status measure_reference() {
    auto network = question_.model.clone();
    TESSERA_TRY(names_, judged_names(network));
    network.expose(names_);
    TESSERA_TRY(auto session, network.open(library_, {}));
    for (const auto index : evenly_from_the_start(question_.judging)) {
      TESSERA_TRY(auto sample, question_.samples.load(index));
      TESSERA_TRY(auto values, values_of(session, sample));
      auto& signal = signal_.emplace_back();
      for (const auto& value : values) {
        double sum = 0;
        for (const auto x : value) {
          sum += double{x} * double{x};
        }
        signal.push_back(sum);
      }
      reference_.push_back(std::move(values));
      samples_.push_back(std::move(sample));
    }
    return {};
  }

  Result<runtime::Session> build(const calibrate::Ranges& ranges, RangeMethod method) {
    TESSERA_CHECK(monitor_.check());
    auto network = question_.model.clone();
    const auto assignment = with_method(question_.assignment, question_.open, method);
    TESSERA_CHECK(quantize::quantize(network, assignment, &ranges,
                                     {.everywhere = question_.everywhere,
                                      .channels_of_products = question_.channels_of_products},
                                     Monitor::silent())
                      .map([](const auto&) {}));
    network.expose(names_);
    return network.open(library_, {});
  }

  Result<Noise> noise_of(runtime::Session& session, std::size_t sample) const {
    TESSERA_TRY(const auto values, values_of(session, samples_[sample]));
    Noise noise;
    for (std::size_t j = 0; j < values.size(); ++j) {
      const auto& known = reference_[sample][j];
      if (values[j].size() != known.size()) {
        return fail(ErrorCode::kUnimplemented,
                    "'{}' is not among the values of the quantized network", names_[j]);
      }
      double sum = 0;
      for (std::size_t k = 0; k < known.size(); ++k) {
        const auto difference = double{values[j][k]} - double{known[k]};
        sum += difference * difference;
      }
      noise.push_back(sum);
    }
    return noise;
  }

  /// A few samples show which methods are out of the question.
  Status judge(std::vector<Contender>& contenders) {
    const auto all = samples_.size();
    const auto few = std::max<std::size_t>(all / 4, std::min<std::size_t>(all, 2));
    double least = std::numeric_limits<double>::infinity();
    for (auto& contender : contenders) {
      TESSERA_CHECK(run_until(contender, few));
      least = std::min(least, error_of(contender));
    }
    for (auto& contender : contenders) {
      constexpr double kOut = 4;  // 6 dB: a run is cheap, and few samples can be off by 3
      if (error_of(contender) <= kOut * least) {
        TESSERA_CHECK(run_until(contender, all));
      }
      contender.session.reset();
    }
    return {};
  }

  Status run_until(Contender& contender, std::size_t count) {
    TESSERA_CHECK(monitor_.check());
    while (contender.noise.size() < count) {
      TESSERA_TRY(auto one, noise_of(*contender.session, contender.noise.size()));
      contender.noise.push_back(std::move(one));
    }
    return {};
  }

  /// Of the network with these ranges on samples [first, last). Nothing as soon as their error
  /// cannot come out below `bound`: what each adds is no less than 0.
  Result<std::optional<Verdict>> verdict_below(double bound, const calibrate::Ranges& ranges,
                                               RangeMethod method, std::size_t first,
                                               std::size_t last) {
    Noise signal(names_.size(), 0);
    for (auto i = first; i < last; ++i) {
      std::transform(signal.begin(), signal.end(), signal_[i].begin(), signal.begin(),
                     std::plus<>());
    }
    TESSERA_TRY(auto session, build(ranges, method));
    std::vector<Noise> noise;
    Noise sum(names_.size(), 0);
    for (auto i = first; i < last; ++i) {
      TESSERA_TRY(auto one, noise_of(session, i));
      std::transform(sum.begin(), sum.end(), one.begin(), sum.begin(), std::plus<>());
      if (!(relative(sum, signal) < bound)) {
        return std::optional<Verdict>();
      }
      noise.push_back(std::move(one));
    }
    return std::optional(verdict_of(noise, first));
  }

  // --- one method for all -------------------------------------------------------------------

  MethodChoice conclude(const std::vector<Contender>& contenders) const {
    MethodChoice choice;
    choice.judged = std::ssize(samples_);
    const auto* best = &contenders.front();
    for (const auto& contender : contenders) {
      choice.trials.push_back(
          {contender.method, decibel(error_of(contender)), std::ssize(contender.noise)});
      const bool seen = contender.noise.size() >= best->noise.size();
      const bool more = contender.noise.size() > best->noise.size();
      best = more || (seen && error_of(contender) < error_of(*best)) ? &contender : best;
    }
    const auto& plain = contenders.front();
    const bool comparable = plain.noise.size() == best->noise.size();
    if (choice.judged < kFewestJudging && comparable &&
        error_of(*best) > kClearly * error_of(plain)) {
      choice.method = plain.method;
      choice.reason = fmt::format("{} sample{} cannot tell methods apart that are within 1 dB",
                                  choice.judged, choice.judged == 1 ? "" : "s");
      return choice;
    }
    // Methods stand in the order in which they cut off more. What few samples cannot tell apart is
    // settled for the one that cuts off less: others may hold what these do not show.
    const auto same = [&](const Contender& contender) {
      return contender.noise.size() == best->noise.size() &&
             kClearly * error_of(contender) <= error_of(*best);
    };
    choice.method = std::find_if(contenders.begin(), contenders.end(), same)->method;
    choice.reason = choice.method == best->method
                        ? "least error of the outputs on samples that its ranges do not know"
                        : fmt::format("cuts off less than {}, which is closer by less than 1 dB",
                                      numerics::to_string(best->method));
    return choice;
  }

  // --- others for some tensors --------------------------------------------------------------

  struct Part {
    std::string tensor;
    RangeMethod method;
  };

  /// The two next best.
  [[nodiscard]] std::vector<RangeMethod> alternatives(const std::vector<Contender>& contenders,
                                                      RangeMethod chosen) const {
    std::vector<std::pair<double, RangeMethod>> others;
    for (const auto& contender : contenders) {
      if (contender.method != chosen) {
        others.emplace_back(error_of(contender), contender.method);
      }
    }
    std::stable_sort(others.begin(), others.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<RangeMethod> methods;
    for (std::size_t i = 0; i < std::min<std::size_t>(2, others.size()); ++i) {
      methods.push_back(others[i].second);
    }
    return methods;
  }

  /// In the order of the network.
  Result<std::vector<Part>> parts(RangeMethod chosen) const {
    TESSERA_TRY(const auto graph, question_.model.view());
    std::vector<Part> found;
    for (const auto& op : graph.ops()) {
      for (const auto& output : op.outputs) {
        if (!output) {
          continue;
        }
        const auto& name = graph.tensor(*output).name;
        if (question_.ranges.tensors.contains(name)) {
          found.push_back({name, chosen});
        }
      }
    }
    return found;
  }

  /// How many networks may be tried on `samples` samples each: within `effort_s`, and within a
  /// quarter of what measuring the ranges takes, which whoever quantizes pays for anyway. In
  /// seconds of a reference core, counted and not timed.
  Result<std::int64_t> affordable(std::size_t samples) const {
    constexpr double kBuild = 5e-3;  // of building and opening
    constexpr double kLoad = 1e-3;   // of a sample
    constexpr double kRun = 1e-4;
    constexpr double kShare = 0.25;
    TESSERA_TRY(const auto graph, question_.model.view());
    double macs = 0;
    for (const auto& cost : graph::operator_costs(graph, graph::QdqCounting::kExclude)) {
      macs += static_cast<double>(cost.macs.value_or(0));
    }
    const auto run = kRun + macs / kMacsPerSecond;
    const auto measuring = static_cast<double>(question_.samples.size()) * (kLoad + run);
    const auto trial = kBuild + static_cast<double>(samples) * run;
    return static_cast<std::int64_t>(std::min(question_.effort_s, kShare * measuring) / trial);
  }

  [[nodiscard]] calibrate::Ranges mixed(std::span<const Part> parts, RangeMethod chosen) const {
    MethodChoice choice;
    choice.method = chosen;
    for (const auto& part : parts) {
      if (part.method != chosen) {
        choice.others[part.tensor] = part.method;
      }
    }
    return with_others(ranges_, choice);
  }

  /// Tries the next best methods for quarters of the values, for quarters of those, and so on, on
  /// half of the samples; the others say whether it stays.
  Status mix(const std::vector<Contender>& contenders, MethodChoice& choice) {
    const auto others = alternatives(contenders, choice.method);
    TESSERA_TRY(auto all, parts(choice.method));
    const auto half = samples_.size() / 2;
    TESSERA_TRY(auto left, affordable(half));
    const auto& base = *std::find_if(contenders.begin(), contenders.end(),
                                     [&](const auto& one) { return one.method == choice.method; });
    double least = verdict_of(std::span(base.noise).first(half)).error;
    for (std::size_t pieces = 4; pieces < 4 * all.size(); pieces *= 4) {
      const auto count = std::min(pieces, all.size());
      for (auto piece = count; piece-- > 0;) {  // what is near the outputs matters most
        const auto begin = piece * all.size() / count;
        const auto end = (piece + 1) * all.size() / count;
        for (const auto method : others) {
          if (left-- <= 0) {
            return prove(all, base, half, choice);
          }
          TESSERA_CHECK(offer(all, begin, end, method, choice.method, half, least));
        }
      }
    }
    return prove(all, base, half, choice);
  }

  Status offer(std::vector<Part>& all, std::size_t begin, std::size_t end, RangeMethod method,
               RangeMethod chosen, std::size_t half, double& least) {
    auto tried = all;
    for (auto i = begin; i < end; ++i) {
      tried[i].method = method;
    }
    constexpr double kWorthIt = 0.99;
    TESSERA_TRY(const auto verdict,
                verdict_below(kWorthIt * least, mixed(tried, chosen), chosen, 0, half));
    if (verdict) {
      least = verdict->error;
      all = std::move(tried);
    }
    return {};
  }

  Status prove(const std::vector<Part>& all, const Contender& base, std::size_t half,
               MethodChoice& choice) {
    for (const auto& part : all) {
      if (part.method != choice.method) {
        choice.others[part.tensor] = part.method;
      }
    }
    if (choice.others.empty()) {
      return {};
    }
    constexpr auto kAny = std::numeric_limits<double>::infinity();
    TESSERA_TRY(const auto verdict, verdict_below(kAny, mixed(all, choice.method), choice.method,
                                                  half, samples_.size()));
    if (!verdict) {
      choice.others.clear();
      return {};
    }
    const auto& after = *verdict;
    const auto before = verdict_of(std::span(base.noise).subspan(half), half);
    choice.mix = {decibel(before.error), decibel(after.error),
                  static_cast<std::int64_t>(samples_.size() - half), std::ssize(choice.others),
                  is_clearly_less(after, before)};
    if (!choice.mix->kept) {
      choice.others.clear();
    }
    return {};
  }

  const MethodQuestion& question_;
  const std::shared_ptr<const runtime::Library>& library_;
  Monitor& monitor_;
  calibrate::Ranges ranges_;
  std::vector<data::Sample> samples_;
  std::vector<std::string> names_;  ///< of the judged values
  std::vector<Values> reference_;   ///< by sample
  std::vector<Noise> signal_;       ///< by sample: sums of squares of the reference
};

}  // namespace

Result<MethodChoice> choose_by_building(const MethodQuestion& question,
                                        const std::shared_ptr<const runtime::Library>& library,
                                        Monitor& monitor) {
  return Trials(question, library, monitor).run();
}

}  // namespace tessera::refine
