// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/protobuf_message.h"
#include "tessera/tensor/tensor.h"

/// Serialized ONNX models for tests of a room that cannot use the onnx room (field numbers from
/// onnx.proto3).
namespace tessera::testing {

/// A value with extents: numbers, or symbols.
inline Message value_info(std::string_view name, DType dtype,
                          const std::vector<std::string>& extents) {
  Message shape;
  for (const auto& extent : extents) {
    const bool number = extent.find_first_not_of("0123456789") == std::string::npos;
    shape.message(1, number ? Message().varint(1, std::stoull(extent)) : Message().text(2, extent));
  }
  const auto tensor = Message().varint(1, static_cast<std::uint64_t>(dtype)).message(2, shape);
  return Message().text(1, name).message(2, Message().message(1, tensor));
}

/// An output of which nothing is said but its name.
inline Message untyped(std::string_view name) {
  return Message().text(1, name);
}

inline Message int_attribute(std::string_view name, std::int64_t value) {
  return Message().text(1, name).varint(3, static_cast<std::uint64_t>(value)).varint(20, 2);
}

struct TinyNode {
  std::string type;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::string domain;
  std::string name;
  std::vector<Message> attributes;
};

struct TinyModel {
  std::vector<Message> inputs;
  std::vector<Message> outputs;
  std::vector<TinyNode> nodes;
  std::vector<Message> initializers;
  std::uint64_t opset = 17;

  [[nodiscard]] std::string bytes() const {
    Message graph;
    for (const auto& node : nodes) {
      Message proto;
      for (const auto& input : node.inputs) {
        proto.text(1, input);
      }
      for (const auto& output : node.outputs) {
        proto.text(2, output);
      }
      proto.text(3, node.name).text(4, node.type);
      for (const auto& attribute : node.attributes) {
        proto.message(5, attribute);
      }
      graph.message(1, proto.text(7, node.domain));
    }
    graph.text(2, "tiny");
    for (const auto& initializer : initializers) {
      graph.message(5, initializer);
    }
    for (const auto& input : inputs) {
      graph.message(11, input);
    }
    for (const auto& output : outputs) {
      graph.message(12, output);
    }
    return Message()
        .varint(1, 8)
        .message(7, graph)
        .message(8, Message().text(1, "").varint(2, opset))
        .message(8, Message().text(1, "tessera").varint(2, 1))
        .message(8, Message().text(1, "elsewhere").varint(2, 1))
        .bytes();
  }
};

/// y = Relu(-x) for x float32 [N,4], node "negate" and "clip".
inline TinyModel negate_relu() {
  return {{value_info("x", DType::kFloat32, {"N", "4"})},
          {value_info("y", DType::kFloat32, {"N", "4"})},
          {{"Neg", {"x"}, {"n"}, "", "negate", {}}, {"Relu", {"n"}, {"y"}, "", "clip", {}}},
          {}};
}

}  // namespace tessera::testing
