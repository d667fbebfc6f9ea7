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
#include "support/toy_session.h"
#include "tessera/network/driver.h"

/// A file format of three operators with an inference library of its own, made to prove that rooms
/// know none: docs/formats.md walks through it.
namespace tessera::testing {

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
  Result<std::string> serialize() const override {
    return fail(ErrorCode::kUnimplemented, "toy networks are made in memory");
  }
  Status save(const std::filesystem::path&, const network::SaveOptions&) const override {
    return fail(ErrorCode::kUnimplemented, "toy networks are made in memory");
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
    return std::make_unique<const ToySource>(model_, taps);
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
  static bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  ToyModel model_;
  std::filesystem::path path_ = "model.toy";
};

inline network::Network toy_network(float scale = 1) {
  return network::Network(std::make_unique<ToyDriver>(toy_model(scale)));
}

}  // namespace tessera::testing
