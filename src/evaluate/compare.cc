// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/compare.h"

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "evaluate/gate.h"
#include "evaluate/lockstep.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/fields.h"
#include "tessera/graph/graph.h"
#include "tessera/tensor/fields.h"

namespace tessera::evaluate {
namespace {

using runtime::Session;
using Side = LockStep::Side;

Result<Session> open_measurable(const network::Network& model,
                                const std::shared_ptr<const runtime::Library>& library,
                                const runtime::SessionOptions& options) {
  auto copy = model.clone();
  TESSERA_CHECK(network::expose_judged_values(copy).map([](bool) {}));
  return copy.open(library, options);
}

Status compare_outputs(const network::Network& reference, const network::Network& candidate,
                       const data::SampleSet& samples,
                       const std::shared_ptr<const runtime::Library>& library,
                       const CompareOptions& options, Monitor& monitor, Comparison& result) {
  TESSERA_TRY(auto first, open_measurable(reference, library, options.session));
  TESSERA_TRY(const auto baseline,
              Baseline::measure(first, samples, {.cache_bytes = 64 << 20}, monitor));
  TESSERA_TRY(auto second, open_measurable(candidate, library, options.session));
  TESSERA_TRY(result.accuracy, baseline.evaluate(second, monitor));
  TESSERA_TRY(const auto own, baseline.free_running(second, monitor));
  if (own) {
    result.free_running = own->overall;
  }
  return {};
}

Result<Session> open_tapped(const network::Network& model, const std::vector<std::string>& values,
                            const std::shared_ptr<const runtime::Library>& library,
                            runtime::SessionOptions options, runtime::TensorTap& tap) {
  options.opt_level = runtime::OptLevel::kDisabled;
  options.tap = &tap;
  return model.open(library, options, values);
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

Result<std::vector<TensorError>> compare_tensors_inside(
    const network::Network& reference, const network::Network& candidate,
    const data::SampleSet& samples, const std::shared_ptr<const runtime::Library>& library,
    const CompareOptions& options, Monitor& monitor) {
  TESSERA_TRY(auto pairs, match_tensors(reference, candidate));
  drop_doubles(pairs);
  std::vector<std::string> reference_values;
  std::vector<std::string> candidate_values;
  for (const auto& pair : pairs) {
    reference_values.push_back(pair.name);
    candidate_values.push_back(pair.candidate);
  }
  LockStep meeting(std::move(pairs));
  TESSERA_TRY(auto first, open_tapped(reference, reference_values, library, options.session,
                                      meeting.tap(Side::kReference)));
  TESSERA_TRY(auto second, open_tapped(candidate, candidate_values, library, options.session,
                                       meeting.tap(Side::kCandidate)));
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(const auto sample, samples.load(i));
    TESSERA_CHECK(run_together(meeting, first, second, sample));
    monitor.progress("tensors", i + 1, samples.size());
  }
  auto errors = meeting.errors();
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.error.sqnr_db < b.error.sqnr_db; });
  return errors;
}

Result<std::int64_t> count_floating(const network::Network& model) {
  TESSERA_TRY(const auto graph, model.view());
  const auto constant = graph::constant_tensors(graph);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < graph.tensors().size(); ++i) {
    const auto& tensor = graph.tensors()[i];
    count += tensor.producer && !constant[i] && is_floating(tensor.dtype) ? 1 : 0;
  }
  return count;
}

}  // namespace

bool Comparison::passed() const noexcept {
  return std::all_of(gates.begin(), gates.end(), [](const auto& gate) { return gate.passed; });
}

Result<Comparison> compare(const network::Network& reference, const network::Network& candidate,
                           const data::SampleSet& samples,
                           const std::shared_ptr<const runtime::Library>& library,
                           const CompareOptions& options, Monitor& monitor) {
  Comparison result;
  TESSERA_CHECK(compare_outputs(reference, candidate, samples, library, options, monitor, result));
  TESSERA_TRY(result.gates, check_gates(options.gates, result.accuracy));
  if (options.tensors) {
    TESSERA_TRY(result.tensors,
                compare_tensors_inside(reference, candidate, samples, library, options, monitor));
    TESSERA_TRY(result.reference_tensors, count_floating(reference));
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
  json["tensors"] = as_json(comparison.tensors);
  json["reference_tensors"] = comparison.reference_tensors;
  json["gates"] = as_json(comparison.gates);
  json["passed"] = comparison.passed();
  return json;
}

}  // namespace tessera::evaluate
