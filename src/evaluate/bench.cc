// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measuring.h"
#include "tessera/network/micro.h"

namespace tessera::evaluate {
namespace {

using quantize::Format;
using quantize::KernelsUse;
using quantize::Mode;
using quantize::Scheme;
using runtime::OptLevel;

/// Every word that some format of networks knows.
const std::vector<std::string> kFormats = {"float32", "float16",   "dynamic",    "weight-only",
                                           "qdq",     "qoperator", "qdq-inputs", "kernels"};
const std::vector<std::string> kTypes = {"u8u8", "u8s8", "s8u8", "s8s8", "s16s8"};
const std::vector<std::string> kGranularities = {"tensor", "channel"};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

/// `wanted` in the order of `known`; the usual ones if none is wanted.
Result<std::vector<std::string>> choose(const std::vector<std::string>& wanted,
                                        const std::vector<std::string>& usual,
                                        const std::vector<std::string>& known,
                                        std::string_view what) {
  for (const auto& word : wanted) {
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is not a {}", word, what)
          .hint("choose from {}", join(known));
    }
  }
  if (wanted.empty()) {
    return usual;
  }
  std::vector<std::string> chosen;
  std::copy_if(known.begin(), known.end(), std::back_inserter(chosen), [&](const auto& word) {
    return std::find(wanted.begin(), wanted.end(), word) != wanted.end();
  });
  return chosen;
}

/// Collects the rows of the table.
class Plan {
 public:
  explicit Plan(const BenchOptions& options)
      : base_(options.base),
        levels_(options.levels.empty() ? options.usual.levels : options.levels),
        float_levels_(options.usual.float_levels),
        dynamic_types_(options.usual.dynamic_types) {}

  void add(const Scheme& scheme, const std::vector<OptLevel>& levels) {
    for (const auto level : levels) {
      Measurement row;
      row.scheme = scheme;
      row.opt_level = level;
      rows_.push_back(row);
    }
  }

  void add_float32() {
    auto levels = levels_;
    if (std::find(levels.begin(), levels.end(), OptLevel::kAll) == levels.end()) {
      levels.push_back(OptLevel::kAll);
    }
    add(with_mode(Mode::kFloat32), levels);
  }

  void add_float16() { add(with_mode(Mode::kFloat16), float_levels_); }

  void add_dynamic(const std::vector<std::string>& types) {
    for (const auto& pair : dynamic_types_) {
      if (std::find(types.begin(), types.end(), pair) != types.end()) {
        auto scheme = with_types(with_mode(Mode::kDynamic), pair);
        scheme.activation_symmetric = false;  // the kernel decides
        add(scheme, float_levels_);
      }
    }
  }

  void add_weight_only() { add(with_mode(Mode::kWeightOnly), float_levels_); }

  void add_static(Format format, const std::vector<std::string>& types,
                  const std::vector<std::string>& granularities) {
    for (const auto& pair : types) {
      for (const auto& granularity : granularities) {
        auto scheme = with_types(with_mode(Mode::kStatic), pair);
        scheme.format = format;
        scheme.per_channel = granularity == "channel";
        add(scheme, levels_);
      }
    }
  }

  /// Those of the base's types, as the best portable rows are of them as a rule; else of the first.
  void add_kernels(const std::vector<std::string>& types,
                   const std::vector<std::string>& granularities) {
    const auto usual = fmt::format("{}{}", quantize::short_name(base_.activation),
                                   quantize::short_name(base_.weight));
    const bool has_usual = std::find(types.begin(), types.end(), usual) != types.end();
    if (std::find(levels_.begin(), levels_.end(), OptLevel::kAll) != levels_.end()) {
      levels_ = {OptLevel::kAll};
      add_static(Format::kKernels, {has_usual ? usual : types.front()}, granularities);
    }
  }

  std::vector<Measurement> take() { return std::move(rows_); }

 private:
  [[nodiscard]] Scheme with_mode(Mode mode) const {
    auto scheme = base_;
    scheme.mode = mode;
    return scheme;
  }
  /// "u8s8", "s16s8": one of kTypes.
  static Scheme with_types(Scheme scheme, std::string_view pair) {
    const auto middle = pair.find_first_of("us", 1);
    scheme.activation = *quantize::dtype_from_short_name(pair.substr(0, middle));
    scheme.weight = *quantize::dtype_from_short_name(pair.substr(middle));
    return scheme;
  }

  Scheme base_;
  std::vector<OptLevel> levels_;
  std::vector<OptLevel> float_levels_;
  std::vector<std::string> dynamic_types_;
  std::vector<Measurement> rows_;
};

bool is_reference(const Measurement& row, const runtime::SessionOptions& session) {
  const runtime::ProviderChoice first{session.provider, session.provider_options};
  return row.scheme.mode == Mode::kFloat32 && row.opt_level == OptLevel::kAll &&
         row.provider == first;
}

/// The CPU provider computes a product whose result is not rounded in float: of no use unless the
/// user asks to see it.
bool is_for(const Measurement& row, const runtime::ProviderChoice& provider,
            const BenchOptions& options) {
  return row.scheme.format != Format::kQdqInputs || !options.formats.empty() ||
         runtime::short_provider_name(provider.name) != "cpu";
}

bool has_kernels(const Measurement& row) {
  return row.scheme.mode == Mode::kStatic && row.scheme.format == Format::kKernels;
}

/// Whether rows with the operators of libtessera_kernels are added unasked.
bool adds_kernels(const BenchOptions& options) {
  const auto& formats = options.usual.formats;
  return options.formats.empty() && options.kernels != KernelsUse::kPortable &&
         std::find(formats.begin(), formats.end(), "qoperator") != formats.end() &&
         runtime::short_provider_name(options.session.provider) == "cpu";
}

/// As `options` say, or portable where the library of kernels is not there.
/// Errors: those of loading it where its operators are to be taken.
Result<BenchOptions> with_kernels_that_run(const BenchOptions& options,
                                           const std::shared_ptr<const runtime::Library>& library) {
  auto possible = options;
  if (!adds_kernels(options)) {
    return possible;
  }
  const auto status = network::try_kernels(library, options.session);
  if (!status && options.kernels == KernelsUse::kTaken) {
    return tl::unexpected(status.error());
  }
  possible.kernels = status ? options.kernels : KernelsUse::kPortable;
  return possible;
}

/// Of rows that ran, the fastest of those that are wanted.
std::optional<std::size_t> fastest_of(const std::vector<Measurement>& rows,
                                      const std::function<bool(const Measurement&)>& wanted) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool runs = rows[i].status == RowStatus::kOk && rows[i].speedup.median > 0;
    if (runs && wanted(rows[i]) && (!best || rows[i].speedup.median > rows[*best].speedup.median)) {
      best = i;
    }
  }
  return best;
}

/// What is only shown is not the best.
void note_fastest(BenchResult& result, bool only_shown) {
  result.best = fastest_of(
      result.rows, [&](const Measurement& row) { return !only_shown || !has_kernels(row); });
  if (!only_shown || !result.best) {
    return;
  }
  const auto& best = result.rows[*result.best].speedup;
  result.with_kernels = fastest_of(result.rows, [&](const Measurement& row) {
    return has_kernels(row) && row.speedup.low > best.high;
  });
}

/// Rows of the same scheme stand together, so that its model is built once.
std::vector<Measurement> on_every_provider(std::vector<Measurement> rows,
                                           const BenchOptions& options) {
  std::vector<runtime::ProviderChoice> providers{
      {options.session.provider, options.session.provider_options}};
  providers.insert(providers.end(), options.other_providers.begin(), options.other_providers.end());
  std::vector<Measurement> all;
  for (std::size_t begin = 0; begin < rows.size();) {
    auto end = begin;
    while (end < rows.size() && rows[end].scheme == rows[begin].scheme) {
      ++end;
    }
    for (const auto& provider : providers) {
      for (auto i = begin; i < end; ++i) {
        if (is_for(rows[i], provider, options)) {
          all.push_back(rows[i]);
          all.back().provider = provider;
        }
      }
    }
    begin = end;
  }
  return all;
}

constexpr std::string_view kCutOff = "the time budget";
/// Of the whole: what building, opening and looking at errors leaves.
constexpr double kTimingShare = 0.45;

/// Rows are prepared scheme by scheme and timed whenever the open sessions fill the memory.
class Bench {
 public:
  Bench(Lab& lab, const BenchOptions& options, std::vector<Measurement>& rows, Monitor& monitor)
      : lab_(lab),
        options_(options),
        rows_(rows),
        monitor_(monitor),
        batches_(lab, "timing rows",
                 kTimingShare * options.budget_us / static_cast<double>(rows.size()), options.seed,
                 monitor) {}

  Status run() {
    std::int64_t waiting = 1;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      monitor_.progress("preparing rows", static_cast<std::int64_t>(i), total());
      TESSERA_CHECK(monitor_.check());
      if (i > 0 && spent_us() > (1 - kTimingShare) * options_.budget_us && !is_known(i)) {
        take_over(rows_[i], options_.known);  // its error may be known, and its time is not
        rows_[i].reason = std::string(kCutOff);
        continue;
      }
      TESSERA_CHECK(prepare(i));
      waiting += rows_[i].status == RowStatus::kOk ? 1 : 0;
    }
    monitor_.progress("preparing rows", total(), total());
    const double left_us = options_.budget_us - spent_us();
    batches_.set_budget_per_lane(std::max(left_us, 0.0) / static_cast<double>(waiting));
    TESSERA_CHECK(batches_.finish());
    return monitor_.check();
  }

 private:
  [[nodiscard]] double spent_us() const { return options_.spent_us + clock_() - start_us_; }
  /// Rows of an interrupted run are taken as they are.
  [[nodiscard]] bool is_known(std::size_t index) const {
    auto row = rows_[index];
    return take_over(row, options_.known) && row.speedup.rounds > 0;
  }

  [[nodiscard]] std::int64_t total() const { return static_cast<std::int64_t>(rows_.size()); }

  Status prepare(std::size_t index) {
    auto& row = rows_[index];
    if (is_reference(row, options_.session)) {
      return {};
    }
    if (is_known(index)) {
      take_over(row, options_.known);
      return {};
    }
    if (!built_ || built_scheme_ != row.scheme) {
      build(row);
    }
    if (!*built_) {
      row.status = built_->error().code == ErrorCode::kUnimplemented ||
                           built_->error().code == ErrorCode::kInvalidArgument
                       ? RowStatus::kUnsupported
                       : RowStatus::kFailed;
      row.reason = built_->error().message;
      return built_->error().code == ErrorCode::kCancelled ? monitor_.check() : Status();
    }
    TESSERA_CHECK(batches_.make_room(**built_));
    TESSERA_TRY(auto lane, lab_.prepare(**built_, row, monitor_));
    if (lane) {
      batches_.add(**built_, *std::move(lane), row);
    }
    return {};
  }

  void build(const Measurement& row) {
    QuietMonitor quiet(monitor_);
    built_scheme_ = row.scheme;
    built_.emplace(lab_.build(row.scheme, options_.selection, quiet));
    const bool nothing =
        *built_ && row.scheme.mode != Mode::kFloat32 && (*built_)->quantized_ops == 0;
    if (nothing) {
      built_.emplace(fail(ErrorCode::kUnimplemented, "no operator of the model takes this scheme"));
    }
  }

  Lab& lab_;
  const BenchOptions& options_;
  std::vector<Measurement>& rows_;
  Monitor& monitor_;
  std::optional<Result<Built>> built_;  // of the row before, which often has the same scheme
  Scheme built_scheme_;
  Clock clock_ = steady_clock_us();
  double start_us_ = clock_();
  Batches batches_;
};

}  // namespace

Result<std::vector<Measurement>> plan_bench(const BenchOptions& options) {
  const auto& usual = options.usual;
  TESSERA_TRY(const auto formats, choose(options.formats, usual.formats, kFormats, "format"));
  TESSERA_TRY(const auto types, choose(options.types, usual.types, kTypes, "pair of types"));
  TESSERA_TRY(const auto granularities,
              choose(options.granularities, usual.granularities, kGranularities, "granularity"));
  const auto wants = [&](std::string_view format) {
    return std::find(formats.begin(), formats.end(), format) != formats.end();
  };
  Plan plan(options);
  if (wants("float32")) {
    plan.add_float32();
  } else {
    plan.add(quantize::float32_scheme(), {OptLevel::kAll});
  }
  if (wants("float16")) {
    plan.add_float16();
  }
  if (wants("dynamic")) {
    plan.add_dynamic(types);
  }
  if (wants("weight-only")) {
    plan.add_weight_only();
  }
  if (wants("qdq")) {
    plan.add_static(Format::kQdq, types, granularities);
  }
  if (wants("qoperator")) {
    plan.add_static(Format::kQOperator, types, granularities);
  }
  if (wants("qdq-inputs")) {
    plan.add_static(Format::kQdqInputs, types, granularities);
  }
  if (wants("kernels")) {
    plan.add_static(Format::kKernels, types, granularities);
  }
  if (adds_kernels(options)) {
    plan.add_kernels(types, granularities);
  }
  return on_every_provider(plan.take(), options);
}

std::vector<Scheme> planned_schemes(const BenchOptions& options) {
  std::vector<Scheme> schemes;
  const auto rows = plan_bench(options);
  for (const auto& row : rows.value_or(std::vector<Measurement>())) {
    schemes.push_back(row.scheme);
  }
  return schemes;
}

Result<BenchResult> bench(const network::Network& model, const data::SampleSet& samples,
                          const calibrate::Ranges* ranges,
                          std::shared_ptr<const runtime::Library> library,
                          const BenchOptions& given, Monitor& monitor) {
  TESSERA_TRY(const auto options, with_kernels_that_run(given, library));
  BenchResult result;
  result.requantize = options.requantize;
  TESSERA_TRY(result.rows, plan_bench(options));
  for (const auto& provider : options.other_providers) {
    TESSERA_CHECK(library->resolve(provider));
  }
  TESSERA_TRY(auto lab, Lab::open({.model = &model,
                                   .library = std::move(library),
                                   .session = options.session,
                                   .other_providers = options.other_providers,
                                   .samples = &samples,
                                   .ranges = ranges,
                                   .memory_bytes = options.memory_bytes,
                                   .requantize = options.requantize},
                                  monitor));
  result.quantization = lab.quantization();
  for (auto& row : result.rows) {
    row.given = row.scheme.mode == Mode::kFloat32 ? lab.reference().given : "";
  }
  const auto status = Bench(lab, options, result.rows, monitor).run();
  result.interrupted = !status && !monitor.check();
  if (!status && !result.interrupted) {
    return tl::unexpected(status.error());
  }
  result.samples = lab.baseline().samples();
  result.timer = lab.timer();
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    auto& row = result.rows[i];
    if (is_reference(row, options.session)) {
      row = lab.reference();
    }
    if (row.reason == kCutOff) {
      result.cut_off.push_back(fmt::format("{} at level {}", row.name(), to_string(row.opt_level)));
    } else if (row.status == RowStatus::kSkipped && result.interrupted) {
      row.reason = "interrupted";
    }
    settle_latency(row, lab.reference());
  }
  note_fastest(result, adds_kernels(options) && options.kernels == KernelsUse::kShown);
  explain_rows(result.rows, lab.reference());
  std::vector<Measurement> others;  // the lab has looked at the first provider
  std::copy_if(result.rows.begin(), result.rows.end(), std::back_inserter(others),
               [&](const Measurement& row) { return row.provider != lab.reference().provider; });
  warn_of_unused_providers(others, monitor);
  return result;
}

Json to_json(const BenchResult& result) {
  auto rows = Json::array();
  for (const auto& row : result.rows) {
    rows.push_back(to_json(row));
  }
  return {{"rows", rows},
          {"best", result.best ? rows[*result.best] : Json()},
          {"with_kernels", result.with_kernels ? rows[*result.with_kernels] : Json()},
          {"isa_explanation", explain_isa(describe_host())},
          {"error_samples", result.samples},
          {"timer", to_string(result.timer)},
          {"cut_off", result.cut_off},
          {"interrupted", result.interrupted},
          {"quantization", given_json(result.quantization, result.requantize)}};
}

Json given_json(const graph::Quantization& quantization, bool requantize) {
  const bool given = quantization.state != graph::QuantizationState::kNone;
  return {{"state", to_string(quantization.state)},
          {"int8_ops", quantization.int8_ops},
          {"kept", given && !requantize}};
}

}  // namespace tessera::evaluate
