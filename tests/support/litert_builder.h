// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/litert/content.h"

namespace tessera::testing {

/// Bytes of numbers, for a buffer.
template <class T>
litert::Data data_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  return litert::Data(std::move(bytes));
}

/// Makes small .tflite networks operator by operator:
///
///   auto content = LitertBuilder().input("x", {1, 8, 8, 3}).weight("w", {4, 3, 3, 3})
///                      .value("y", {1, 8, 8, 4}).op(Builtin::kConv2d, {"x", "w"}, {"y"}, options)
///                      .output("y").build();
///
/// Values are float32 unless type() says otherwise of the last one.
class LitertBuilder {
 public:
  using Extents = std::vector<std::int32_t>;

  LitertBuilder() {
    content_.buffers.emplace_back();
    content_.subgraphs.emplace_back().name = "main";
  }

  LitertBuilder& value(std::string name, Extents shape) {
    litert::Tensor tensor;
    tensor.name = name;
    tensor.has_rank = true;
    tensor.shape = std::move(shape);
    places_[{graph_, std::move(name)}] = graph().add_tensor(std::move(tensor));
    return *this;
  }
  LitertBuilder& input(std::string name, Extents shape) {
    graph().inputs.push_back(static_cast<std::int32_t>(graph().tensors.size()));
    return value(std::move(name), std::move(shape));
  }
  LitertBuilder& output(const std::string& name) {
    graph().outputs.push_back(place(name));
    return *this;
  }
  template <class T>
  LitertBuilder& constant(std::string name, Extents shape, const std::vector<T>& values) {
    value(std::move(name), std::move(shape));
    last().buffer = content_.add_buffer(data_of(values));
    return *this;
  }
  /// Random normal values, seeded by the number of buffers so far.
  LitertBuilder& weight(std::string name, Extents shape) {
    std::vector<float> values(1);
    for (const auto extent : shape) {
      values.resize(values.size() * static_cast<std::size_t>(extent));
    }
    Random random(content_.buffers.size());
    for (auto& one : values) {
      one = static_cast<float>(random.normal());
    }
    return constant(std::move(name), std::move(shape), values);
  }
  LitertBuilder& int8_weight(std::string name, Extents shape) {
    std::vector<std::int8_t> values(1, 3);
    for (const auto extent : shape) {
      values.resize(values.size() * static_cast<std::size_t>(extent), 3);
    }
    return constant(std::move(name), std::move(shape), values).type(litert::ElementType::kInt8);
  }
  LitertBuilder& type(litert::ElementType type) {
    last().type = type;
    return *this;
  }
  /// -1 for the extents that are open.
  LitertBuilder& signature(Extents extents) {
    last().signature = std::move(extents);
    return *this;
  }
  LitertBuilder& quantized(std::vector<float> scales, std::vector<std::int64_t> zero_points,
                           std::int32_t axis = 0) {
    last().quantization.emplace();
    last().quantization->scales = std::move(scales);
    last().quantization->zero_points = std::move(zero_points);
    last().quantization->axis = axis;
    return *this;
  }
  /// "" for an absent input.
  LitertBuilder& op(litert::Builtin code, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, litert::Options options = {}) {
    return add({.code = code}, inputs, outputs, std::move(options));
  }
  LitertBuilder& custom(std::string name, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
    return add({.code = litert::Builtin::kCustom, .custom = std::move(name)}, inputs, outputs, {});
  }
  /// What follows stands in another subgraph.
  LitertBuilder& subgraph(std::string name) {
    content_.subgraphs.emplace_back().name = std::move(name);
    ++graph_;
    return *this;
  }

  [[nodiscard]] std::int32_t place(const std::string& name) const {
    return name.empty() ? -1 : places_.at({graph_, name});
  }
  [[nodiscard]] litert::Tensor& last() { return graph().tensors.back(); }
  [[nodiscard]] litert::Operator& last_op() { return graph().operators.back(); }
  [[nodiscard]] litert::Content& content() { return content_; }
  [[nodiscard]] litert::Content build() const { return content_; }

 private:
  litert::Subgraph& graph() { return content_.subgraphs[graph_]; }
  LitertBuilder& add(const litert::OperatorCode& code, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, litert::Options options) {
    litert::Operator op;
    op.code = content_.code_of(code);
    for (const auto& input : inputs) {
      op.inputs.push_back(place(input));
    }
    for (const auto& output : outputs) {
      op.outputs.push_back(place(output));
    }
    op.options = std::move(options);
    graph().add_operator(std::move(op));
    return *this;
  }

  litert::Content content_;
  std::size_t graph_ = 0;
  std::map<std::pair<std::size_t, std::string>, std::int32_t> places_;
};

/// Options of a kind by the places of their fields.
inline litert::Options litert_options(std::uint8_t type,
                                      const std::map<std::uint16_t, std::int64_t>& fields) {
  litert::Options options(litert::TableUnion::kOptions, type);
  for (const auto& [place, value] : fields) {
    options.set_int(place, value);
  }
  return options;
}

/// x 1x8x8x3 -> CONV_2D (4) -> c -> DEPTHWISE_CONV_2D -> d -> RESHAPE -> r -> FULLY_CONNECTED (5) y
inline litert::Content small_litert() {
  using litert::Builtin;
  return LitertBuilder()
      .input("x", {1, 8, 8, 3})
      .weight("w", {4, 3, 3, 3})
      .weight("b", {4})
      .value("c", {1, 8, 8, 4})
      .op(Builtin::kConv2d, {"x", "w", "b"}, {"c"}, litert_options(1, {{1, 1}, {2, 1}, {3, 1}}))
      .weight("k", {1, 3, 3, 4})
      .weight("z", {4})
      .value("d", {1, 8, 8, 4})
      .op(Builtin::kDepthwiseConv2d, {"c", "k", "z"}, {"d"},
          litert_options(2, {{1, 1}, {2, 1}, {3, 1}}))
      .constant<std::int32_t>("shape", {2}, {1, 256})
      .type(litert::ElementType::kInt32)
      .value("r", {1, 256})
      .op(Builtin::kReshape, {"d", "shape"}, {"r"})
      .weight("m", {5, 256})
      .value("y", {1, 5})
      .op(Builtin::kFullyConnected, {"r", "m", ""}, {"y"}, litert_options(8, {}))
      .output("y")
      .build();
}

}  // namespace tessera::testing
