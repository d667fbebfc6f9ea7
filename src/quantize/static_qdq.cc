// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "quantize/passes.h"
#include "quantize/qdq_emitter.h"
#include "quantize/static_plan.h"
#include "quantize/weights.h"
#include "tessera/graph/cost.h"

namespace tessera::quantize {
namespace {

using graph::TensorId;

/// Writes a plan into the model.
class Applier {
 public:
  Applier(onnx::Model& model, const graph::Graph& graph, const StaticPlan& plan)
      : model_(model), graph_(graph), plan_(plan), emitter_(model), names_(plan.forms.size()) {}

  Status apply(const QuantizeOptions& options, Monitor& monitor, StaticDetails* details) {
    name_qparams();
    if (details != nullptr) {
      note_scales(*details);
    }
    TESSERA_CHECK(rewrite_constants(options, monitor, details));
    drop_absorbed_activations();
    // Before any reader is rewired: a form is made of the value, not of another form.
    std::vector<bool> used = used_forms();
    for (std::size_t i = 0; i < plan_.forms.size(); ++i) {
      if (plan_.forms[i].native && used[i]) {
        emit_native(i);
      }
    }
    for (std::size_t i = 0; i < plan_.forms.size(); ++i) {
      if (!plan_.forms[i].native && used[i]) {
        emit_copy(i);
      }
    }
    rewire_readers();
    return {};
  }

 private:
  [[nodiscard]] const std::string& name(TensorId id) const { return graph_.tensor(id).name; }

  [[nodiscard]] onnx::NodeId node(graph::OpId id) const {
    return onnx::Model::node_of(graph_.op(id));
  }

  void name_qparams() {
    for (const auto& shared : plan_.qparams) {
      scale_names_.push_back(shared.scale);
      zero_point_names_.push_back(shared.zero_point);
    }
  }

  void note_scales(StaticDetails& details) const {
    std::vector<std::vector<std::string>> tensors(plan_.qparams.size());
    const auto used = used_forms();
    for (std::size_t i = 0; i < plan_.forms.size(); ++i) {
      const auto& form = plan_.forms[i];
      if (used[i] && !form.converted_from) {
        tensors[form.qparams].push_back(name(form.tensor));
      }
    }
    for (std::size_t i = 0; i < plan_.qparams.size(); ++i) {
      const auto& shared = plan_.qparams[i];
      if (!tensors[i].empty() && shared.scale.empty()) {
        details.activations.push_back({shared.range_of ? name(*shared.range_of) : std::string(),
                                       shared.method, shared.spec, shared.qparams,
                                       std::move(tensors[i])});
      }
    }
  }

  /// The initializers of a scale, made when first needed.
  ScaleNames scale_names(std::size_t index) {
    const auto& shared = plan_.qparams[index];
    if (scale_names_[index].empty()) {
      const auto names = emitter_.add_qparams(name(shared.owner), shared.qparams, shared.dtype);
      scale_names_[index] = names.scale;
      zero_point_names_[index] = names.zero_point;
    }
    return {scale_names_[index], zero_point_names_[index]};
  }

  [[nodiscard]] std::vector<bool> used_forms() const {
    std::vector<bool> used(plan_.forms.size(), false);
    for (std::size_t i = 0; i < plan_.forms.size(); ++i) {
      used[i] = plan_.forms[i].native;
    }
    for (const auto& unit : plan_.units) {
      for (const auto& read : unit.reads) {
        if (unit.quantized && read) {
          used[*read] = true;
        }
      }
    }
    return used;
  }

  /// producer -> Quantize -> Dequantize -> every reader; the float result stays for those that
  /// must not see the rounding.
  void emit_native(std::size_t index) {
    const auto& form = plan_.forms[index];
    const auto& tensor = graph_.tensor(form.tensor);
    const auto value = tensor.name;
    if (!tensor.is_output) {
      names_[index] = emitter_.add_pair(value, value, scale_names(form.qparams),
                                        plan_.qparams[form.qparams].dtype);
      rewire_all(tensor, names_[index]);
      return;
    }
    const auto raw = emitter_.rename_result(value);
    for (const auto reader : tensor.consumers) {
      if (plan_.exact[reader.value]) {
        replace_input(reader, value, raw);
      }
    }
    emitter_.add_pair(raw, value, scale_names(form.qparams), plan_.qparams[form.qparams].dtype,
                      value);
    names_[index] = value;
  }

  void rewire_all(const graph::TensorInfo& tensor, const std::string& to) {
    for (const auto reader : tensor.consumers) {
      if (!plan_.exact[reader.value]) {
        replace_input(reader, tensor.name, to);
      }
    }
  }

  void replace_input(graph::OpId reader, const std::string& from, const std::string& to) {
    const auto id = node(reader);
    const auto inputs = model_.inputs(id);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == from) {
        model_.set_input(id, i, to);
      }
    }
  }

  void emit_copy(std::size_t index) {
    const auto& form = plan_.forms[index];
    const auto& value = name(form.tensor);
    const auto& source = form.converted_from ? names_[*form.converted_from] : value;
    const auto dtype = plan_.qparams[form.qparams].dtype;
    const auto base = form.converted_from ? fmt::format("{}_{}", value, short_name(dtype)) : value;
    names_[index] = emitter_.add_pair(source, base, scale_names(form.qparams), dtype);
  }

  void rewire_readers() {
    for (const auto& unit : plan_.units) {
      if (!unit.quantized) {
        continue;
      }
      for (std::size_t i = 0; i < unit.reads.size(); ++i) {
        if (unit.reads[i]) {
          model_.set_input(node(unit.op), i, names_[*unit.reads[i]]);
        }
      }
    }
  }

  void drop_absorbed_activations() {
    for (const auto& unit : plan_.units) {
      if (!unit.quantized || !unit.absorbed || !unit.drop_absorbed) {
        continue;
      }
      const auto& result = name(*graph_.op(*unit.absorbed).outputs.front());
      const auto& before = name(*graph_.op(unit.op).outputs.front());
      const auto outputs = model_.outputs(node(unit.op));
      const auto place = std::find(outputs.begin(), outputs.end(), before) - outputs.begin();
      model_.remove_node(node(*unit.absorbed));
      model_.set_output(node(unit.op), static_cast<std::size_t>(place), result);
    }
  }

  Status rewrite_constants(const QuantizeOptions& options, Monitor& monitor,
                           StaticDetails* details) {
    WeightQuantizer weights(model_, emitter_);
    weights.use_overrides(options.weights);
    for (const auto& unit : plan_.units) {
      if (!unit.quantized) {
        continue;
      }
      for (std::size_t i = 0; i < unit.constants.size(); ++i) {
        if (!unit.constants[i]) {
          continue;
        }
        const auto names = scale_names(*unit.constants[i]);
        weights.add_constant(node(unit.op), i, plan_.qparams[*unit.constants[i]].dtype,
                             plan_.qparams[*unit.constants[i]].qparams, names);
      }
      TESSERA_CHECK(add_weights(unit, weights));
    }
    TESSERA_CHECK(weights.apply(options.threads, monitor));
    if (details != nullptr) {
      weights.note_scales(details->weights);
    }
    return {};
  }

  Status add_weights(const UnitPlan& unit, WeightQuantizer& weights) {
    const auto& op = graph_.op(unit.op);
    const auto& roles = unit.rule.roles;
    for (std::size_t i = 0; i < roles.size(); ++i) {
      if (roles[i] == Role::kWeight) {
        weights.add_weight(node(unit.op), i, *unit.work->scheme, unit.rule.weight_axis);
      }
    }
    const auto bias = std::find_if(roles.begin(), roles.end(), [](Role role) {
      return role == Role::kBias || role == Role::kFloatBias;
    });
    const auto addend = bias == roles.end() ? addend_of(unit) : std::nullopt;
    if (bias == roles.end() && !addend) {
      return {};
    }
    TESSERA_TRY(const auto input_scale, input_scale_of(unit));
    if (!input_scale) {
      return {};
    }
    if (addend) {
      return weights.fit_bias(node(unit.op), *addend, op.type, *input_scale);
    }
    const auto place = static_cast<std::size_t>(bias - roles.begin());
    return *bias == Role::kBias
               ? weights.add_bias(node(unit.op), place, op.type, *input_scale)
               : weights.fit_bias(node(unit.op), name(*op.inputs[place]), op.type, *input_scale);
  }

  /// The constant that is added to a product in float: the runtime makes one Gemm of the two.
  [[nodiscard]] std::optional<std::string> addend_of(const UnitPlan& unit) const {
    const auto& op = graph_.op(unit.op);
    if (op.type != "MatMul" || !op.outputs.front() || plan_.native[op.outputs.front()->value]) {
      return std::nullopt;
    }
    const auto& product = graph_.tensor(*op.outputs.front());
    if (product.consumers.size() != 1 || product.is_output) {
      return std::nullopt;
    }
    const auto& sum = graph_.op(product.consumers.front());
    if (sum.type != "Add" || !sum.domain.empty() || sum.inputs.size() != 2) {
      return std::nullopt;
    }
    for (const auto& input : sum.inputs) {
      if (input && graph_.tensor(*input).kind == graph::TensorKind::kInitializer) {
        return name(*input);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Result<std::optional<float>> input_scale_of(const UnitPlan& unit) const {
    if (unit.reads.front()) {
      const auto& form = plan_.forms[*unit.reads.front()];
      const auto& shared = plan_.qparams[form.qparams];
      if (shared.scale.empty()) {
        return std::optional<float>(shared.qparams.scale);
      }
      return scalar(shared.scale);
    }
    const auto& tensor = graph_.tensor(*graph_.op(unit.op).inputs.front());
    if (!tensor.producer || !graph::is_dequantize(graph_.op(*tensor.producer))) {
      return std::optional<float>();
    }
    return scalar(name(*graph_.op(*tensor.producer).inputs[1]));
  }

  [[nodiscard]] Result<std::optional<float>> scalar(const std::string& constant) const {
    if (!model_.is_constant(constant)) {
      return std::optional<float>();
    }
    TESSERA_TRY(const auto value, model_.initializer(constant));
    if (value.size() != 1 || value.dtype != DType::kFloat32) {
      return std::optional<float>();
    }
    return std::optional<float>(value.as<float>()[0]);
  }

  onnx::Model& model_;
  const graph::Graph& graph_;
  const StaticPlan& plan_;
  QdqEmitter emitter_;
  std::vector<std::string> names_;  ///< by form: the value its readers read
  std::vector<std::string> scale_names_;
  std::vector<std::string> zero_point_names_;
};

}  // namespace

Status apply_static_qdq(onnx::Model& model, const std::vector<Work>& work,
                        const calibrate::Ranges& ranges, const QuantizeOptions& options,
                        Monitor& monitor, StaticDetails* details) {
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(const auto plan, plan_static(model, graph, work, ranges, options));
  return Applier(model, graph, plan).apply(options, monitor, details);
}

}  // namespace tessera::quantize
