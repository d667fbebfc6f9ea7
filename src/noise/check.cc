// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "noise/score.h"
#include "tessera/core/statistics.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/lab.h"
#include "tessera/noise/fields.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"

namespace tessera::noise {
namespace {

using runtime::Session;

double relative(double estimate, double truth) {
  if (estimate == truth) {
    return 0;
  }
  return truth == 0 ? std::numeric_limits<double>::infinity() : estimate / truth - 1;
}

/// The truth: models that are built.
class Builder {
 public:
  Builder(const SwitchableSetup& setup, const data::SampleSet& samples,
          const std::vector<std::string>& outputs)
      : setup_(setup), entries_(entries_of(setup.switches)), samples_(samples), outputs_(outputs) {}

  Status measure_reference(Monitor& monitor) {
    TESSERA_TRY(auto session, open(setup_.model->clone()));
    for (std::int64_t i = 0; i < samples_.size(); ++i) {
      TESSERA_CHECK(monitor.check());
      TESSERA_TRY(auto values, run(session, i));
      references_.push_back(std::move(values));
    }
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      described_.push_back({outputs_[k], references_.front()[k].size(), 0, 1});
    }
    return {};
  }

  [[nodiscard]] const std::vector<SweepOutput>& described() const { return described_; }

  Result<SweepRecord> measure(const LayerSet& subset, Monitor& monitor) {
    evaluate::QuietMonitor quiet(monitor);
    auto model = setup_.model->clone();
    TESSERA_TRY(const auto graph, model.view());
    quantize::Assignment assignment(graph.ops().size());
    for (const auto place : subset) {
      const auto& entry = entries_[static_cast<std::size_t>(place)];
      const auto op = graph.find_op(entry.op);
      assignment[*op] = setup_.switches[entry.place].schemes[entry.position - 1U];
    }
    TESSERA_CHECK(quantize::quantize(model, assignment, setup_.ranges, {}, quiet));
    TESSERA_TRY(auto session, open(std::move(model)));
    Score score;
    for (std::int64_t i = 0; i < samples_.size(); ++i) {
      TESSERA_CHECK(monitor.check());
      TESSERA_TRY(const auto values, run(session, i));
      std::vector<ErrorSums> sums;
      for (std::size_t k = 0; k < values.size(); ++k) {
        ErrorAccumulator accumulator;
        accumulator.add(references_[static_cast<std::size_t>(i)][k].as<float>(),
                        values[k].as<float>());
        sums.push_back(accumulator.sums());
      }
      score.add(sums, described_);
    }
    SweepRecord record;
    score.finish(described_, record);
    return record;
  }

 private:
  [[nodiscard]] Result<Session> open(network::Network model) const {
    TESSERA_CHECK(network::expose_judged_values(model).map([](bool) {}));
    return model.open(setup_.library, setup_.session);
  }

  Result<std::vector<Tensor>> run(Session& session, std::int64_t index) const {
    TESSERA_TRY(const auto sample, samples_.load(index));
    std::vector<Tensor> casts;
    TESSERA_TRY(const auto feeds, evaluate::feeds_of(sample, session.inputs(), casts));
    TESSERA_TRY(const auto outputs, session.run(feeds));
    std::vector<Tensor> values;
    for (const auto& name : outputs_) {
      for (std::size_t i = 0; i < session.outputs().size(); ++i) {
        if (session.outputs()[i].name == name) {
          TESSERA_TRY(auto real, runtime::as_real(outputs[i], session.outputs()[i]));
          values.push_back(std::move(real));
        }
      }
    }
    if (values.size() != outputs_.size()) {
      return fail(ErrorCode::kInternal, "a built model lost an output");
    }
    return values;
  }

  const SwitchableSetup& setup_;
  std::vector<Entry> entries_;
  const data::SampleSet& samples_;
  const std::vector<std::string>& outputs_;
  std::vector<std::vector<Tensor>> references_;
  std::vector<SweepOutput> described_;
};

Result<std::vector<SweepRecord>> measure_engine(
    SwitchableModel& model, std::span<const Entry> entries, const data::SampleSet& samples,
    std::span<const LayerSet> subsets, std::span<const SweepOutput> described, Monitor& monitor) {
  std::vector<Setting> settings;
  for (const auto& subset : subsets) {
    settings.push_back(setting_of(subset, entries));
  }
  std::vector<Score> scores(subsets.size());
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    TESSERA_TRY(const auto sample, samples.load(i));
    const auto take = [&](std::size_t index, const SettingResult& result) -> Status {
      scores[index].add(result.outputs, described);
      return {};
    };
    TESSERA_CHECK(model.measure(sample, settings, take, monitor));
  }
  std::vector<SweepRecord> records(subsets.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    scores[i].finish(described, records[i]);
  }
  return records;
}

}  // namespace

double CheckRow::deviation() const noexcept {
  return relative(engine_error, built_error);
}

Agreement agreement_of(std::span<const double> estimates, std::span<const double> truths) {
  Agreement agreement;
  std::vector<double> deviations;
  deviations.reserve(estimates.size());
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    deviations.push_back(std::abs(relative(estimates[i], truths[i])));
  }
  std::sort(deviations.begin(), deviations.end());
  agreement.median_deviation = quantile(deviations, 0.5);
  agreement.p95_deviation = quantile(deviations, 0.95);
  agreement.worst_deviation = deviations.empty() ? 0 : deviations.back();
  agreement.spearman = spearman(estimates, truths);
  return agreement;
}

Result<Check> run_check(const SwitchableSetup& setup, const data::SampleSet& samples,
                        std::span<const LayerSet> subsets, Monitor& monitor) {
  Check check;
  check.images = samples.size();
  const auto entries = entries_of(setup.switches);
  auto began_us = thread_cpu_us();
  TESSERA_TRY(auto model, SwitchableModel::open(setup, monitor));
  const auto opening_us = thread_cpu_us() - began_us;
  Builder builder(setup, samples, model.outputs());
  TESSERA_CHECK(builder.measure_reference(monitor));
  began_us = thread_cpu_us();
  TESSERA_TRY(const auto estimated,
              measure_engine(model, entries, samples, subsets, builder.described(), monitor));
  const auto plans = static_cast<double>(std::max<std::size_t>(subsets.size(), 1));
  check.engine_cpu_us = (opening_us + thread_cpu_us() - began_us) / plans;
  began_us = thread_cpu_us();
  std::vector<double> estimates;
  std::vector<double> truths;
  for (std::size_t i = 0; i < subsets.size(); ++i) {
    monitor.progress("building", static_cast<std::int64_t>(i),
                     static_cast<std::int64_t>(subsets.size()));
    TESSERA_TRY(const auto truth, builder.measure(subsets[i], monitor));
    CheckRow row;
    for (const auto layer : subsets[i]) {
      row.layers.push_back(entries[static_cast<std::size_t>(layer)].name);
    }
    row.built_error = truth.error;
    row.built_sqnr_db = truth.sqnr_db;
    row.engine_error = estimated[i].error;
    row.engine_sqnr_db = estimated[i].sqnr_db;
    estimates.push_back(row.engine_error);
    truths.push_back(row.built_error);
    check.rows.push_back(std::move(row));
  }
  check.built_cpu_us = (thread_cpu_us() - began_us) / plans;
  check.engine = agreement_of(estimates, truths);
  return check;
}

Fields<CheckRow> fields_of(const CheckRow*) {
  static constexpr std::array kFields = {
      written<&CheckRow::layers>("layers", "that are quantized"),
      written_figure<&CheckRow::built_error>("built_error",
                                             "of the model that the quantizer wrote, as it runs"),
      written_figure<&CheckRow::engine_error>("engine_error", "what a sweep says"),
      written_figure<&CheckRow::deviation>("deviation", "engine / built - 1"),
      written_figure<&CheckRow::built_sqnr_db>("built_sqnr_db", "of the model that was written"),
      written_figure<&CheckRow::engine_sqnr_db>("engine_sqnr_db", "what a sweep says")};
  return kFields;
}

Fields<Agreement> fields_of(const Agreement*) {
  static constexpr std::array kFields = {
      written_figure<&Agreement::median_deviation>("median_deviation", "of |engine / built - 1|"),
      written_figure<&Agreement::p95_deviation>("p95_deviation", "95th percentile of it"),
      written_figure<&Agreement::worst_deviation>("worst_deviation", "largest of it"),
      written_figure<&Agreement::spearman>(
          "spearman", "rank correlation; null for fewer than two plans or no variation")};
  return kFields;
}

Fields<Check> fields_of(const Check*) {
  static constexpr std::array kFields = {
      written<&Check::images>("images", "samples that errors are means over"),
      written<&Check::engine>("engine", "the sweep's error against that of built models, relative"),
      Field<Check>{"cpu_us_per_plan", "not with --timeless",
                   [](const Check& check) {
                     return Json{{"engine", check.engine_cpu_us}, {"built", check.built_cpu_us}};
                   }}
          .if_any(),
      written<&Check::rows>("plans", "mixed models, measured both ways")};
  return kFields;
}

Json to_json(const Check& check) {
  return as_json(check);
}

}  // namespace tessera::noise
