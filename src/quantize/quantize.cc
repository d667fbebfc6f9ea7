// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/onnx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "quantize/float_guard.h"
#include "quantize/lookups.h"
#include "quantize/passes.h"
#include "quantize/request.h"
#include "tessera/core/file.h"
#include "tessera/core/record.h"
#include "tessera/network/network.h"
#include "tessera/onnx/channels_last.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/normalize.h"
#include "tessera/onnx/query.h"
#include "tessera/onnx/simplify.h"
#include "tessera/quantize/fields.h"
#include "tessera/runtime/session.h"

namespace tessera::quantize {
namespace {

constexpr std::string_view kKernelsLibrary = "libtessera_kernels.so";

/// Operators by the pass that rewrites them.
struct Groups {
  std::vector<Work> static_qdq;
  std::vector<Work> static_qoperator;
  std::vector<Work> dynamic;
  std::vector<Work> float16;
  std::vector<Work> weight_only;
  std::vector<Work> bodies;  ///< control flow whose bodies are to be quantized
  std::vector<Work> exact;   ///< float32 operators that read float results only

  [[nodiscard]] bool any_static() const { return !static_qdq.empty() || !static_qoperator.empty(); }
};

Status validate_all(const Assignment& assignment, const graph::Graph& graph) {
  return check_schemes(graph, assignment, validate_onnx);
}

/// Schemes that need no ranges, which nobody measures within bodies.
bool goes_into_bodies(const Scheme& scheme) {
  return scheme.mode == Mode::kDynamic || scheme.mode == Mode::kWeightOnly;
}

/// Something within the operator's bodies is of a type that the scheme takes.
bool bodies_take(const graph::Op& op, const std::vector<std::string>& types) {
  return std::any_of(op.bodies.begin(), op.bodies.end(), [&](const graph::Graph& body) {
    return std::any_of(body.ops().begin(), body.ops().end(), [&](const graph::Op& inner) {
      return inner.bodies.empty() ? std::find(types.begin(), types.end(), inner.type) != types.end()
                                  : bodies_take(inner, types);
    });
  });
}

Groups group(const graph::Graph& graph, std::vector<OpOutcome>& outcomes) {
  Groups groups;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& scheme = outcomes[i].scheme;
    const Work work{onnx::Model::node_of(graph.ops()[i]), &scheme, &outcomes[i]};
    if (!graph.ops()[i].bodies.empty() && goes_into_bodies(scheme)) {
      if (bodies_take(graph.ops()[i], quantizable_types(scheme))) {
        groups.bodies.push_back(work);
      } else {
        outcomes[i].reason = "its bodies hold nothing that the scheme takes";
      }
      continue;
    }
    switch (scheme.mode) {
      case Mode::kStatic:
        (has_integer_operators(scheme.format) ? groups.static_qoperator : groups.static_qdq)
            .push_back(work);
        break;
      case Mode::kDynamic:
        groups.dynamic.push_back(work);
        break;
      case Mode::kFloat16:
        groups.float16.push_back(work);
        break;
      case Mode::kWeightOnly:
        groups.weight_only.push_back(work);
        break;
      case Mode::kFloat32:
        if (scheme.exact_inputs) {
          groups.exact.push_back(work);
        }
        break;
    }
  }
  return groups;
}

/// Operators that an opset upgrade put in the place of others do not carry a scheme: they stay
/// float. Those that are gone must not be looked at.
void forget_removed(std::vector<Work>& work, const std::set<onnx::NodeId>& present,
                    std::string_view reason) {
  std::erase_if(work, [&](const Work& item) {
    if (present.contains(item.node)) {
      return false;
    }
    item.outcome->reason = reason;
    return true;
  });
}

void forget_removed(Groups& groups, const onnx::Model& model, std::string_view reason) {
  const auto nodes = model.nodes();
  const std::set<onnx::NodeId> present(nodes.begin(), nodes.end());
  for (auto* work : {&groups.static_qdq, &groups.static_qoperator, &groups.dynamic, &groups.float16,
                     &groups.weight_only, &groups.bodies, &groups.exact}) {
    forget_removed(*work, present, reason);
  }
}

void forget_folded(std::vector<Work>& work, const onnx::Model& model) {
  if (work.empty()) {
    return;
  }
  const auto nodes = model.nodes();
  forget_removed(work, {nodes.begin(), nodes.end()}, "folded into its neighbour");
}

/// Lowest opset at which the kernels and the Q/DQ operators of the schemes exist.
std::int64_t needed_opset(const Groups& groups) {
  std::int64_t needed = 0;
  for (const auto* work : {&groups.static_qdq, &groups.static_qoperator}) {
    for (const auto& item : *work) {
      // MaxPool takes integers from 12 on, DequantizeLinear an axis from 13 on.
      needed = std::max<std::int64_t>(needed, item.scheme->per_channel ? 13 : 12);
    }
  }
  for (const auto* work : {&groups.dynamic, &groups.weight_only, &groups.bodies}) {
    for (const auto& item : *work) {
      if (item.scheme->mode == Mode::kDynamic) {
        needed = std::max<std::int64_t>(needed, 11);  // DynamicQuantizeLinear
      } else if (item.scheme->format == Format::kQdq) {
        needed = std::max<std::int64_t>(needed, 21);  // DequantizeLinear by block
      }
    }
  }
  return needed;
}

Status raise_opset(onnx::Model& model, const Groups& groups, const QuantizeOptions& options,
                   Monitor& monitor) {
  const auto present = model.opset().value_or(1);
  if (options.opset != 0 && options.opset < present) {
    return fail(ErrorCode::kInvalidArgument, "the model has opset {}; it cannot be lowered to {}",
                present, options.opset)
        .hint("leave out --opset, or give at least {}", present);
  }
  const auto needed = needed_opset(groups);
  const auto target = std::max(options.opset, needed);
  if (target <= present) {
    return {};
  }
  auto status = onnx::upgrade_opset(model, target);
  const bool required = options.opset != 0 || needed >= 21;
  if (status || status.error().code != ErrorCode::kUnimplemented || required) {
    return status;
  }
  // com.microsoft has Q/DQ for every opset; only what the standard kernels lack stays float.
  monitor.warn({"opset-kept",
                fmt::format("the model keeps opset {}: {}", present, status.error().message),
                "operators whose integer kernels came later stay in float32"});
  return {};
}

/// Operators that may be those of libtessera_kernels.
std::vector<Work> with_kernels(const std::vector<Work>& work) {
  std::vector<Work> found;
  std::copy_if(work.begin(), work.end(), std::back_inserter(found),
               [](const Work& item) { return item.scheme->format == Format::kKernels; });
  return found;
}

/// The types of values in 8 bits are those of the floats that they are rounded from; kept for when
/// there are no floats any more.
onnx::Model integer_types(const onnx::Model& model) {
  auto types = onnx::Model::empty(model.opset().value_or(1));
  const auto note = [&](const std::string& integers, const std::string& floats,
                        const std::string& zero_point) {
    auto type = model.general_type_of(floats);
    const auto zero = model.initializer_type(zero_point);
    if (type && type->shape && zero) {
      types.set_type(integers, {zero->dtype, std::move(type->shape)});
    }
  };
  for (const auto node : model.nodes()) {
    const auto inputs = model.inputs(node);
    if (inputs.size() < 3) {
      continue;
    }
    if (model.op_type(node) == "QuantizeLinear") {
      note(model.outputs(node).front(), inputs[0], inputs[2]);
    } else if (model.op_type(node) == "DequantizeLinear") {
      note(inputs[0], model.outputs(node).front(), inputs[2]);
    }
  }
  return types;
}

Status run_static(onnx::Model& model, const Groups& groups, const calibrate::Ranges& ranges,
                  const QuantizeOptions& options, Monitor& monitor) {
  auto work = groups.static_qdq;
  work.insert(work.end(), groups.static_qoperator.begin(), groups.static_qoperator.end());
  work.insert(work.end(), groups.exact.begin(), groups.exact.end());
  TESSERA_CHECK(apply_static_qdq(model, work, ranges, options, monitor));
  const auto types = integer_types(model);
  const auto kernels = with_kernels(groups.static_qoperator);
  if (!kernels.empty()) {
    const auto lookups = fuse_lookups(model, kernels);
    scale_channels(model, lookups, ranges);
  }
  if (!groups.static_qoperator.empty()) {
    TESSERA_CHECK(lower_to_qoperator(model, groups.static_qoperator, options, monitor));
    model.adopt_types(types);
  }
  TESSERA_CHECK(guard_float_operators(model).map([](std::int64_t) {}));
  if (kernels.empty() && options.layout == Layout::kAsWritten) {
    return {};
  }
  TESSERA_TRY(const auto change, onnx::write_channels_last(model));
  if (!kernels.empty()) {
    use_kernels(model, change.operators);
  }
  return {};
}

/// Everything within the operator's bodies that its scheme takes gets that scheme.
Status quantize_bodies(onnx::Model& model, const Work& work, const QuantizeOptions& options,
                       Monitor& monitor) {
  const auto types = quantizable_types(*work.scheme);
  auto inner = options;
  inner.opset = 0;
  std::int64_t taken = 0;
  std::string reason = "its bodies hold nothing that the scheme takes";
  for (std::size_t i = 0; i < model.body_count(work.node); ++i) {
    auto body = model.body(work.node, i);
    if (!body) {
      reason = body.error().message;
      continue;
    }
    TESSERA_TRY(const auto graph, body->view());
    Assignment assignment(graph.ops().size());
    for (std::size_t op = 0; op < assignment.size(); ++op) {
      const bool wanted =
          std::find(types.begin(), types.end(), graph.ops()[op].type) != types.end();
      assignment[op] = *work.scheme;
      assignment[op].mode = wanted ? work.scheme->mode : Mode::kFloat32;
    }
    TESSERA_TRY(const auto report, quantize(*body, assignment, nullptr, inner, monitor));
    if (report.quantized_ops > 0) {
      TESSERA_CHECK(model.set_body(work.node, i, *body));
    }
    taken += report.quantized_ops;
    const auto refused = std::find_if(report.ops.begin(), report.ops.end(), [](const auto& op) {
      return !op.quantized && op.scheme.mode != Mode::kFloat32 && !op.reason.empty();
    });
    if (refused != report.ops.end()) {
      const bool holds_more = !graph.op(*graph.find_op(refused->op)).bodies.empty();
      reason = holds_more ? refused->reason
                          : fmt::format("within it, {}: {}", refused->type, refused->reason);
    }
  }
  work.outcome->quantized = taken > 0;
  work.outcome->reason =
      taken > 0 ? fmt::format("{} operator{} of its bodies", taken, taken == 1 ? "" : "s") : reason;
  return {};
}

Status run_passes(onnx::Model& model, Groups& groups, const calibrate::Ranges* ranges,
                  const QuantizeOptions& options, Monitor& monitor) {
  if (groups.any_static()) {
    TESSERA_CHECK(run_static(model, groups, *ranges, options, monitor));
  }
  // A pass may fold an operator of a later one into its neighbour (a Relu into a Conv).
  forget_folded(groups.dynamic, model);
  if (!groups.dynamic.empty()) {
    TESSERA_CHECK(apply_dynamic(model, groups.dynamic, monitor));
  }
  forget_folded(groups.weight_only, model);
  if (!groups.weight_only.empty()) {
    TESSERA_CHECK(apply_weight_only(model, groups.weight_only, options, monitor));
  }
  for (const auto& work : groups.bodies) {
    TESSERA_CHECK(quantize_bodies(model, work, options, monitor));
  }
  forget_folded(groups.float16, model);
  if (!groups.float16.empty()) {
    TESSERA_CHECK(apply_float16(model, groups.float16, ranges, options, monitor));
  }
  return {};
}

/// Float values that QuantizeLinear operators read.
std::set<std::string> rounded_values(const onnx::Model& model) {
  std::set<std::string> values;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == "QuantizeLinear") {
      values.insert(model.inputs(node).front());
    }
  }
  return values;
}

/// Values between Q and DQ that lookups do not round, and those that have a scale per channel,
/// whose rounding is next to nothing beside that with one scale.
std::set<std::string> values_without_rounding(onnx::Model& scratch,
                                              const std::vector<Work>& kernels,
                                              const calibrate::Ranges& ranges) {
  auto values = rounded_values(scratch);
  const auto lookups = fuse_lookups(scratch, kernels);
  const auto scaled = scale_channels(scratch, lookups, ranges);
  for (const auto& left : rounded_values(scratch)) {
    values.erase(left);
  }
  for (const auto& lookup : lookups) {
    values.erase(lookup.rounded);
  }
  values.insert(scaled.begin(), scaled.end());
  return values;
}

void leave_out(StaticDetails& details, const std::set<std::string>& values) {
  for (auto& scale : details.activations) {
    std::erase_if(scale.tensors, [&](const auto& tensor) { return values.contains(tensor); });
  }
  std::erase_if(details.activations, [](const auto& scale) { return scale.tensors.empty(); });
}

template <class Open>
Status check_levels(Open open) {
  using runtime::OptLevel;
  for (const auto level :
       {OptLevel::kDisabled, OptLevel::kBasic, OptLevel::kExtended, OptLevel::kAll}) {
    runtime::SessionOptions options;
    options.opt_level = level;
    const auto session = open(options);
    if (!session) {
      return fail(ErrorCode::kUnavailable, "the runtime does not load the model at level '{}': {}",
                  runtime::to_string(level), session.error().message)
          .hint("nothing was written; leave the operator named there in float with --exclude");
    }
  }
  return {};
}

/// What the runtime says of an operator names it: those without a name get the one that selections
/// know them by.
Result<onnx::Model> with_names(const onnx::Model& model) {
  auto named = model.clone();
  TESSERA_TRY(const auto graph, model.view());
  for (const auto& op : graph.ops()) {
    const auto node = onnx::Model::node_of(op);
    if (model.name(node).empty()) {
      named.set_name(node, op.name);
    }
  }
  return named;
}

}  // namespace

Status check_request(const onnx::Model& model, const graph::Graph& graph,
                     const Assignment& assignment, const calibrate::Ranges* ranges) {
  TESSERA_CHECK(validate_all(assignment, graph));
  return check_ranges(model, assignment, ranges);
}

std::vector<OpOutcome> outcomes_of(const graph::Graph& graph, const Assignment& assignment) {
  std::vector<OpOutcome> outcomes;
  outcomes.reserve(assignment.size());
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    outcomes.push_back({graph.ops()[i].name, graph.ops()[i].type, assignment[i], false, {}});
  }
  return outcomes;
}

QuantizeReport report_of(const onnx::Model& model, std::vector<OpOutcome> outcomes) {
  QuantizeReport report;
  report.quantized_ops =
      std::count_if(outcomes.begin(), outcomes.end(), [](const auto& op) { return op.quantized; });
  report.ops = std::move(outcomes);
  for (const auto node : model.nodes()) {
    const auto& type = model.op_type(node);
    report.quantize_nodes += type == "QuantizeLinear" || type == "DynamicQuantizeLinear" ? 1 : 0;
    report.dequantize_nodes += type == "DequantizeLinear" ? 1 : 0;
  }
  report.opset = model.opset();
  if (model.opset(onnx::kKernelsDomain)) {
    report.needs = kKernelsLibrary;
  }
  return report;
}

Result<Prepared> prepare(const onnx::Model& model, const Assignment& assignment,
                         const QuantizeOptions& options, Monitor& monitor) {
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_CHECK(validate_all(assignment, graph));
  Prepared prepared{model.clone(), {}, {}};
  auto outcomes = outcomes_of(graph, assignment);
  const auto groups = group(graph, outcomes);
  TESSERA_CHECK(raise_opset(prepared.model, groups, options, monitor));
  if (groups.any_static()) {
    TESSERA_CHECK(onnx::normalize_for_quantization(prepared.model).map([](const auto&) {}));
  }
  std::map<std::uint32_t, std::size_t> place;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    place.emplace(graph.ops()[i].source, i);
  }
  TESSERA_TRY(const auto after, prepared.model.view());
  std::vector<Scheme> schemes;
  for (const auto& op : after.ops()) {
    const auto found = place.find(op.source);
    schemes.push_back(found == place.end() ? float32_scheme() : assignment[found->second]);
    if (found != place.end()) {
      place.erase(found);
    }
  }
  prepared.assignment = Assignment(std::move(schemes));
  std::vector<std::size_t> gone;
  gone.reserve(place.size());
  for (const auto& [source, index] : place) {
    gone.push_back(index);
  }
  std::sort(gone.begin(), gone.end());
  for (const auto index : gone) {
    outcomes[index].reason = "folded into its neighbour, or replaced when the opset was raised";
    prepared.gone.push_back(std::move(outcomes[index]));
  }
  return prepared;
}

Result<StaticDetails> describe_static(const onnx::Model& model, const Assignment& assignment,
                                      const calibrate::Ranges& ranges,
                                      const QuantizeOptions& options, Monitor& monitor) {
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_CHECK(validate_all(assignment, graph));
  auto outcomes = outcomes_of(graph, assignment);
  auto groups = group(graph, outcomes);
  auto work = std::move(groups.static_qdq);
  work.insert(work.end(), groups.static_qoperator.begin(), groups.static_qoperator.end());
  work.insert(work.end(), groups.exact.begin(), groups.exact.end());
  auto scratch = model.clone();
  StaticDetails details;
  TESSERA_CHECK(apply_static_qdq(scratch, work, ranges, options, monitor, &details));
  const auto kernels = with_kernels(groups.static_qoperator);
  if (!kernels.empty()) {
    leave_out(details, values_without_rounding(scratch, kernels, ranges));
  }
  return details;
}

Result<QuantizeReport> quantize(onnx::Model& model, const Assignment& assignment,
                                const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                Monitor& monitor) {
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_CHECK(check_request(model, graph, assignment, ranges));
  auto outcomes = outcomes_of(graph, assignment);
  auto groups = group(graph, outcomes);
  TESSERA_CHECK(raise_opset(model, groups, options, monitor));
  forget_removed(groups, model, "replaced by others when the opset was raised; they stay in float");
  if (groups.any_static()) {
    TESSERA_CHECK(onnx::normalize_for_quantization(model).map([](const auto&) {}));
    forget_removed(groups, model, "folded into its neighbour");
  }
  TESSERA_CHECK(monitor.check());
  TESSERA_CHECK(run_passes(model, groups, ranges, options, monitor));
  model.remove_unused_initializers();
  TESSERA_CHECK(onnx::share_transposed(model).map([](std::int64_t) {}));
  model.set_producer("tessera", version());
  if (model.opset(onnx::kKernelsDomain)) {
    model.set_metadata("tessera.needs", kKernelsLibrary);
  }
  return report_of(model, std::move(outcomes));
}

Status check_loads(const onnx::Model& written, std::shared_ptr<const runtime::Library> library) {
  TESSERA_TRY(auto model, with_names(written));
  if (onnx::constant_bytes(model) <= onnx::kHeldBytes) {
    const auto network = network::Network::of(std::move(model));
    TESSERA_TRY(const auto source, network.source());
    return check_levels(
        [&](const runtime::SessionOptions& options) { return source->open(library, options); });
  }
  // Too much to hold, or even too large for one message: by way of files.
  TESSERA_TRY(const auto folder, TemporaryDirectory::create("tessera-check"));
  const auto path = folder.path() / "model.onnx";
  TESSERA_CHECK(model.save(path, {onnx::ExternalData::kAlways, Overwrite::kReplace}));
  return check_levels([&](const runtime::SessionOptions& options) {
    return network::open_file(library, path, options);
  });
}

Fields<OpOutcome> fields_of(const OpOutcome*) {
  static constexpr std::array kFields = {
      written<&OpOutcome::op>("name", "of the operator"),
      written<&OpOutcome::type>("type", "of the operator"),
      Field<OpOutcome>{"scheme", "that was wanted",
                       [](const OpOutcome& outcome) { return Json(to_string(outcome.scheme)); }},
      written<&OpOutcome::quantized>("quantized", "it has the scheme"),
      written<&OpOutcome::reason>("reason", "why it was left as it is, or what was adjusted")
          .if_any()};
  return kFields;
}

Fields<QuantizeReport> fields_of(const QuantizeReport*) {
  static constexpr std::array kFields = {
      written<&QuantizeReport::opset>("opset",
                                      "of the written model; null where the format has none"),
      written<&QuantizeReport::needs>("needs",
                                      "a library of operators that whoever runs it has to load")
          .if_any(),
      written<&QuantizeReport::quantized_ops>("quantized_ops", "operators that have their scheme"),
      written<&QuantizeReport::quantize_nodes>("quantize_nodes",
                                               "operators that round to integers"),
      written<&QuantizeReport::dequantize_nodes>("dequantize_nodes",
                                                 "operators that make floats of integers"),
      written<&QuantizeReport::size_bytes>("size_bytes", "of the model with its external data"),
      written<&QuantizeReport::ops>("ops", "what became of each operator of the given model")};
  return kFields;
}

Json to_json(const QuantizeReport& report) {
  return as_json(report);
}

}  // namespace tessera::quantize
