// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/model_builder.h"
#include "tessera/network/driver.h"
#include "tessera/numerics/kernels.h"
#include "tessera/quantize/dialect.h"

/// A file format of three operators, made to prove that rooms know none: docs/formats.md walks
/// through it.
namespace tessera::testing {

/// How the operands and the result of a DENSE are rounded.
struct ToyRounding {
  DType activation = DType::kUInt8;
  numerics::QParams input;
  numerics::QParams output;
};

/// Makes `output` of `inputs`: DENSE multiplies by `weights`, RELU cuts, ADD adds two values.
struct ToyOp {
  std::string name;
  std::string type;
  std::vector<std::string> inputs;
  std::string output;
  std::string weights;
  std::optional<ToyRounding> rounding;
};

/// Values are rows [1, n] of float32.
struct ToyModel {
  std::map<std::string, std::int64_t> widths;  ///< n of every value
  std::map<std::string, Tensor> weights;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::uint32_t, ToyOp> ops;  ///< by what Op::source is
};

/// x -> DENSE -> h -> RELU -> r; DENSE(r) + x -> y
inline ToyModel toy_model(float scale = 1) {
  ToyModel model;
  model.widths = {{"x", 4}, {"h", 6}, {"r", 6}, {"d", 4}, {"y", 4}};
  model.weights.emplace("w1", random_tensor({4, 6}, 1, scale));
  model.weights.emplace("w2", random_tensor({6, 4}, 2));
  model.inputs = {"x"};
  model.outputs = {"y"};
  model.ops = {{10, {"first", "DENSE", {"x"}, "h", "w1", {}}},
               {20, {"cut", "RELU", {"h"}, "r", "", {}}},
               {30, {"second", "DENSE", {"r"}, "d", "w2", {}}},
               {40, {"sum", "ADD", {"d", "x"}, "y", "", {}}}};
  return model;
}

/// The table of the format.
inline graph::OpKind toy_kind(std::string_view type) {
  return type == "DENSE"  ? graph::OpKind::kGemm
         : type == "RELU" ? graph::OpKind::kClamp
                          : graph::OpKind::kAdd;
}

class ToyDriver final : public network::Driver {
 public:
  explicit ToyDriver(ToyModel model) : model_(std::move(model)) {}

  std::unique_ptr<Driver> clone() const override { return std::make_unique<ToyDriver>(model_); }
  const std::filesystem::path& path() const noexcept override { return path_; }
  Result<ModelInfo> info() const override { return ModelInfo{path_.string(), "70f", "toy"}; }
  Json properties() const override { return {{"format", "toy"}}; }
  std::string description() const override { return "toy"; }
  Result<std::string> serialize() const override { return as_onnx().serialize(); }
  Status save(const std::filesystem::path& path,
              const network::SaveOptions& options) const override {
    return as_onnx().save(path, options);
  }

  Result<graph::Graph> view() const override {
    graph::Graph graph;
    const auto add = [&](const std::string& name, Shape shape, graph::TensorKind kind) {
      graph::TensorInfo info{.name = name, .kind = kind, .dtype = DType::kFloat32};
      info.shape.emplace();
      for (const auto extent : shape) {
        info.shape->push_back({extent, {}});
      }
      return graph.add_tensor(std::move(info));
    };
    for (const auto& [name, tensor] : model_.weights) {
      const auto shape = tensor.shape();
      add(name, Shape(shape.begin(), shape.end()), graph::TensorKind::kInitializer);
    }
    for (const auto& [name, width] : model_.widths) {
      const bool fed = contains(model_.inputs, name);
      const auto id =
          add(name, {1, width}, fed ? graph::TensorKind::kInput : graph::TensorKind::kActivation);
      if (fed) {
        graph.mark_input(id);
      }
    }
    for (const auto& [source, toy] : model_.ops) {
      graph::Op op{.name = toy.name,
                   .type = toy.type,
                   .domain = "toy",
                   .kind = toy_kind(toy.type),
                   .source = source};
      for (const auto& input : toy.inputs) {
        op.inputs.push_back(graph.find_tensor(input));
      }
      if (!toy.weights.empty()) {
        op.inputs.push_back(graph.find_tensor(toy.weights));
      }
      op.outputs = {graph.find_tensor(toy.output)};
      graph.add_op(std::move(op));
    }
    for (const auto& output : model_.outputs) {
      graph.mark_output(*graph.find_tensor(output));
    }
    TESSERA_CHECK(graph.finish());
    return graph;
  }
  std::vector<std::string> inputs() const override { return model_.inputs; }
  std::vector<std::string> outputs() const override { return model_.outputs; }
  std::optional<ValueType> declared_type(std::string_view value) const override {
    const auto width = model_.widths.find(std::string(value));
    return width == model_.widths.end() ? std::nullopt
                                        : std::optional(float_type({1, width->second}));
  }
  std::optional<ValueType> type_of(std::string_view value) const override {
    return declared_type(value);
  }
  Result<TensorView> constant(std::string_view tensor) const override {
    const auto found = model_.weights.find(std::string(tensor));
    if (found == model_.weights.end()) {
      return fail(ErrorCode::kNotFound, "no constant '{}'", tensor);
    }
    return found->second.view();
  }

  Status set_dims(const std::map<std::string, std::int64_t>&) override { return {}; }
  Status set_shape(std::string_view, const Shape&) override { return {}; }
  Status infer_types(const std::shared_ptr<const runtime::Library>&) override { return {}; }

  Result<network::SessionSourcePtr> source(std::span<const std::string> taps) const override {
    return as_onnx().source(taps);
  }
  Result<std::unique_ptr<Driver>> part(const network::PartSpec& spec) const override {
    auto part = std::make_unique<ToyDriver>(model_);
    std::set<std::uint32_t> kept;
    for (const auto op : spec.ops) {
      kept.insert(spec.graph.op(op).source);
    }
    std::erase_if(part->model_.ops, [&](const auto& op) { return !kept.contains(op.first); });
    const auto names = [&](std::span<const graph::TensorId> values) {
      std::vector<std::string> all;
      for (const auto value : values) {
        all.push_back(spec.graph.tensor(value).name);
      }
      return all;
    };
    part->model_.inputs = names(spec.inputs);
    part->model_.outputs = names(spec.outputs);
    std::erase_if(part->model_.widths, [&](const auto& value) {
      return !contains(part->model_.inputs, value.first) &&
             std::none_of(part->model_.ops.begin(), part->model_.ops.end(),
                          [&](const auto& op) { return op.second.output == value.first; });
    });
    return part;
  }
  void expose(std::span<const std::string> values) override {
    for (const auto& value : values) {
      if (!contains(model_.outputs, value)) {
        model_.outputs.push_back(value);
      }
    }
  }
  Status rename_operators(std::span<const std::string> names) override {
    std::size_t i = 0;
    for (auto& [source, op] : model_.ops) {  // in the order of view()
      op.name = names[i++];
    }
    return {};
  }
  /// For the dialect.
  [[nodiscard]] ToyModel& model() noexcept { return model_; }

  std::set<std::uint32_t> sources() const override {
    std::set<std::uint32_t> all;
    for (const auto& [source, op] : model_.ops) {
      all.insert(source);
    }
    return all;
  }

 private:
  /// Said in ONNX, which the inference library at hand reads.
  [[nodiscard]] network::Network as_onnx() const {
    ModelBuilder builder(13);
    for (const auto& [name, tensor] : model_.weights) {
      builder.constant(name, tensor);
    }
    for (const auto& input : model_.inputs) {
      builder.input(input, {1, model_.widths.at(input)});
    }
    for (const auto& [source, op] : model_.ops) {
      const auto* const type = op.type == "DENSE" ? "MatMul" : op.type == "RELU" ? "Relu" : "Add";
      if (op.rounding) {
        add_rounded(builder, op);
        continue;
      }
      auto read = op.inputs;
      if (!op.weights.empty()) {
        read.push_back(op.weights);
      }
      builder.named_op(op.name, type, read, {op.output});
    }
    for (const auto& output : model_.outputs) {
      builder.output(output, {1, model_.widths.at(output)});
    }
    return network::Network::of(builder.build());
  }

  void add_rounded(ModelBuilder& builder, const ToyOp& op) const {
    const auto& rounding = *op.rounding;
    const auto rounded = [&](const std::string& value, const std::string& result,
                             const numerics::QParams& qparams) {
      const auto [scale, zero] = add_qparams(builder, result, qparams, rounding.activation);
      builder.named_op(result + "_q", "QuantizeLinear", {value, scale, zero}, {result + "_int"});
      builder.named_op(result + "_dq", "DequantizeLinear", {result + "_int", scale, zero},
                       {result});
    };
    const auto weights =
        *numerics::quantize_weights(model_.weights.at(op.weights).view(), {DType::kInt8, true}, -1);
    const auto weight = op.name + "_w";
    const auto [scale, zero] = add_qparams(builder, weight, weights.qparams.front(), DType::kInt8);
    builder.constant(weight + "_int", weights.values);
    builder.named_op(weight + "_dq", "DequantizeLinear", {weight + "_int", scale, zero}, {weight});
    rounded(op.inputs.front(), op.name + "_x", rounding.input);
    builder.named_op(op.name, "MatMul", {op.name + "_x", weight}, {op.name + "_y"});
    rounded(op.name + "_y", op.output, rounding.output);
  }

  static std::pair<std::string, std::string> add_qparams(ModelBuilder& builder,
                                                         const std::string& name,
                                                         const numerics::QParams& qparams,
                                                         DType type) {
    Tensor scale(DType::kFloat32, {});
    scale.as<float>()[0] = qparams.scale;
    Tensor zero(type, {});
    zero.bytes()[0] = static_cast<std::byte>(qparams.zero_point);
    builder.constant(name + "_scale", std::move(scale));
    builder.constant(name + "_zero", std::move(zero));
    return {name + "_scale", name + "_zero"};
  }

  static bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  ToyModel model_;
  std::filesystem::path path_ = "model.toy";
};

/// Static schemes on DENSE; everything else stays float.
class ToyDialect final : public quantize::Dialect {
 public:
  std::vector<std::string> types(const quantize::Scheme& scheme) const override {
    return scheme.mode == quantize::Mode::kStatic ? std::vector<std::string>{"DENSE"}
                                                  : std::vector<std::string>{};
  }
  Result<quantize::QuantizeReport> quantize(network::Network& model,
                                            const std::vector<quantize::Scheme>& assignment,
                                            const calibrate::Ranges* ranges,
                                            const quantize::QuantizeOptions&,
                                            Monitor&) const override {
    quantize::QuantizeReport report;
    std::size_t at = 0;
    for (auto& [source, op] : dynamic_cast<ToyDriver&>(model.driver()).model().ops) {
      const auto& scheme = assignment[at++];
      quantize::OpOutcome outcome{.op = op.name, .type = op.type, .scheme = scheme};
      if (scheme.mode == quantize::Mode::kStatic && op.type == "DENSE") {
        const quantize::Scheme& s = scheme;
        TESSERA_TRY(const auto input, qparams_of(op.inputs.front(), s, ranges));
        TESSERA_TRY(const auto output, qparams_of(op.output, s, ranges));
        op.rounding = ToyRounding{s.activation, input, output};
        outcome.quantized = true;
        ++report.quantized_ops;
      } else if (scheme.mode != quantize::Mode::kFloat32) {
        outcome.reason = "only DENSE has an integer form, and only a static one";
      }
      report.ops.push_back(std::move(outcome));
    }
    return report;
  }
  Status bring_into_form(network::Network&, std::int64_t, bool) const override { return {}; }
  Status check_loads(const network::Network& model,
                     std::shared_ptr<const runtime::Library> library) const override {
    return model.open(std::move(library), {}).map([](const auto&) {});
  }

 private:
  static Result<numerics::QParams> qparams_of(const std::string& value,
                                              const quantize::Scheme& scheme,
                                              const calibrate::Ranges* ranges) {
    const auto range = ranges == nullptr ? std::nullopt : ranges->find(value, scheme.method);
    if (!range) {
      return fail(ErrorCode::kInvalidArgument, "no range of '{}'", value).hint("calibrate it");
    }
    return numerics::compute_qparams(*range, {scheme.activation, scheme.activation_symmetric});
  }
};

inline network::Network toy_network(float scale = 1) {
  return network::Network(std::make_unique<ToyDriver>(toy_model(scale)));
}

}  // namespace tessera::testing
