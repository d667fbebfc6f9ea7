// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/compare.h"

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "evaluate/correspondence.h"
#include "evaluate/gate.h"
#include "evaluate/lockstep.h"
#include "evaluate/match_tensors.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/fields.h"
#include "tessera/graph/graph.h"
#include "tessera/tensor/fields.h"

namespace tessera::evaluate {
namespace {

using runtime::Session;
using Side = LockStep::Side;

/// What two models are compared with.
struct Bench {
  const data::SampleSet& samples;
  const std::shared_ptr<const runtime::Library>& library;
  const CompareOptions& options;
  Monitor& monitor;
};

Result<Session> open_measurable(const network::Network& model, const Bench& bench) {
  auto copy = model.clone();
  TESSERA_CHECK(network::expose_judged_values(copy).map([](bool) {}));
  return copy.open(bench.library, bench.options.session);
}

/// A model that is fed, and answers, as the reference does, whatever its format.
Result<Session> open_beside(const network::Network& reference, const network::Network& model,
                            const Bench& bench) {
  if (reference.format() == model.format()) {
    return open_measurable(model, bench);
  }
  TESSERA_TRY(const auto match, correspondence(reference, model, bench.monitor));
  TESSERA_TRY(auto session, open_measurable(model, bench));
  return seen_as_reference(std::move(session), match);
}

constexpr BaselineOptions kCache{.cache_bytes = 64 << 20};

/// The two parts of the loss: of converting the reference, and of quantizing what came of that.
Result<SplitLoss> split_loss(const network::Network& reference, const Baseline& baseline,
                             Session& candidate, const Bench& bench) {
  SplitLoss loss;
  TESSERA_TRY(auto between, open_beside(reference, *bench.options.via, bench));
  TESSERA_TRY(loss.conversion, baseline.evaluate(between, bench.monitor));
  TESSERA_TRY(const auto converted,
              Baseline::measure(between, bench.samples, kCache, bench.monitor));
  TESSERA_TRY(loss.quantization, converted.evaluate(candidate, bench.monitor));
  return loss;
}

Status compare_outputs(const network::Network& reference, const network::Network& candidate,
                       const Bench& bench, Comparison& result) {
  TESSERA_TRY(auto first, open_measurable(reference, bench));
  TESSERA_TRY(const auto baseline, Baseline::measure(first, bench.samples, kCache, bench.monitor));
  TESSERA_TRY(auto second, open_beside(reference, candidate, bench));
  TESSERA_TRY(result.accuracy, baseline.evaluate(second, bench.monitor));
  TESSERA_TRY(const auto own, baseline.free_running(second, bench.monitor));
  if (own) {
    result.free_running = own->overall;
  }
  if (bench.options.via != nullptr) {
    TESSERA_TRY(result.loss, split_loss(reference, baseline, second, bench));
  }
  return {};
}

/// Fed as the reference is, see open_beside(); what it answers is of no interest.
Result<Session> open_tapped(const network::Network& reference, const network::Network& model,
                            const std::vector<std::string>& values, const Bench& bench,
                            runtime::TensorTap& tap) {
  auto options = bench.options.session;
  options.opt_level = runtime::OptLevel::kDisabled;
  options.tap = &tap;
  TESSERA_TRY(auto session, model.open(bench.library, options, values));
  if (reference.format() == model.format()) {
    return session;
  }
  TESSERA_TRY(auto match, correspondence(reference, model, Monitor::silent()));
  match.outputs.clear();
  return seen_as_reference(std::move(session), match);
}

Status run_once(Session& session, const data::Sample& sample) {
  std::vector<Tensor> casts;
  TESSERA_TRY(const auto feeds, feeds_of(sample, session.inputs(), casts));
  return session.run(feeds).map([](const auto&) {});
}

/// Runs both models on one sample at the same time.
Status run_together(LockStep& meeting, Session& reference, Session& candidate,
                    const data::Sample& sample) {
  meeting.begin();
  std::array<Status, 2> statuses;
  std::array<std::exception_ptr, 2> problems;
  const auto run = [&](Side side, Session& session) {
    const auto place = static_cast<std::size_t>(side);
    try {
      statuses[place] = run_once(session, sample);
    } catch (...) {
      problems[place] = std::current_exception();  // the other side must not wait for this one
    }
    meeting.finish(side);
  };
  {
    const std::jthread other([&] { run(Side::kCandidate, candidate); });
    run(Side::kReference, reference);
  }
  for (const auto& problem : problems) {
    if (problem) {
      std::rethrow_exception(problem);
    }
  }
  TESSERA_CHECK(statuses[0]);
  TESSERA_CHECK(statuses[1]);
  return meeting.status();
}

/// A candidate may hold one value under the name of two of the reference (a folded operator); a
/// value can be tapped only once.
void drop_doubles(std::vector<TensorPair>& pairs) {
  std::set<std::string> seen;
  std::erase_if(pairs, [&](const TensorPair& pair) { return !seen.insert(pair.candidate).second; });
}

/// Of two models of one format; what feeds them fits the reference.
Result<std::vector<TensorError>> compare_tensors_inside(const network::Network& reference,
                                                        const network::Network& given,
                                                        const network::Network& candidate,
                                                        const Bench& bench) {
  TESSERA_TRY(auto pairs, match_tensors(given, candidate));
  drop_doubles(pairs);
  std::vector<std::string> reference_values;
  std::vector<std::string> candidate_values;
  for (const auto& pair : pairs) {
    reference_values.push_back(pair.name);
    candidate_values.push_back(pair.candidate);
  }
  LockStep meeting(std::move(pairs));
  TESSERA_TRY(auto first, open_tapped(reference, given, reference_values, bench,
                                      meeting.tap(Side::kReference)));
  TESSERA_TRY(auto second, open_tapped(reference, candidate, candidate_values, bench,
                                       meeting.tap(Side::kCandidate)));
  for (std::int64_t i = 0; i < bench.samples.size(); ++i) {
    TESSERA_CHECK(bench.monitor.check());
    TESSERA_TRY(const auto sample, bench.samples.load(i));
    TESSERA_CHECK(run_together(meeting, first, second, sample));
    bench.monitor.progress("tensors", i + 1, bench.samples.size());
  }
  auto errors = meeting.errors();
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.error.sqnr_db < b.error.sqnr_db; });
  return errors;
}

Result<std::int64_t> count_compared(const network::Network& model) {
  TESSERA_TRY(const auto graph, model.view());
  const auto constant = graph::constant_tensors(graph);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < graph.tensors().size(); ++i) {
    const graph::TensorId id{static_cast<std::uint32_t>(i)};
    count += graph.tensor(id).producer && !constant[i] && is_compared(graph, id) ? 1 : 0;
  }
  return count;
}

/// The model whose values inside the candidate can be compared with, by name and layout: that of
/// the same format. Null if there is none.
const network::Network* comparable_inside(const network::Network& reference,
                                          const network::Network& candidate,
                                          const CompareOptions& options) {
  for (const auto* model : {&reference, options.via}) {
    if (model != nullptr && model->format() == candidate.format()) {
      return model;
    }
  }
  return nullptr;
}

}  // namespace

bool Comparison::passed() const noexcept {
  return std::all_of(gates.begin(), gates.end(), [](const auto& gate) { return gate.passed; });
}

Result<Comparison> compare(const network::Network& reference, const network::Network& candidate,
                           const data::SampleSet& samples,
                           const std::shared_ptr<const runtime::Library>& library,
                           const CompareOptions& options, Monitor& monitor) {
  const Bench bench{samples, library, options, monitor};
  Comparison result;
  TESSERA_CHECK(compare_outputs(reference, candidate, bench, result));
  TESSERA_TRY(result.gates, check_gates(options.gates, result.accuracy));
  const auto* const inside = comparable_inside(reference, candidate, options);
  if (options.tensors && inside != nullptr) {
    TESSERA_TRY(result.tensors, compare_tensors_inside(reference, *inside, candidate, bench));
    TESSERA_TRY(result.reference_tensors, count_compared(*inside));
  }
  return result;
}

Fields<TensorError> fields_of(const TensorError*) {
  using Row = const TensorError&;
  static constexpr std::array kFields = {
      Field<TensorError>{"name", "in the reference", [](Row row) { return Json(row.pair.name); }},
      Field<TensorError>{"candidate", "in the candidate",
                         [](Row row) { return Json(row.pair.candidate); }},
      Field<TensorError>{"op_type", "of the operator that makes it in the reference",
                         [](Row row) { return Json(row.pair.op_type); }},
      written_within<&TensorError::error>()};
  return kFields;
}

Fields<GateResult> fields_of(const GateResult*) {
  using Row = const GateResult&;
  static constexpr std::array kFields = {
      written<&GateResult::gate>("gate", "as it was given"),
      Field<GateResult>{"metric", "which figure", [](Row row) { return Json(row.gate.metric); }},
      Field<GateResult>{"limit", "that it is held against",
                        [](Row row) { return Json(row.gate.limit); }},
      written<&GateResult::value>("value", "of the metric"),
      written<&GateResult::passed>("passed", "it was kept")};
  return kFields;
}

Json to_json(const Comparison& comparison) {
  auto json = to_json(comparison.accuracy);
  if (comparison.free_running) {
    json["overall"]["free_running_sqnr_db"] = comparison.free_running->sqnr_db;
  }
  if (comparison.loss) {
    json["conversion"] = to_json(comparison.loss->conversion);
    json["quantization"] = to_json(comparison.loss->quantization);
  }
  json["tensors"] = as_json(comparison.tensors);
  json["reference_tensors"] = comparison.reference_tensors;
  json["gates"] = as_json(comparison.gates);
  json["passed"] = comparison.passed();
  return json;
}

}  // namespace tessera::evaluate
