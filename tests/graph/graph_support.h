// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// Makes graphs by names: tensors come into being when they are first spoken of.
class GraphBuilder {
 public:
  GraphBuilder& input(const std::string& name, Shape shape, DType dtype = DType::kFloat32) {
    graph_.mark_input(declare(name, std::move(shape), dtype, TensorKind::kInput));
    return *this;
  }
  GraphBuilder& weight(const std::string& name, Shape shape, DType dtype = DType::kFloat32) {
    declare(name, std::move(shape), dtype, TensorKind::kInitializer);
    return *this;
  }
  GraphBuilder& value(const std::string& name, Shape shape, DType dtype = DType::kFloat32) {
    declare(name, std::move(shape), dtype, TensorKind::kActivation);
    return *this;
  }
  GraphBuilder& op(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs,
                   std::map<std::string, Attribute, std::less<>> attributes = {},
                   const std::string& domain = {}) {
    Op op;
    op.name = outputs.front() + "_op";
    op.type = type;
    op.domain = domain;
    op.attributes = std::move(attributes);
    for (const auto& name : inputs) {
      op.inputs.push_back(find(name));
    }
    for (const auto& name : outputs) {
      op.outputs.push_back(find(name));
    }
    graph_.add_op(std::move(op));
    return *this;
  }
  GraphBuilder& output(const std::string& name) {
    graph_.mark_output(*find(name));
    return *this;
  }
  Graph build() {
    auto status = graph_.finish();
    EXPECT_TRUE(status.has_value()) << (status ? "" : status.error().message);
    return std::move(graph_);
  }
  Status finish() { return graph_.finish(); }

 private:
  std::optional<TensorId> find(const std::string& name) {
    if (name.empty()) {
      return std::nullopt;
    }
    if (const auto known = graph_.find_tensor(name)) {
      return known;
    }
    TensorInfo tensor;
    tensor.name = name;
    return graph_.add_tensor(std::move(tensor));
  }
  TensorId declare(const std::string& name, Shape shape, DType dtype, TensorKind kind) {
    const auto id = *find(name);
    auto& tensor = graph_.tensor(id);
    tensor.kind = kind;
    tensor.dtype = dtype;
    tensor.shape.emplace();
    for (const auto extent : shape) {
      tensor.shape->push_back({extent, {}});
    }
    return id;
  }

  Graph graph_;
};

}  // namespace tessera::graph
