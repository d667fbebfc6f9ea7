// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/static_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "quantize/value_rules.h"
#include "tessera/core/parallel.h"
#include "tessera/graph/cost.h"
#include "tessera/numerics/kernels.h"

namespace tessera::quantize {
namespace {

using graph::OpId;
using graph::TensorId;
using numerics::QParams;
using numerics::QuantSpec;
using numerics::RealRange;

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// What decides a scale besides the tensor.
struct ScaleKey {
  DType dtype = DType::kUInt8;
  bool symmetric = false;
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
  auto operator<=>(const ScaleKey&) const = default;
};

ScaleKey key_of(const Scheme& scheme) {
  return {scheme.activation, scheme.activation_symmetric, scheme.method};
}

/// Nothing but what it reads is rounded.
bool rounds_inputs_only(const Scheme& scheme) {
  return scheme.format == Format::kQdqInputs;
}

struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

class Planner {
 public:
  Planner(const onnx::Model& model, const graph::Graph& graph, const std::vector<Work>& work,
          const calibrate::Ranges& ranges, const QuantizeOptions& options)
      : model_(model),
        graph_(graph),
        work_(work),
        ranges_(ranges),
        options_(options),
        opset_(model.opset().value_or(0)),
        unit_of_op_(graph.ops().size(), kNone),
        owner_(graph.tensors().size(), kNone),
        leader_(graph.tensors().size()),
        read_in_integers_(graph.tensors().size(), false),
        dequantized_before_(graph.tensors().size(), false),
        quantized_before_(graph.tensors().size(), false) {
    for (std::uint32_t i = 0; i < leader_.size(); ++i) {
      leader_[i] = TensorId{i};
    }
    plan_.exact.assign(graph.ops().size(), false);
    plan_.native.assign(graph.tensors().size(), std::nullopt);
  }

  Result<StaticPlan> make() {
    find_existing_pairs();
    collect();
    TESSERA_CHECK(absorb_activations());
    name_owners();
    TESSERA_CHECK(leave_what_has_no_integers());
    leave_what_does_not_pay();
    share_scales_of_moved_values();
    TESSERA_CHECK(share_scales_of_concatenated_values());
    for (auto& unit : plan_.units) {
      if (unit.quantized) {
        TESSERA_CHECK(plan_reads(unit));
        TESSERA_CHECK(plan_results(unit));
      }
    }
    note_outcomes();
    return std::move(plan_);
  }

 private:
  // --- the operators ------------------------------------------------------------------------

  void find_existing_pairs() {
    for (const auto& op : graph_.ops()) {
      if (graph::is_dequantize(op)) {
        for_each_output(op, [&](TensorId tensor) { dequantized_before_[tensor.value] = true; });
      } else if (graph::is_quantize(op) && !op.inputs.empty() && op.inputs.front()) {
        quantized_before_[op.inputs.front()->value] = true;
      }
    }
  }

  void collect() {
    std::map<std::uint32_t, const Work*> by_node;
    for (const auto& item : work_) {
      by_node.emplace(item.node.value, &item);
    }
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      const auto& op = graph_.op(OpId{i});
      const auto found = by_node.find(op.source);
      if (found == by_node.end()) {
        continue;
      }
      const auto* item = found->second;
      if (item->scheme->mode != Mode::kStatic) {
        plan_.exact[i] = item->scheme->exact_inputs;
        continue;
      }
      add_unit(OpId{i}, *item);
    }
  }

  void add_unit(OpId id, const Work& item) {
    const auto& op = graph_.op(id);
    scheme_of_op_.emplace(id.value, item.scheme);
    if (is_activation_function(op)) {
      item.outcome->reason = "the operator before it does not clip for it; it stays in float";
      activations_.emplace(id.value, &item);
      return;
    }
    if (graph::is_quantize(op) || graph::is_dequantize(op)) {
      item.outcome->reason = "it quantizes already";
      return;
    }
    auto rule = rule_for(graph_, op, opset_, item.scheme->format);
    if (!rule) {
      item.outcome->reason = "stays in float: " + rule.error().message;
      return;
    }
    if (rounds_inputs_only(*item.scheme)) {
      if (rule->gain != Gain::kArithmetic) {
        item.outcome->reason = "stays in float: this format rounds what products read, no more";
        return;
      }
      std::replace(rule->roles.begin(), rule->roles.end(), Role::kBias, Role::kFloatBias);
    }
    unit_of_op_[id.value] = plan_.units.size();
    UnitPlan unit;
    unit.op = id;
    unit.work = &item;
    unit.rule = std::move(*rule);
    unit.reads.resize(op.inputs.size());
    unit.constants.resize(op.inputs.size());
    plan_.units.push_back(std::move(unit));
  }

  static bool is_activation_function(const graph::Op& op) {
    return op.domain.empty() && (op.type == "Relu" || op.type == "Clip");
  }

  [[nodiscard]] Result<std::optional<Bounds>> bounds_of(const graph::Op& op) const {
    if (op.type == "Relu") {
      return Bounds{0, std::numeric_limits<double>::infinity()};
    }
    Bounds bounds;
    const auto read_attribute = [&](std::string_view name, double& out) {
      if (const auto found = op.attributes.find(name); found != op.attributes.end()) {
        if (const auto* value = std::get_if<double>(&found->second)) {
          out = *value;
        }
      }
    };
    read_attribute("min", bounds.low);
    read_attribute("max", bounds.high);
    for (std::size_t i = 1; i < std::min<std::size_t>(op.inputs.size(), 3); ++i) {
      if (!op.inputs[i]) {
        continue;
      }
      const auto& tensor = graph_.tensor(*op.inputs[i]);
      if (tensor.kind != graph::TensorKind::kInitializer || tensor.dtype != DType::kFloat32) {
        return std::optional<Bounds>();
      }
      TESSERA_TRY(const auto value, model_.initializer(tensor.name));
      if (value.size() != 1) {
        return std::optional<Bounds>();
      }
      (i == 1 ? bounds.low : bounds.high) = double{value.as<float>()[0]};
    }
    return std::optional<Bounds>(bounds);
  }

  /// Rounding to the type clips at least as tightly as `bounds` do: every value that they would
  /// move becomes the same integer without them.
  static bool subsumes(const SharedQParams& shared, const Bounds& bounds) {
    const auto range = numerics::full_range(shared.dtype);
    const auto low =
        std::nearbyint(bounds.low / double{shared.qparams.scale}) + shared.qparams.zero_point;
    const auto high =
        std::nearbyint(bounds.high / double{shared.qparams.scale}) + shared.qparams.zero_point;
    return low <= static_cast<double>(range.min) && high >= static_cast<double>(range.max);
  }

  /// Conv -> Relu -> Quantize is one kernel: Quantize clips where Relu would. The runtime sees that
  /// too, but only between operators that it fuses.
  Status absorb_activations() {
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      const auto& op = graph_.op(OpId{i});
      if (!is_activation_function(op) || op.inputs.empty() || !op.inputs.front() ||
          plan_.exact[i]) {
        continue;
      }
      auto* unit = single_reader_producer(*op.inputs.front());
      if (unit == nullptr || unit->rule.output != OutputScale::kOwnRange || unit->absorbed ||
          !op.outputs.front()) {
        continue;
      }
      const auto& scheme = *unit->work->scheme;
      if (rounds_inputs_only(scheme)) {
        continue;
      }
      const auto own = scheme_of_op_.find(i);
      if (own != scheme_of_op_.end() && key_of(*own->second) != key_of(scheme)) {
        continue;
      }
      TESSERA_TRY(const auto bounds, bounds_of(op));
      const auto result = *op.outputs.front();
      const auto range = find_range(result, scheme.method);
      if (!bounds || !range) {
        continue;
      }
      TESSERA_TRY(const auto qparams, qparams_of(*range, key_of(scheme)));
      if (subsumes(qparams, *bounds)) {
        unit->absorbed = OpId{i};
        bounds_.emplace(unit->op.value, *bounds);
      } else {
        // What the activation will cut off needs no integers.
        ranges_of_inputs_.emplace(op.inputs.front()->value, result);
      }
    }
    return {};
  }

  UnitPlan* single_reader_producer(TensorId id) {
    const auto& tensor = graph_.tensor(id);
    if (!tensor.producer || tensor.consumers.size() != 1 || tensor.is_output ||
        tensor.used_by_body) {
      return nullptr;
    }
    const auto unit = unit_of_op_[tensor.producer->value];
    return unit == kNone ? nullptr : &plan_.units[unit];
  }

  void name_owners() {
    for (std::size_t i = 0; i < plan_.units.size(); ++i) {
      for_each_result(plan_.units[i], [&](TensorId tensor) { owner_[tensor.value] = i; });
    }
  }

  // --- values that no integers stand for --------------------------------------------------------

  using Objections = std::vector<Objection>;

  Result<const Objections*> objections_for(const ScaleKey& key) {
    if (const auto found = objections_.find(key); found != objections_.end()) {
      return &found->second;
    }
    TESSERA_TRY(auto made, object_to_integers(model_, graph_, ranges_,
                                              {key.dtype, key.symmetric, false}, key.method));
    return &objections_.emplace(key, std::move(made)).first->second;
  }

  Status leave_what_has_no_integers() {
    TESSERA_CHECK(leave_damaged_weights());
    for (auto& unit : plan_.units) {
      if (!unit.quantized) {
        continue;
      }
      TESSERA_TRY(const auto* objections, objections_for(key_of(*unit.work->scheme)));
      if (const auto reason = objection_to(unit, *objections); !reason.empty()) {
        leave(unit, "stays in float: " + reason);
      }
    }
    return {};
  }

  /// What speaks against reading or making the unit's values in integers; empty if nothing does.
  [[nodiscard]] std::string objection_to(const UnitPlan& unit, const Objections& objections) const {
    std::string reason;
    for_each_activation(unit, [&](std::size_t input) {
      const auto& objection = objections[graph_.op(unit.op).inputs[input]->value];
      reason = reason.empty() ? objection.reason : reason;
    });
    // A product can leave a coarse result to those who want it in float.
    const bool product = unit.rule.gain == Gain::kArithmetic;
    for_each_result(unit, [&](TensorId tensor) {
      const auto& objection = objections[tensor.value];
      if (reason.empty() && (!product || objection.kind == Objection::Kind::kNoScale)) {
        reason = objection.reason;
      }
    });
    return reason;
  }

  /// Integers cannot say NaN or infinity, which tables of masks and embeddings may hold.
  Status leave_damaged_weights() {
    std::map<std::string, Result<std::string>> objections;
    for_each_constant(
        [&](UnitPlan&, const std::string& name) { objections.emplace(name, std::string()); });
    std::vector<std::pair<const std::string, Result<std::string>>*> places;
    for (auto& place : objections) {
      places.push_back(&place);
    }
    parallel_for(options_.threads, std::ssize(places), [&](std::int64_t i) {
      auto& [name, result] = *places[static_cast<std::size_t>(i)];
      result = objection_to_constant(model_, name);
    });
    for (const auto& [name, result] : objections) {
      if (!result) {
        return tl::unexpected(result.error());
      }
    }
    for_each_constant([&](UnitPlan& unit, const std::string& name) {
      if (const auto& objection = *objections.at(name); unit.quantized && !objection.empty()) {
        leave(unit, "stays in float: " + objection);
      }
    });
    return {};
  }

  /// Weights and biases of the units that are still to be quantized.
  template <class Visit>
  void for_each_constant(const Visit& visit) {
    for (auto& unit : plan_.units) {
      const auto& op = graph_.op(unit.op);
      for (std::size_t i = 0; unit.quantized && i < unit.rule.roles.size(); ++i) {
        const auto role = unit.rule.roles[i];
        if (role == Role::kWeight || role == Role::kBias || role == Role::kFloatBias) {
          visit(unit, graph_.tensor(*op.inputs[i]).name);
        }
      }
    }
  }

  /// Operators whose integer form saves nothing would add conversions and error: element-wise
  /// arithmetic on float values, and everything behind the last integer operator.
  void leave_what_does_not_pay() {
    std::vector<bool> from_integers(graph_.tensors().size(), false);
    for (auto& unit : plan_.units) {
      if (!unit.quantized) {
        continue;
      }
      const auto& op = graph_.op(unit.op);
      bool integers = unit.rule.gain == Gain::kArithmetic;
      for_each_activation(unit, [&](std::size_t input) {
        const auto tensor = *op.inputs[input];
        integers = integers || from_integers[tensor.value] || dequantized_before_[tensor.value];
      });
      if (!integers && unit.rule.gain == Gain::kCompany) {
        leave_unless_everywhere(unit, "stays in float: its inputs are float");
        continue;
      }
      integers = integers && !rounds_inputs_only(*unit.work->scheme);
      for_each_result(unit, [&](TensorId tensor) { from_integers[tensor.value] = integers; });
    }
    for (auto unit = plan_.units.rbegin(); unit != plan_.units.rend(); ++unit) {
      leave_without_reader(*unit, from_integers);
    }
  }

  void leave_without_reader(UnitPlan& unit, const std::vector<bool>& from_integers) {
    if (!unit.quantized) {
      return;
    }
    bool wanted = unit.rule.gain == Gain::kArithmetic;
    for_each_result(unit, [&](TensorId tensor) {
      wanted = wanted || read_in_integers_[tensor.value] || quantized_before_[tensor.value];
    });
    if (!wanted && !options_.everywhere) {
      leave(unit, "stays in float: nothing reads its result in integers");
      return;
    }
    if (unit.rule.gain == Gain::kMovement && moves_float_of_others(unit, from_integers)) {
      leave_unless_everywhere(unit,
                              "stays in float: its input is float and read in float by others");
    }
    if (!unit.quantized) {
      return;
    }
    for_each_activation(unit, [&](std::size_t input) {
      read_in_integers_[graph_.op(unit.op).inputs[input]->value] = true;
    });
  }

  /// Every value that the unit moves is float and stays so for others.
  [[nodiscard]] bool moves_float_of_others(const UnitPlan& unit,
                                           const std::vector<bool>& from_integers) const {
    bool moves = true;
    for_each_activation(unit, [&](std::size_t input) {
      const auto source = *graph_.op(unit.op).inputs[input];
      moves = moves && !from_integers[source.value] && !dequantized_before_[source.value] &&
              has_float_reader(source);
    });
    return moves;
  }

  [[nodiscard]] bool has_float_reader(TensorId id) const {
    const auto& tensor = graph_.tensor(id);
    return tensor.is_output || tensor.used_by_body ||
           std::any_of(tensor.consumers.begin(), tensor.consumers.end(), [&](OpId reader) {
             const auto unit = unit_of_op_[reader.value];
             return unit == kNone || !plan_.units[unit].quantized;
           });
  }

  void leave_unless_everywhere(UnitPlan& unit, std::string reason) {
    if (!options_.everywhere) {
      leave(unit, std::move(reason));
    }
  }

  void leave(UnitPlan& unit, std::string reason) {
    unit.quantized = false;
    unit.work->outcome->reason = std::move(reason);
    for_each_result(unit, [&](TensorId tensor) { owner_[tensor.value] = kNone; });
  }

  // --- scales -------------------------------------------------------------------------------

  [[nodiscard]] TensorId leader(TensorId tensor) const {
    while (leader_[tensor.value] != tensor) {
      tensor = leader_[tensor.value];
    }
    return tensor;
  }

  void share_scales_of_moved_values() {
    for (const auto& unit : plan_.units) {
      if (unit.quantized && unit.rule.output == OutputScale::kSameAsInput) {
        const auto source = leader(*graph_.op(unit.op).inputs.front());
        for_each_result(unit, [&](TensorId tensor) { leader_[tensor.value] = source; });
      }
    }
  }

  /// What is only made to be concatenated is rounded once, to the scale of the whole; joining is
  /// then a copy. Outer concatenations come first, so that nested ones agree.
  Status share_scales_of_concatenated_values() {
    std::vector<std::vector<TensorId>> members(graph_.tensors().size());
    for (std::uint32_t i = 0; i < leader_.size(); ++i) {
      members[leader(TensorId{i}).value].push_back(TensorId{i});
    }
    for (auto unit = plan_.units.rbegin(); unit != plan_.units.rend(); ++unit) {
      const auto& op = graph_.op(unit->op);
      if (!unit->quantized || op.type != "Concat" || !op.outputs.front()) {
        continue;
      }
      const auto target = leader(*op.outputs.front());
      for (const auto& input : op.inputs) {
        if (!input) {
          continue;
        }
        const auto source = leader(*input);
        if (source == target || !made_only_for(members[source.value], *unit)) {
          continue;
        }
        TESSERA_TRY(const bool fits, keeps_clipping(source, target, key_of(*unit->work->scheme)));
        if (fits) {
          leader_[source.value] = target;
          auto& joined = members[target.value];
          joined.insert(joined.end(), members[source.value].begin(), members[source.value].end());
        }
      }
    }
    return {};
  }

  [[nodiscard]] bool made_only_for(const std::vector<TensorId>& group,
                                   const UnitPlan& concat) const {
    const auto key = key_of(*concat.work->scheme);
    return std::all_of(group.begin(), group.end(), [&](TensorId id) {
      const auto& tensor = graph_.tensor(id);
      const auto owner = owner_[id.value];
      if (owner == kNone || key_of(*plan_.units[owner].work->scheme) != key || tensor.is_output ||
          tensor.used_by_body) {
        return false;
      }
      return std::all_of(tensor.consumers.begin(), tensor.consumers.end(), [&](OpId reader) {
        const auto unit = unit_of_op_[reader.value];
        return reader == concat.op || (unit != kNone && plan_.units[unit].quantized &&
                                       plan_.units[unit].rule.output == OutputScale::kSameAsInput &&
                                       key_of(*plan_.units[unit].work->scheme) == key);
      });
    });
  }

  /// The activation absorbed by the producer of `source` is still computed by rounding to the
  /// scale of `target`.
  Result<bool> keeps_clipping(TensorId source, TensorId target, const ScaleKey& key) {
    const auto bounds = bounds_.find(plan_.units[owner_[source.value]].op.value);
    if (bounds == bounds_.end()) {
      return true;
    }
    TESSERA_TRY(const auto shared, shared_qparams(target, key));
    return subsumes(plan_.qparams[shared], bounds->second);
  }

  /// The value whose measured range is that of `id`.
  [[nodiscard]] TensorId range_source(TensorId id) const {
    const auto alias = ranges_of_inputs_.find(id.value);
    return alias == ranges_of_inputs_.end() ? id : alias->second;
  }

  [[nodiscard]] std::optional<RealRange> find_range(TensorId id,
                                                    numerics::RangeMethod method) const {
    const auto range = ranges_.find(graph_.tensor(range_source(id)).name, method);
    const auto owner = owner_[id.value];
    if (owner == kNone || plan_.units[owner].rule.output != OutputScale::kUnit) {
      return range;
    }
    // The whole of [0, 1] costs less than a bit unless the results stay well below 1.
    return range && range->max < 0.5 ? range : RealRange{0, 1};
  }

  [[nodiscard]] static Result<SharedQParams> qparams_of(const RealRange& range,
                                                        const ScaleKey& key) {
    SharedQParams shared;
    shared.dtype = key.dtype;
    shared.spec = QuantSpec{key.dtype, key.symmetric, false};
    shared.method = key.method;
    TESSERA_TRY(shared.qparams, numerics::compute_qparams(range, shared.spec));
    return shared;
  }

  Result<std::size_t> shared_qparams(TensorId owner, const ScaleKey& key) {
    const auto id = std::pair(owner.value, key);
    if (const auto found = shared_.find(id); found != shared_.end()) {
      return found->second;
    }
    const auto range = find_range(owner, key.method);
    if (!range) {
      return fail(ErrorCode::kInvalidArgument, "no {} range of tensor '{}'",
                  numerics::to_string(key.method), graph_.tensor(owner).name)
          .hint("measure it with `tessera calibrate`, on this very model and with this method");
    }
    TESSERA_TRY(auto shared, qparams_of(*range, key).map_error(in_file(graph_.tensor(owner).name)));
    shared.owner = owner;
    if (ranges_.find(graph_.tensor(range_source(owner)).name, key.method) == range) {
      shared.range_of = range_source(owner);
    }
    plan_.qparams.push_back(std::move(shared));
    shared_.emplace(id, plan_.qparams.size() - 1);
    return plan_.qparams.size() - 1;
  }

  /// Scale and zero point of a value that the model dequantizes already.
  Result<std::optional<std::size_t>> existing_qparams(TensorId id, DType dtype) {
    const auto& op = graph_.op(*graph_.tensor(id).producer);
    if (op.inputs.size() < 3 || !op.inputs[1] || !op.inputs[2]) {
      return std::optional<std::size_t>();
    }
    const auto& scale = graph_.tensor(*op.inputs[1]);
    const auto& zero_point = graph_.tensor(*op.inputs[2]);
    if (!model_.is_constant(scale.name) || !model_.is_constant(zero_point.name) ||
        zero_point.dtype != dtype) {
      return std::optional<std::size_t>();
    }
    TESSERA_TRY(const auto values, model_.initializer(scale.name));
    if (values.size() != 1 || values.dtype != DType::kFloat32) {
      return std::optional<std::size_t>();
    }
    SharedQParams shared;
    shared.dtype = dtype;
    shared.qparams = {values.as<float>()[0], 0};
    shared.owner = id;
    shared.scale = scale.name;
    shared.zero_point = zero_point.name;
    plan_.qparams.push_back(std::move(shared));
    return std::optional<std::size_t>(plan_.qparams.size() - 1);
  }

  // --- reads and results --------------------------------------------------------------------

  Status plan_reads(UnitPlan& unit) {
    const auto& op = graph_.op(unit.op);
    const auto key = key_of(*unit.work->scheme);
    for (std::size_t i = 0; i < unit.rule.roles.size(); ++i) {
      if (unit.rule.roles[i] != Role::kActivation) {
        continue;
      }
      const auto tensor = *op.inputs[i];
      if (graph_.tensor(tensor).kind == graph::TensorKind::kInitializer) {
        TESSERA_TRY(unit.constants[i], constant_qparams(tensor, unit, key));
      } else if (!dequantized_before_[tensor.value]) {
        TESSERA_TRY(unit.reads[i], form_for(tensor, key));
      }
    }
    return {};
  }

  Result<std::size_t> constant_qparams(TensorId id, const UnitPlan& unit, const ScaleKey& key) {
    const auto& op = graph_.op(unit.op);
    if (op.type == "Concat" && op.outputs.front()) {
      return shared_qparams(leader(*op.outputs.front()), key);
    }
    const auto memo = std::pair(id.value, key);
    if (const auto found = shared_.find(memo); found != shared_.end()) {
      return found->second;
    }
    const auto& name = graph_.tensor(id).name;
    TESSERA_TRY(const auto values, model_.initializer(name));
    const auto extrema = numerics::find_min_max(values.as<float>());
    if (extrema.nan + extrema.infinite > 0) {
      return fail(ErrorCode::kDataLoss, "constant '{}' holds NaN or infinities", name)
          .hint("leave its reader '{}' in float with --exclude", op.name);
    }
    const auto range =
        extrema.finite > 0 ? RealRange{double{extrema.min}, double{extrema.max}} : RealRange{};
    TESSERA_TRY(auto shared, qparams_of(range, key));
    shared.owner = id;
    plan_.qparams.push_back(std::move(shared));
    shared_.emplace(memo, plan_.qparams.size() - 1);
    return plan_.qparams.size() - 1;
  }

  Result<std::size_t> form_for(TensorId tensor, const ScaleKey& key) {
    const auto native = plan_.native[tensor.value];
    if (native && plan_.qparams[plan_.forms[*native].qparams].dtype == key.dtype) {
      return *native;
    }
    const auto id = std::pair(tensor.value, key);
    if (const auto found = forms_.find(id); found != forms_.end()) {
      return found->second;
    }
    TESSERA_TRY(const auto qparams, shared_qparams(leader(tensor), key));
    plan_.forms.push_back({tensor, qparams, false, native});
    forms_.emplace(id, plan_.forms.size() - 1);
    return plan_.forms.size() - 1;
  }

  Status plan_results(UnitPlan& unit) {
    const auto key = key_of(*unit.work->scheme);
    std::optional<std::size_t> inherited;
    if (unit.rule.output == OutputScale::kSameAsInput) {
      if (unit.reads.front()) {
        inherited = plan_.forms[*unit.reads.front()].qparams;
      } else {
        TESSERA_TRY(inherited, existing_qparams(*graph_.op(unit.op).inputs.front(), key.dtype));
        if (!inherited) {
          leave(unit, "stays in float: the scale of its input is not a constant of its type");
          return {};
        }
      }
    }
    Status status;
    for_each_result(unit, [&](TensorId tensor) {
      if (status && needs_native_form(tensor, unit)) {
        status = add_native_form(tensor, key, inherited);
      }
    });
    if (unit.absorbed && !plan_.native[graph_.op(*unit.absorbed).outputs.front()->value]) {
      unit.absorbed.reset();
    }
    if (unit.absorbed) {
      unit.drop_absorbed = !read_exactly(*graph_.op(*unit.absorbed).outputs.front());
    }
    return status;
  }

  Status add_native_form(TensorId tensor, const ScaleKey& key,
                         const std::optional<std::size_t>& inherited) {
    auto qparams = inherited;
    if (!qparams) {
      TESSERA_TRY(qparams, shared_qparams(leader(tensor), key));
    }
    plan_.forms.push_back({tensor, *qparams, true, std::nullopt});
    plan_.native[tensor.value] = plan_.forms.size() - 1;
    return {};
  }

  [[nodiscard]] bool needs_native_form(TensorId id, const UnitPlan& unit) const {
    const auto& tensor = graph_.tensor(id);
    if (quantized_before_[id.value] || rounds_inputs_only(*unit.work->scheme)) {
      return false;
    }
    if (unit.rule.float_output && !read_in_integers_[id.value] &&
        (!options_.everywhere || is_coarse(id, unit))) {
      return false;
    }
    return tensor.is_output || std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                                           [&](OpId reader) { return !plan_.exact[reader.value]; });
  }

  [[nodiscard]] bool is_coarse(TensorId id, const UnitPlan& unit) const {
    const auto found = objections_.find(key_of(*unit.work->scheme));
    return found != objections_.end() && static_cast<bool>(found->second[id.value]);
  }

  [[nodiscard]] bool read_exactly(TensorId id) const {
    const auto& tensor = graph_.tensor(id);
    return tensor.used_by_body ||
           std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                       [&](OpId reader) { return plan_.exact[reader.value]; });
  }

  // --- the report ---------------------------------------------------------------------------

  void note_outcomes() {
    for (const auto& unit : plan_.units) {
      if (!unit.quantized) {
        continue;
      }
      unit.work->outcome->quantized = true;
      unit.work->outcome->reason.clear();
      for_each_result(unit, [&](TensorId tensor) {
        if (read_exactly(tensor)) {
          unit.work->outcome->reason =
              "its result is also read in float, so the runtime computes it in float";
        }
      });
      if (!unit.absorbed) {
        continue;
      }
      if (const auto found = activations_.find(unit.absorbed->value); found != activations_.end()) {
        found->second->outcome->quantized = true;
        found->second->outcome->reason =
            fmt::format("done by the rounding of '{}'", graph_.op(unit.op).name);
      }
    }
  }

  // --- helpers ------------------------------------------------------------------------------

  template <class Visit>
  static void for_each_output(const graph::Op& op, Visit visit) {
    for (const auto& output : op.outputs) {
      if (output) {
        visit(*output);
      }
    }
  }

  /// The values that the unit as a whole makes: those of the absorbed activation, if any.
  template <class Visit>
  void for_each_result(const UnitPlan& unit, Visit visit) const {
    for_each_output(graph_.op(unit.absorbed.value_or(unit.op)), visit);
  }

  template <class Visit>
  static void for_each_activation(const UnitPlan& unit, Visit visit) {
    for (std::size_t i = 0; i < unit.rule.roles.size(); ++i) {
      if (unit.rule.roles[i] == Role::kActivation) {
        visit(i);
      }
    }
  }

  const onnx::Model& model_;
  const graph::Graph& graph_;
  const std::vector<Work>& work_;
  const calibrate::Ranges& ranges_;
  const QuantizeOptions& options_;
  std::int64_t opset_;

  StaticPlan plan_;
  std::vector<std::size_t> unit_of_op_;
  std::vector<std::size_t> owner_;  ///< by tensor: the unit that makes it
  std::vector<TensorId>
      leader_;  ///< by tensor: the one whose range decides, maybe by way of others
  std::vector<bool> read_in_integers_;
  std::vector<bool> dequantized_before_;
  std::vector<bool> quantized_before_;
  std::map<std::uint32_t, const Scheme*> scheme_of_op_;
  std::map<std::uint32_t, const Work*> activations_;
  std::map<std::uint32_t, Bounds> bounds_;  ///< by operator that absorbed an activation
  std::map<std::uint32_t, TensorId> ranges_of_inputs_;
  std::map<std::pair<std::uint32_t, ScaleKey>, std::size_t> shared_;
  std::map<ScaleKey, Objections> objections_;
  std::map<std::pair<std::uint32_t, ScaleKey>, std::size_t> forms_;
};

}  // namespace

Result<StaticPlan> plan_static(const onnx::Model& model, const graph::Graph& graph,
                               const std::vector<Work>& work, const calibrate::Ranges& ranges,
                               const QuantizeOptions& options) {
  return Planner(model, graph, work, ranges, options).make();
}

}  // namespace tessera::quantize
