// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// Operators under names that no format has: what stands in the rooms goes by kinds.
inline const Op kAdd{.type = "TOY_ADD", .kind = OpKind::kAdd};
inline const Op kCast{.type = "TOY_CAST", .kind = OpKind::kCast};
inline const Op kConv{.type = "TOY_CONV", .kind = OpKind::kConv, .integer_kernel = true};
inline const Op kCustom{.type = "TOY_CUSTOM"};
inline const Op kDequantize{.type = "TOY_DEQUANTIZE", .kind = OpKind::kDequantize};
inline const Op kDynamicProduct{
    .type = "TOY_DYNAMIC_PRODUCT", .kind = OpKind::kMatMul, .arithmetic = Arithmetic::kDynamic};
inline const Op kDynamicQuantize{.type = "TOY_DYNAMIC_QUANTIZE", .kind = OpKind::kDynamicQuantize};
inline const Op kElementwise{.type = "TOY_ELEMENTWISE", .kind = OpKind::kElementwise};
inline const Op kGemm{.type = "TOY_GEMM", .kind = OpKind::kGemm, .integer_kernel = true};
inline const Op kIntegerProduct{.type = "TOY_INTEGER_PRODUCT",
                                .kind = OpKind::kMatMul,
                                .arithmetic = Arithmetic::kInteger,
                                .operands = {.bias = std::nullopt}};
inline const Op kJoin{.type = "TOY_JOIN", .kind = OpKind::kJoin};
inline const Op kMatMul{.type = "TOY_MATMUL", .kind = OpKind::kMatMul, .integer_kernel = true};
inline const Op kMul{.type = "TOY_MUL", .kind = OpKind::kMul};
inline const Op kPackedProduct{.type = "TOY_PACKED_PRODUCT",
                               .kind = OpKind::kMatMul,
                               .arithmetic = Arithmetic::kWeightOnly,
                               .operands = {.bias = std::nullopt}};
inline const Op kPermute{.type = "TOY_PERMUTE", .kind = OpKind::kPermute};
inline const Op kQuantize{.type = "TOY_QUANTIZE", .kind = OpKind::kQuantize};
inline const Op kRandom{.type = "TOY_RANDOM", .kind = OpKind::kRandom};
inline const Op kReduce{.type = "TOY_REDUCE", .kind = OpKind::kReduce};
inline const Op kRelu{.type = "TOY_RELU", .kind = OpKind::kClamp};
inline const Op kReshape{.type = "TOY_RESHAPE", .kind = OpKind::kReshape};

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
  /// Puts an operator in, with a name and operands.
  GraphBuilder& op(Op op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs) {
    op.name = outputs.front() + "_op";
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
