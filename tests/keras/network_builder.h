// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "keras/model.h"
#include "support/model_builder.h"

namespace tessera::keras {

/// Makes small networks layer by layer:
///
///   auto network = NetworkBuilder().input("x", {4, 4, 3})
///                      .layer("c", "Conv2D", {{"filters", 2}, {"kernel_size", 3}}, {"x"},
///                             {{"kernel", {3, 3, 3, 2}}, {"bias", {2}}})
///                      .output("c").build();
///
/// Weights are random; a layer that is named again is called again.
class NetworkBuilder {
 public:
  using Weights = std::vector<std::pair<std::string, Shape>>;

  NetworkBuilder() {
    network_.name = "network";
    network_.keras_version = "2.15.0";
  }

  NetworkBuilder& input(const std::string& name, const std::vector<std::int64_t>& extents) {
    Json shape = Json::array({nullptr});
    for (const auto extent : extents) {
      shape.push_back(extent > 0 ? Json(extent) : Json(nullptr));
    }
    add(name, "InputLayer", {{"batch_input_shape", shape}, {"dtype", "float32"}});
    network_.layers.back().calls.emplace_back();
    network_.inputs.push_back({network_.layers.size() - 1, 0, 0});
    return *this;
  }
  NetworkBuilder& layer(const std::string& name, const std::string& class_name, Json config,
                        const std::vector<std::string>& inputs, const Weights& weights = {}) {
    add(name, class_name, std::move(config));
    for (const auto& [weight, shape] : weights) {
      with_weight(weight, testing::random_tensor(shape, ++seed_));
    }
    return call(name, inputs);
  }
  NetworkBuilder& call(const std::string& name, const std::vector<std::string>& inputs) {
    Call made;
    for (const auto& input : inputs) {
      const auto place = place_of(input);
      made.inputs.push_back({place, network_.layers[place].calls.size() - 1, 0});
    }
    network_.layers[place_of(name)].calls.push_back(std::move(made));
    return *this;
  }
  /// Of the last layer.
  NetworkBuilder& with_weight(const std::string& name, Tensor value) {
    auto& layer = network_.layers.back();
    layer.weights.push_back({name, layer.name + "/" + name, std::move(value)});
    return *this;
  }
  NetworkBuilder& with_inner(Model inner) {
    network_.layers.back().inner = std::make_shared<const Model>(std::move(inner));
    return *this;
  }
  NetworkBuilder& output(const std::string& name) {
    const auto place = place_of(name);
    network_.outputs.push_back({place, network_.layers[place].calls.size() - 1, 0});
    return *this;
  }
  [[nodiscard]] Layer& last() { return network_.layers.back(); }
  [[nodiscard]] Model build() { return std::move(network_); }

 private:
  void add(const std::string& name, const std::string& class_name, Json config) {
    Layer layer;
    layer.name = name;
    layer.class_name = class_name;
    layer.config = std::move(config);
    layer.config["name"] = name;
    network_.layers.push_back(std::move(layer));
  }
  [[nodiscard]] std::size_t place_of(const std::string& name) const {
    std::size_t place = 0;
    while (network_.layers.at(place).name != name) {
      ++place;
    }
    return place;
  }

  Model network_;
  std::uint64_t seed_ = 0;
};

}  // namespace tessera::keras
