// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "tessera/litert/builtin.h"
#include "tessera/numerics/kernels.h"
#include "tessera/numerics/range_estimator.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;
using litert::ElementType;
using litert::Operator;
using numerics::RealRange;

/// Fewer weights than this are read faster in float than inputs are rounded.
constexpr std::int64_t kFewWeights = 1024;

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

bool is_static(const LitertOpPlan& op) {
  return op.action == LitertAction::kStatic;
}

/// Values that are to share one scale, by tensor and type of activations.
class Groups {
 public:
  explicit Groups(std::size_t tensors) : leader_(2 * tensors) {
    std::iota(leader_.begin(), leader_.end(), 0);
  }
  static std::size_t key(std::int32_t tensor, DType activation) {
    return 2 * at(tensor) + (activation == DType::kInt16 ? 1 : 0);
  }
  static std::int32_t tensor(std::size_t key) { return static_cast<std::int32_t>(key / 2); }

  std::size_t find(std::size_t key) {
    while (leader_[key] != key) {
      key = leader_[key] = leader_[leader_[key]];
    }
    return key;
  }
  /// The lower key leads, so that nothing depends on the order of calls.
  void join(std::size_t a, std::size_t b) {
    const auto first = find(a);
    const auto second = find(b);
    leader_[std::max(first, second)] = std::min(first, second);
  }

 private:
  std::vector<std::size_t> leader_;
};

class Planner {
 public:
  Planner(const litert::Content& content, const LitertConstants& constants,
          const std::vector<LitertWork>& work, const calibrate::Ranges* ranges,
          const QuantizeOptions& options)
      : content_(content),
        subgraph_(content.subgraphs.front()),
        constants_(constants),
        work_(work),
        ranges_(ranges),
        options_(options),
        names_(litert::value_names(subgraph_)),
        maker_(subgraph_.tensors.size(), -1),
        readers_(subgraph_.tensors.size()),
        groups_(subgraph_.tensors.size()) {
    plan_.ops.resize(subgraph_.operators.size());
    plan_.native.resize(subgraph_.tensors.size());
  }

  Result<LitertPlan> make() {
    link();
    for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
      plan_.ops[i].scheme = work_[i].scheme;
      choose_action(i);
    }
    TESSERA_CHECK(leave_what_has_no_range());
    if (!options_.everywhere) {
      leave_what_does_not_pay();
    }
    find_existing_forms();
    share_scales();
    if (options_.io != IoType::kFloat32) {
      TESSERA_CHECK(set_forms_of_inputs());
    }
    for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
      if (is_static(plan_.ops[i])) {
        TESSERA_CHECK(set_forms(i));
      }
    }
    for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
      work_[i].outcome->quantized = plan_.ops[i].action != LitertAction::kKeep;
    }
    return std::move(plan_);
  }

 private:
  // --- the operators ------------------------------------------------------------------------

  void link() {
    for (std::size_t i = 0; i < subgraph_.operators.size(); ++i) {
      const auto& op = subgraph_.operators[i];
      for (const auto input : op.inputs) {
        if (input >= 0) {
          readers_[at(input)].push_back(i);
        }
      }
      for (const auto output : op.outputs) {
        if (output >= 0) {
          maker_[at(output)] = static_cast<std::int64_t>(i);
        }
      }
    }
  }

  void choose_action(std::size_t place) {
    switch (work_[place].scheme->mode) {
      case Mode::kFloat32:
        return;
      case Mode::kStatic:
        choose_static(place);
        return;
      case Mode::kDynamic:
        choose_dynamic(place);
        return;
      case Mode::kFloat16:
      case Mode::kWeightOnly:
        choose_storage(place);
        return;
    }
  }

  /// It stays as it is. In float, or in the integers that it has already.
  void leave(std::size_t place, const std::string& reason) {
    plan_.ops[place].action = LitertAction::kKeep;
    work_[place].outcome->reason = "stays as it is: " + reason;
  }

  void choose_static(std::size_t place) {
    const auto& op = subgraph_.operators[place];
    auto rule = litert_rule(content_, subgraph_, op, work_[place].scheme->activation);
    if (!rule) {
      leave(place, rule.error().message);
      return;
    }
    if (op.outputs.empty() || op.outputs.front() < 0) {
      leave(place, "it makes nothing");
      return;
    }
    if (content_.code(op).code == Builtin::kFullyConnected && options_.channels_of_products) {
      rule->weight_axis = 0;
    }
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const bool weight = rule->roles[i] == Role::kWeight;
      if ((weight || rule->roles[i] == Role::kBias) && !constants_.source(op.inputs[i])) {
        leave(place, fmt::format("its {} computed{}", weight ? "weights are" : "bias is",
                                 by_what(op.inputs[i])));
        return;
      }
    }
    plan_.ops[place].action = LitertAction::kStatic;
    plan_.ops[place].rule = std::move(*rule);
    bool fed = false;
    for_each_activation(place, [&](std::size_t, std::int32_t) { fed = true; });
    if (!fed) {
      leave(place, "it reads constants only");
    }
  }

  /// " by TRANSPOSE": what makes a value, behind a DEQUANTIZE; empty for inputs.
  [[nodiscard]] std::string by_what(std::int32_t tensor) const {
    while (tensor >= 0 && maker_[at(tensor)] >= 0) {
      const auto& maker = subgraph_.operators[static_cast<std::size_t>(maker_[at(tensor)])];
      const auto code = content_.code(maker).code;
      if (code != Builtin::kDequantize) {
        return fmt::format(" by {}", litert::name_of(code));
      }
      tensor = maker.inputs.front();
    }
    return "";
  }

  void choose_dynamic(std::size_t place) {
    const auto& op = subgraph_.operators[place];
    auto weights = litert_weights(content_, op);
    if (!weights || !weights->dynamic) {
      leave(place, weights ? "the runtime has no kernel for it that rounds inputs at run time"
                           : weights.error().message);
      return;
    }
    std::int64_t elements = 0;
    if (!take_weights(place, *weights, elements)) {
      return;
    }
    if (elements < kFewWeights) {
      leave(place, fmt::format("it has {} weights, and rounding its inputs pays from {} on",
                               elements, kFewWeights));
      return;
    }
    plan_.ops[place].action = LitertAction::kDynamic;
    plan_.ops[place].weights = std::move(*weights);
  }

  /// Leaves out inputs that are absent. False, with the reason noted, if something is no constant
  /// in float.
  bool take_weights(std::size_t place, LitertWeights& weights, std::int64_t& elements) {
    const auto& op = subgraph_.operators[place];
    std::erase_if(weights.inputs, [&](std::size_t input) {
      return input >= op.inputs.size() || op.inputs[input] < 0;
    });
    for (const auto input : weights.inputs) {
      const auto holder = constants_.source(op.inputs[input]);
      if (!holder) {
        leave(place, fmt::format("its weights are computed{}", by_what(op.inputs[input])));
        return false;
      }
      if (!is_floating(litert::dtype_of(subgraph_.tensors[at(*holder)].type))) {
        leave(place, "its weights are integers already");
        return false;
      }
      elements = std::max(elements, element_count(constants_.shape(*holder)));
    }
    if (weights.inputs.empty()) {
      leave(place, work_[place].scheme->mode == Mode::kFloat16 ? "it has no float32 constants"
                                                               : "it has no weights");
    }
    return !weights.inputs.empty();
  }

  void choose_storage(std::size_t place) {
    const auto& op = subgraph_.operators[place];
    const auto& scheme = *work_[place].scheme;
    const auto types = litert_types(scheme.mode);
    const auto type = std::string(litert::name_of(content_.code(op).code));
    if (!std::binary_search(types.begin(), types.end(), type)) {
      leave(place, "the runtime does not bring its constants back when it loads the model");
      return;
    }
    LitertWeights weights;
    if (scheme.mode == Mode::kWeightOnly) {
      auto known = litert_weights(content_, op);
      if (!known) {
        leave(place, known.error().message);
        return;
      }
      weights = std::move(*known);
    } else {
      for (std::size_t i = 0; i < op.inputs.size(); ++i) {
        const auto holder = constants_.source(op.inputs[i]);
        // Without its zeros a sparse constant is smaller than in halves.
        if (holder && subgraph_.tensors[at(*holder)].type == ElementType::kFloat32 &&
            !subgraph_.tensors[at(*holder)].sparsity) {
          weights.inputs.push_back(i);
        }
      }
    }
    std::int64_t elements = 0;
    if (take_weights(place, weights, elements)) {
      plan_.ops[place].action = LitertAction::kStore;
      plan_.ops[place].weights = std::move(weights);
    }
  }

  /// Calls `visit` with the place and the tensor of each input that is read as an activation and is
  /// no constant.
  template <class Visit>
  void for_each_activation(std::size_t place, const Visit& visit) const {
    const auto& op = subgraph_.operators[place];
    const auto& roles = plan_.ops[place].rule.roles;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      if (roles[i] == Role::kActivation && !constants_.source(op.inputs[i])) {
        visit(i, op.inputs[i]);
      }
    }
  }
  template <class Visit>
  void for_each_result(std::size_t place, const Visit& visit) const {
    const auto& op = subgraph_.operators[place];
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      if (op.outputs[i] >= 0) {
        visit(i, op.outputs[i]);
      }
    }
  }

  // --- ranges -------------------------------------------------------------------------------

  [[nodiscard]] std::optional<RealRange> range_of(std::int32_t tensor,
                                                  numerics::RangeMethod method) const {
    return ranges_ == nullptr ? std::nullopt : ranges_->find(names_[at(tensor)], method);
  }

  /// Why integers cannot say what the value was; empty if they can.
  [[nodiscard]] std::string unusual(std::int32_t tensor) const {
    const auto& name = names_[at(tensor)];
    const auto found = ranges_ == nullptr ? nullptr : [&] {
      const auto seen = ranges_->unusual.find(name);
      return seen == ranges_->unusual.end() ? nullptr : &seen->second;
    }();
    if (found == nullptr) {
      return {};
    }
    return found->always_empty() ? fmt::format("'{}' was empty in every sample", name)
           : found->nan > 0      ? fmt::format("'{}' holds NaN", name)
                                 : fmt::format("'{}' holds infinities", name);
  }

  Status leave_what_has_no_range() {
    for (std::size_t place = 0; place < plan_.ops.size(); ++place) {
      if (!is_static(plan_.ops[place])) {
        continue;
      }
      std::string reason;
      std::optional<std::int32_t> missing;
      const auto look = [&](std::size_t, std::int32_t tensor) {
        reason = reason.empty() ? unusual(tensor) : reason;
        if (!range_of(tensor, work_[place].scheme->method) && !missing) {
          missing = tensor;
        }
      };
      for_each_activation(place, look);
      if (plan_.ops[place].rule.scale != LitertScale::kByFunction) {
        for_each_result(place, look);
      }
      if (!reason.empty()) {
        leave(place, reason);
      } else if (missing && !is_made_of_integers(*missing)) {
        return fail(ErrorCode::kInvalidArgument, "no {} range of tensor '{}'",
                    numerics::to_string(work_[place].scheme->method), names_[at(*missing)])
            .hint("measure it with `tessera calibrate`, on this very model and with this method");
      }
    }
    return {};
  }

  /// A DEQUANTIZE of the file makes it, whose integers say the range.
  [[nodiscard]] bool is_made_of_integers(std::int32_t tensor) const {
    const auto maker = maker_[at(tensor)];
    return maker >= 0 && content_.code(subgraph_.operators[static_cast<std::size_t>(maker)]).code ==
                             Builtin::kDequantize;
  }

  // --- what integers are worth --------------------------------------------------------------

  [[nodiscard]] bool makes_integers(std::int32_t tensor) const {
    const auto maker = maker_[at(tensor)];
    return maker >= 0 &&
           (is_static(plan_.ops[static_cast<std::size_t>(maker)]) || is_made_of_integers(tensor));
  }

  /// Between conversions, only products pay. What stands behind the last one, or in front of the
  /// first, is computed as fast in float, and with the range of nobody else.
  void leave_what_does_not_pay() {
    for (bool changed = true; changed;) {
      changed = leave_what_leads_nowhere();
      changed = leave_what_stands_alone() || changed;
    }
  }

  [[nodiscard]] bool is_output(std::int32_t tensor) const {
    return std::find(subgraph_.outputs.begin(), subgraph_.outputs.end(), tensor) !=
           subgraph_.outputs.end();
  }

  bool leave_what_leads_nowhere() {
    bool changed = false;
    std::vector<bool> leads(plan_.ops.size(), false);  // to a product
    for (auto place = plan_.ops.size(); place-- > 0;) {
      if (!is_static(plan_.ops[place])) {
        continue;
      }
      bool useful = plan_.ops[place].rule.gain == Gain::kArithmetic;
      for_each_result(place, [&](std::size_t, std::int32_t tensor) {
        useful = useful || (options_.io != IoType::kFloat32 && is_output(tensor));
        for (const auto reader : readers_[at(tensor)]) {
          useful = useful || leads[reader];
        }
      });
      leads[place] = useful;
      if (!useful) {
        leave(place, "no product in integers is behind it");
        changed = true;
      }
    }
    return changed;
  }

  bool leave_what_stands_alone() {
    bool changed = false;
    for (std::size_t place = 0; place < plan_.ops.size(); ++place) {
      if (!is_static(plan_.ops[place]) || plan_.ops[place].rule.gain != Gain::kCompany) {
        continue;
      }
      bool company = false;
      for_each_activation(place, [&](std::size_t, std::int32_t tensor) {
        company = company || makes_integers(tensor);
      });
      if (!company) {
        leave(place, "what it reads is float: integers would only bring conversions");
        changed = true;
      }
    }
    return changed;
  }

  // --- scales -------------------------------------------------------------------------------

  /// Values that the file has in integers already, and as floats by a DEQUANTIZE.
  void find_existing_forms() {
    for (const auto& op : subgraph_.operators) {
      if (content_.code(op).code != Builtin::kDequantize || op.inputs.front() < 0 ||
          op.outputs.front() < 0) {
        continue;
      }
      const auto& from = subgraph_.tensors[at(op.inputs.front())];
      if (from.quantization && from.quantization->scales.size() == 1 &&
          (from.type == ElementType::kInt8 || from.type == ElementType::kInt16)) {
        const auto& zero = from.quantization->zero_points;
        existing_[op.outputs.front()] = {from.type, from.quantization->scales.front(),
                                         static_cast<std::int32_t>(zero.empty() ? 0 : zero[0])};
      }
    }
  }

  static ElementType type_of(DType activation) {
    return activation == DType::kInt16 ? ElementType::kInt16 : ElementType::kInt8;
  }

  /// The form that a value has for good, if it is known without a range.
  [[nodiscard]] std::optional<LitertForm> fixed(std::int32_t tensor, DType activation) const {
    if (const auto found = existing_.find(tensor);
        found != existing_.end() && found->second.type == type_of(activation)) {
      return found->second;
    }
    const auto maker = maker_[at(tensor)];
    if (maker < 0) {
      return std::nullopt;
    }
    const auto place = static_cast<std::size_t>(maker);
    const auto& op = plan_.ops[place];
    if (!is_static(op) || op.rule.scale != LitertScale::kByFunction ||
        op.scheme->activation != activation) {
      return std::nullopt;
    }
    const auto code = content_.code(subgraph_.operators[place]).code;
    const auto scale = litert_function_scale(code, activation);
    return LitertForm{type_of(activation), scale.scale, scale.zero_point};
  }

  /// Made by an operator that passes on the scale of its inputs.
  [[nodiscard]] bool is_passed_on(std::int32_t tensor, DType activation) const {
    const auto maker = maker_[at(tensor)];
    if (maker < 0) {
      return false;
    }
    const auto& op = plan_.ops[static_cast<std::size_t>(maker)];
    return is_static(op) && op.rule.scale == LitertScale::kOfInputs &&
           op.scheme->activation == activation;
  }

  void share_scales() {
    for (std::size_t place = 0; place < plan_.ops.size(); ++place) {
      const auto& op = plan_.ops[place];
      if (!is_static(op)) {
        continue;
      }
      const auto activation = op.scheme->activation;
      std::optional<std::size_t> first;
      const auto join = [&](std::size_t, std::int32_t tensor) {
        const auto key = Groups::key(tensor, activation);
        scheme_of_.try_emplace(key, op.scheme);
        if (op.rule.scale == LitertScale::kOfInputs) {
          groups_.join(first.value_or(key), key);
          first = key;
        }
      };
      for_each_result(place, join);
      for_each_activation(place, join);
    }
    for (const auto& [key, scheme] : scheme_of_) {
      members_[groups_.find(key)].push_back(key);
    }
    for (std::size_t place = 0; place < plan_.ops.size(); ++place) {
      const auto& op = plan_.ops[place];
      if (is_static(op) && op.rule.scale == LitertScale::kOfInputs) {
        for_each_constant(place, [&](std::size_t, std::int32_t tensor) {
          constants_of_[group_of(place)].push_back(tensor);
        });
      }
    }
  }

  template <class Visit>
  void for_each_constant(std::size_t place, const Visit& visit) const {
    const auto& op = subgraph_.operators[place];
    const auto& roles = plan_.ops[place].rule.roles;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      if (roles[i] == Role::kActivation && constants_.source(op.inputs[i])) {
        visit(i, op.inputs[i]);
      }
    }
  }

  /// Of an operator that passes scales on.
  [[nodiscard]] std::size_t group_of(std::size_t place) {
    const auto result = subgraph_.operators[place].outputs.front();
    return groups_.find(Groups::key(result, plan_.ops[place].scheme->activation));
  }

  Result<RealRange> range_of_constant(std::int32_t tensor) {
    TESSERA_TRY(const auto values, constants_.values(tensor));
    const auto seen = numerics::find_min_max(values.as<float>());
    return seen.finite == 0 ? RealRange{} : RealRange{double{seen.min}, double{seen.max}};
  }

  static RealRange range_of(const LitertForm& form) {
    const auto levels = form.type == ElementType::kInt16 ? numerics::full_range(DType::kInt16)
                                                         : numerics::full_range(DType::kInt8);
    const auto real = [&](std::int64_t level) {
      return static_cast<double>(level - form.zero_point) * double{form.scale};
    };
    return {real(levels.min), real(levels.max)};
  }

  Result<LitertForm> form_of_range(const RealRange& range, const Scheme& scheme) const {
    const bool symmetric = scheme.activation == DType::kInt16 || scheme.activation_symmetric;
    TESSERA_TRY(const auto qparams,
                numerics::compute_qparams(range, {scheme.activation, symmetric, false}));
    return LitertForm{type_of(scheme.activation), qparams.scale, qparams.zero_point};
  }

  /// The form that all sources of a group have for good, if they have one.
  [[nodiscard]] std::optional<LitertForm> common_source(std::span<const std::size_t> members,
                                                        DType activation) const {
    std::optional<LitertForm> common;
    for (const auto key : members) {
      const auto tensor = Groups::tensor(key);
      if (is_passed_on(tensor, activation)) {
        continue;
      }
      const auto form = fixed(tensor, activation);
      if (!form || (common && *common != *form)) {
        return std::nullopt;
      }
      common = form;
    }
    return common;
  }

  /// Of the values that share a scale with this one.
  Result<LitertForm> group_form(std::int32_t tensor, DType activation) {
    const auto root = groups_.find(Groups::key(tensor, activation));
    if (const auto known = forms_.find(root); known != forms_.end()) {
      return known->second;
    }
    const auto& members = members_[root];
    const auto& constants = constants_of_[root];
    const auto common = constants.empty() ? common_source(members, activation) : std::nullopt;
    if (common) {
      return forms_.emplace(root, *common).first->second;
    }
    const auto& scheme = *scheme_of_.at(members.front());
    RealRange all;  // 0 is in every range
    const auto add = [&](const RealRange& range) {
      all = {std::min(all.min, range.min), std::max(all.max, range.max)};
    };
    for (const auto key : members) {
      const auto member = Groups::tensor(key);
      const auto form = fixed(member, activation);
      const auto measured = range_of(member, scheme_of_.at(key)->method);
      if (measured) {
        add(*measured);
      } else if (form) {
        add(range_of(*form));
      }
    }
    for (const auto constant : constants) {
      TESSERA_TRY(const auto range, range_of_constant(constant));
      add(range);
    }
    TESSERA_TRY(const auto form, form_of_range(all, scheme));
    return forms_.emplace(root, form).first->second;
  }

  /// Inputs are fed as the integers that are read of them.
  Status set_forms_of_inputs() {
    for (const auto input : subgraph_.inputs) {
      const auto key = Groups::key(input, DType::kInt8);
      if (subgraph_.tensors[at(input)].type == ElementType::kFloat32 && scheme_of_.contains(key)) {
        TESSERA_TRY(plan_.native[at(input)], group_form(input, DType::kInt8));
      }
    }
    return {};
  }

  Status set_forms(std::size_t place) {
    auto& op = plan_.ops[place];
    const auto& scheme = *op.scheme;
    const auto activation = scheme.activation;
    const bool moves = op.rule.scale == LitertScale::kOfInputs;
    const auto& from = subgraph_.operators[place];
    op.reads.resize(from.inputs.size());
    op.makes.resize(from.outputs.size());
    for (std::size_t i = 0; i < from.inputs.size(); ++i) {
      if (op.rule.roles[i] != Role::kActivation) {
        continue;
      }
      TESSERA_TRY(op.reads[i], form_read(place, from.inputs[i], moves));
    }
    for (std::size_t i = 0; i < from.outputs.size(); ++i) {
      const auto result = from.outputs[i];
      if (result < 0) {
        continue;
      }
      if (op.rule.scale == LitertScale::kByFunction) {
        op.makes[i] = *fixed(result, activation);
      } else {
        TESSERA_TRY(op.makes[i], group_form(result, activation));
      }
      plan_.native[at(result)] = op.makes[i];
    }
    return {};
  }

  Result<LitertForm> form_read(std::size_t place, std::int32_t tensor, bool moves) {
    const auto& scheme = *plan_.ops[place].scheme;
    if (constants_.source(tensor)) {
      if (moves) {
        return group_form(subgraph_.operators[place].outputs.front(), scheme.activation);
      }
      TESSERA_TRY(const auto range, range_of_constant(tensor));
      return form_of_range(range, scheme);
    }
    if (moves) {
      return group_form(tensor, scheme.activation);
    }
    const auto& native = plan_.native[at(tensor)];
    if (!native.is_float() && native.type == type_of(scheme.activation)) {
      return native;
    }
    if (const auto form = fixed(tensor, scheme.activation)) {
      return *form;
    }
    return group_form(tensor, scheme.activation);
  }

  const litert::Content& content_;
  const litert::Subgraph& subgraph_;
  const LitertConstants& constants_;
  const std::vector<LitertWork>& work_;
  const calibrate::Ranges* ranges_;
  const QuantizeOptions& options_;
  std::vector<std::string> names_;                 ///< by tensor
  std::vector<std::int64_t> maker_;                ///< by tensor; -1: none
  std::vector<std::vector<std::size_t>> readers_;  ///< by tensor
  std::map<std::int32_t, LitertForm> existing_;    ///< by tensor of floats
  Groups groups_;
  std::map<std::size_t, const Scheme*> scheme_of_;                 ///< by key: of its first user
  std::map<std::size_t, std::vector<std::size_t>> members_;        ///< by leader
  std::map<std::size_t, std::vector<std::int32_t>> constants_of_;  ///< by leader
  std::map<std::size_t, LitertForm> forms_;                        ///< by leader
  LitertPlan plan_;
};

}  // namespace

Result<LitertPlan> plan_litert(const litert::Content& content, const LitertConstants& constants,
                               const std::vector<LitertWork>& work, const calibrate::Ranges* ranges,
                               const QuantizeOptions& options) {
  return Planner(content, constants, work, ranges, options).make();
}

}  // namespace tessera::quantize
