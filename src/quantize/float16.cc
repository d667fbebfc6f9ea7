// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "quantize/float16_rules.h"
#include "quantize/passes.h"
#include "quantize/value_rules.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;

constexpr auto kHalf = static_cast<std::int64_t>(DType::kFloat16);
constexpr auto kSingle = static_cast<std::int64_t>(DType::kFloat32);

/// Before it every initializer, added ones included, had to be an input of the model.
constexpr std::int64_t kIrWithSeparateInitializers = 4;

/// Share of a weight's values that may vanish before its operator stays in float32.
constexpr double kMostFlushed = 0.5;

/// Turns operators into float16 ones. Values between them are float16 and keep their names; at a
/// border the float32 value keeps its name and the float16 one gets a new one.
class Islands {
 public:
  Islands(Model& model, const std::vector<Work>& work, const calibrate::Ranges* ranges,
          const QuantizeOptions& options, Monitor& monitor)
      : model_(model),
        work_(work),
        ranges_(ranges),
        options_(options),
        monitor_(monitor),
        made_(model),
        opset_(model.opset().value_or(1)) {}

  Status run() {
    TESSERA_TRY(large_, values_of_large_constants(model_, kLargestFloat16));
    TESSERA_CHECK(find_unknown());
    TESSERA_CHECK(choose_members());
    choose_values();
    for (const auto& item : work_) {
      TESSERA_CHECK(monitor_.check());
      if (members_.contains(item.node)) {
        TESSERA_CHECK(convert_inputs(item));
        TESSERA_CHECK(convert_attributes(item.node));
      }
    }
    for (const auto& value : half_inputs_) {
      widen_for_others(value);
      declare_half(value);
    }
    for (const auto& [value, node] : half_outputs_) {
      convert_output(value, node);
    }
    return {};
  }

 private:
  // --- what becomes float16 -------------------------------------------------------------------

  Status choose_members() {
    for (const auto& item : work_) {
      TESSERA_TRY(auto reason, reason_to_stay(item.node));
      item.outcome->quantized = reason.empty();
      if (reason.empty()) {
        members_.insert(item.node);
      } else {
        item.outcome->reason = std::move(reason);
      }
    }
    warn_of_constants();
    if (ranges_ == nullptr && !members_.empty()) {
      monitor_.warn({"float16-range", "the range of activations was not checked",
                     "give --data D or --ranges FILE: what exceeds 65504 then stays in float32"});
    }
    return {};
  }

  void warn_of_constants() {
    if (kept_.empty()) {
      return;
    }
    constexpr std::size_t kShown = 3;
    const auto shown = std::span(kept_).first(std::min(kShown, kept_.size()));
    monitor_.warn({"float16-constants",
                   fmt::format("{} operator{} in float32, for constants that float16 cannot hold: "
                               "{}{}",
                               kept_.size(), kept_.size() == 1 ? " stays" : "s stay",
                               fmt::join(shown, ", "), kept_.size() > kShown ? ", ..." : ""),
                   "the table below and the answer of --json give the reasons"});
  }

  /// Such a model loads, and fails when it is run.
  [[nodiscard]] bool reduces_where_it_scatters(NodeId node) const {
    const auto reduction = model_.op_type(node).starts_with("Scatter")
                               ? model_.attribute(node, "reduction")
                               : std::nullopt;
    const auto* text = reduction ? std::get_if<std::string>(&*reduction) : nullptr;
    return text != nullptr && *text != "none";
  }

  /// Why an operator stays in float32; empty if it need not.
  Result<std::string> reason_to_stay(NodeId node) {
    if (model_.has_body(node)) {
      return std::string("operators with bodies stay in float32");
    }
    const auto blocked = reason_for_float32(model_.op_type(node), model_.domain(node), opset_);
    if (!blocked.empty()) {
      return std::string(blocked);
    }
    if (reduces_where_it_scatters(node)) {
      return std::string("with a reduction the runtime has no float16 kernel of it");
    }
    bool has_float = false;
    const auto inputs = model_.inputs(node);
    for (const auto& input : inputs) {
      if (unknown_.contains(input)) {
        return fmt::format("the type of '{}' is not known", input);
      }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!wants_half(node, i, inputs[i])) {
        continue;
      }
      has_float = true;
      TESSERA_TRY(auto reason, model_.is_constant(inputs[i])
                                   ? reason_of_constant(node, i, inputs[i])
                                   : Result<std::string>(reason_of_value(inputs[i])));
      if (!reason.empty()) {
        return reason;
      }
    }
    const auto& type = model_.op_type(node);
    const bool typed_by_input = has_float || type == "Cast" || type == "ConstantOfShape";
    const auto outputs = model_.outputs(node);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!makes_half(node, i, outputs[i])) {
        continue;
      }
      has_float = true;
      if (!typed_by_input) {
        return std::string("an attribute of its own says the type of its result");
      }
      if (auto reason = reason_of_value(outputs[i]); !reason.empty()) {
        return reason;
      }
    }
    return has_float ? std::string() : std::string("it has no float32 tensors");
  }

  std::string reason_of_value(const std::string& value) const {
    const bool measured = ranges_ != nullptr &&
                          (ranges_->tensors.contains(value) || ranges_->unusual.contains(value));
    if (!measured) {
      const auto found = large_.find(value);
      return found == large_.end()
                 ? std::string()
                 : fmt::format("'{}' may reach the values of constant '{}', beyond float16", value,
                               found->second);
    }
    if (const auto seen = ranges_->unusual.find(value);
        seen != ranges_->unusual.end() && seen->second.infinite > 0) {
      return fmt::format("'{}' holds infinities or the lowest float32 number", value);
    }
    const auto known = ranges_->tensors.find(value);
    if (known == ranges_->tensors.end() || known->second.empty()) {
      return {};
    }
    const auto minmax = ranges_->find(value, numerics::RangeMethod::kMinMax);
    const auto range = minmax ? *minmax : known->second.begin()->second;
    const auto largest = std::max(std::abs(range.min), std::abs(range.max));
    if (largest > kLargestFloat16) {
      return fmt::format("'{}' reaches {:.6g}; float16 ends at 65504", value, largest);
    }
    if (largest > 0 && largest < kSmallestNormalFloat16) {
      return fmt::format("'{}' stays below {:.2g}, where float16 loses its precision", value,
                         largest);
    }
    return {};
  }

  /// A constant that float16 cannot hold. The bounds of a Clip do their work at 65504 as well.
  Result<std::string> reason_of_constant(NodeId node, std::size_t index, const std::string& name) {
    if (model_.op_type(node) == "Clip" && index > 0) {
      return std::string();
    }
    TESSERA_TRY(auto reason, reason_of_weight(name));
    if (!reason.empty()) {
      const auto& own = model_.name(node);
      kept_.push_back(fmt::format("'{}'", own.empty() ? model_.op_type(node) : own));
    }
    return reason;
  }

  /// A weight that would mostly vanish, or be clipped.
  Result<std::string> reason_of_weight(const std::string& name) {
    const auto cached = weight_reasons_.find(name);
    if (cached != weight_reasons_.end()) {
      return cached->second;
    }
    auto& reason = weight_reasons_[name];
    const auto viewed = model_.initializer(name);
    if (!viewed) {
      if (viewed.error().code != ErrorCode::kUnimplemented) {
        return tl::unexpected(viewed.error());
      }
      reason =
          fmt::format("the values of '{}' cannot be converted: {}", name, viewed.error().message);
      return reason;
    }
    const auto& view = *viewed;
    const auto values = view.as<float>();
    const auto beyond = std::count_if(values.begin(), values.end(), [](float value) {
      return !(std::abs(value) <= static_cast<float>(kLargestFloat16));
    });
    constexpr float kVanishes = 2.9802322e-08F;  // half of the smallest float16
    const auto lost = std::count_if(values.begin(), values.end(), [](float value) {
      return value != 0 && std::abs(value) <= kVanishes;
    });
    const auto used =
        std::count_if(values.begin(), values.end(), [](float value) { return value != 0; });
    if (beyond > 0) {
      reason = fmt::format("{} of {} values of '{}' are beyond 65504, where float16 ends", beyond,
                           values.size(), name);
    } else if (static_cast<double>(lost) > kMostFlushed * static_cast<double>(used)) {
      reason = fmt::format("{} of {} values of '{}' would become 0 in float16", lost, used, name);
    }
    made_.done_with(name);
    return reason;
  }

  /// Values that depend on operators which only a library of custom operators knows.
  Status find_unknown() {
    TESSERA_TRY(const auto graph, model_.view());
    for (const auto& op : graph.ops()) {
      bool unknown = !op.domain.empty() && op.domain != onnx::kMicrosoftDomain;
      graph::for_each_read(op, [&](graph::TensorId id) {
        unknown = unknown || unknown_.contains(graph.tensor(id).name);
      });
      for (const auto& output : op.outputs) {
        if (unknown && output && !model_.type_of(graph.tensor(*output).name)) {
          unknown_.insert(graph.tensor(*output).name);
        }
      }
    }
    return {};
  }

  bool wants_half(NodeId node, std::size_t index, const std::string& value) const {
    return !is_float32_input(model_.op_type(node), index, opset_) &&
           onnx::is_float32(model_, value);
  }

  bool makes_half(NodeId node, std::size_t index, const std::string& value) const {
    return !is_float32_output(model_.op_type(node), index) && onnx::is_float32(model_, value);
  }

  /// The values that members exchange. Their types are looked up here, before anything changes.
  void choose_values() {
    for (const auto& item : work_) {
      if (!members_.contains(item.node)) {
        continue;
      }
      const auto inputs = model_.inputs(item.node);
      auto& slots = half_slots_[item.node];
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!wants_half(item.node, i, inputs[i])) {
          continue;
        }
        slots.insert(i);
        if (!options_.keep_io && model_.is_input(inputs[i]) && !model_.used_by_body(inputs[i]) &&
            !is_half(inputs[i])) {
          half_inputs_.push_back(inputs[i]);
          half_.insert(inputs[i]);
        }
      }
      const auto outputs = model_.outputs(item.node);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (makes_half(item.node, i, outputs[i])) {
          half_outputs_.emplace_back(outputs[i], item.node);
          half_.insert(outputs[i]);
        }
      }
    }
  }

  bool is_half(const std::string& value) const { return half_.contains(value); }

  bool reads_half(NodeId node, std::size_t index) const {
    const auto slots = half_slots_.find(node);
    return slots != half_slots_.end() && slots->second.contains(index);
  }

  // --- inputs ---------------------------------------------------------------------------------

  Status convert_inputs(const Work& item) {
    const auto inputs = model_.inputs(item.node);
    for (const auto index : half_slots_.at(item.node)) {
      const auto& value = inputs[index];
      if (is_half(value)) {
        continue;
      }
      if (model_.is_constant(value)) {
        TESSERA_TRY(const auto half, half_constant(value, *item.outcome));
        model_.set_input(item.node, index, half);
      } else {
        model_.set_input(item.node, index, narrowed(value, item.node));
      }
    }
    return {};
  }

  static Result<Tensor> half_of(const Model& model, const std::string& name, Float16Loss& loss) {
    TESSERA_TRY(const auto view, model.initializer(name));
    auto half = to_float16(view, loss);
    model.release_initializer(name);
    return half;
  }

  /// The float16 copy of a constant, in place if nobody reads it as float32.
  Result<std::string> half_constant(const std::string& name, OpOutcome& outcome) {
    auto known = constants_.find(name);
    if (known == constants_.end()) {
      Constant made;
      TESSERA_TRY(auto half, half_of(model_, name, made.loss));
      made.size = half.size();
      const bool in_place = model_.has_initializer(name) && !needs_single(name);
      made.name = in_place ? name : model_.unique_name(name + "_float16");
      made_.store(made.name, std::move(half), [name](const Model& source) {
        Float16Loss known_loss;
        return half_of(source, name, known_loss);
      });
      if (in_place) {
        half_.insert(name);
      }
      known = constants_.emplace(name, std::move(made)).first;
    }
    note(known->second, name, outcome);
    return known->second.name;
  }

  struct Constant {
    std::string name;
    Float16Loss loss;
    std::int64_t size = 0;
  };

  static void note(const Constant& constant, const std::string& name, OpOutcome& outcome) {
    const auto add = [&](std::string text) {
      outcome.reason += (outcome.reason.empty() ? "" : "; ") + std::move(text);
    };
    if (constant.loss.clipped > 0) {
      add(fmt::format("{} of {} values of '{}' were clipped to 65504", constant.loss.clipped,
                      constant.size, name));
    }
    if (constant.loss.flushed > 0) {
      add(fmt::format("{} of {} values of '{}' became 0", constant.loss.flushed, constant.size,
                      name));
    }
  }

  /// A float32 value as float16; one Cast serves all readers.
  std::string narrowed(const std::string& value, NodeId reader) {
    const auto known = narrowed_.find(value);
    if (known != narrowed_.end()) {
      return known->second;
    }
    const auto half = model_.unique_name(value + "_float16");
    add_cast(value, half, kHalf, reader);
    narrowed_.emplace(value, half);
    return half;
  }

  void add_cast(const std::string& from, const std::string& to, std::int64_t dtype,
                std::optional<NodeId> before) {
    model_.add_node({model_.unique_name(to + "_Cast"), "Cast", "", {from}, {to}, {{"to", dtype}}},
                    before);
  }

  // --- attributes -----------------------------------------------------------------------------

  Status convert_attributes(NodeId node) {
    const auto& op_type = model_.op_type(node);
    if (op_type == "Cast" && model_.int_attribute(node, "to", 0) == kSingle) {
      model_.set_attribute(node, "to", kHalf);
    } else if (op_type == "ConstantOfShape") {
      const auto value = model_.attribute(node, "value");
      const auto* tensor = value ? std::get_if<Tensor>(&*value) : nullptr;
      const auto fill = tensor == nullptr ? Tensor(DType::kFloat32, {1}) : *tensor;
      Float16Loss loss;
      TESSERA_TRY(auto half, to_float16(fill.view(), loss));
      model_.set_attribute(node, "value", std::move(half));
    }
    return {};
  }

  // --- outputs --------------------------------------------------------------------------------

  /// Somebody who stays in float32 reads the value.
  bool needs_single(const std::string& value) const {
    if (model_.used_by_body(value) || model_.is_output(value)) {
      return true;
    }
    const auto readers = model_.consumers(value);
    return std::any_of(readers.begin(), readers.end(),
                       [&](NodeId reader) { return !single_slots(reader, value).empty(); });
  }

  std::vector<std::size_t> single_slots(NodeId reader, const std::string& value) const {
    std::vector<std::size_t> slots;
    const auto inputs = model_.inputs(reader);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == value && !reads_half(reader, i)) {
        slots.push_back(i);
      }
    }
    return slots;
  }

  void convert_output(const std::string& value, NodeId node) {
    const bool outside =
        model_.used_by_body(value) || (model_.is_output(value) && options_.keep_io);
    if (model_.is_output(value) && !outside) {
      declare_half(value);
      return widen_for_others(value);
    }
    if (!needs_single(value)) {
      return declare_half(value);
    }
    // The float32 value keeps the name that others know it by.
    const auto outputs = model_.outputs(node);
    const auto index = std::find(outputs.begin(), outputs.end(), value) - outputs.begin();
    const auto half = model_.unique_name(value + "_float16");
    model_.set_output(node, static_cast<std::size_t>(index), half);
    for (const auto reader : model_.consumers(value)) {
      const auto inputs = model_.inputs(reader);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] == value && reads_half(reader, i)) {
          model_.set_input(reader, i, half);
        }
      }
    }
    add_cast(half, value, kSingle, first_reader(value));
  }

  std::optional<NodeId> first_reader(const std::string& value) const {
    const auto readers = model_.consumers(value);
    return readers.empty() ? std::nullopt : std::optional(readers.front());
  }

  /// A value whose name must become float16: those who stay in float32 read a Cast of it.
  void widen_for_others(const std::string& value) {
    const auto readers = model_.consumers(value);
    std::string single;
    for (const auto reader : readers) {
      for (const auto index : single_slots(reader, value)) {
        if (single.empty()) {
          single = model_.unique_name(value + "_float32");
          add_cast(value, single, kSingle, reader);
          half_slots_[*model_.producer(single)].insert(0);
        }
        model_.set_input(reader, index, single);
      }
    }
  }

  void declare_half(const std::string& value) {
    auto type = model_.general_type_of(value).value_or(ValueType{});
    type.dtype = DType::kFloat16;
    model_.set_type(value, type);
  }

  Model& model_;
  const std::vector<Work>& work_;
  const calibrate::Ranges* ranges_;
  const QuantizeOptions& options_;
  Monitor& monitor_;
  onnx::MadeConstants made_;
  std::int64_t opset_;
  std::set<NodeId> members_;
  std::map<NodeId, std::set<std::size_t>> half_slots_;  ///< inputs that read float16
  std::set<std::string> half_;                          ///< values that are float16
  std::vector<std::string> half_inputs_;
  std::vector<std::pair<std::string, NodeId>> half_outputs_;
  std::map<std::string, std::string> narrowed_;
  std::map<std::string, Constant> constants_;
  std::map<std::string, std::string> weight_reasons_;
  std::set<std::string, std::less<>> unknown_;
  std::map<std::string, std::string, std::less<>> large_;  ///< by value: the constant to blame
  std::vector<std::string> kept_;                          ///< operators kept for their constants
};

}  // namespace

Status apply_float16(onnx::Model& model, const std::vector<Work>& work,
                     const calibrate::Ranges* ranges, const QuantizeOptions& options,
                     Monitor& monitor) {
  model.set_ir_version(std::max(model.ir_version(), kIrWithSeparateInitializers));
  return Islands(model, work, ranges, options, monitor).run();
}

}  // namespace tessera::quantize
