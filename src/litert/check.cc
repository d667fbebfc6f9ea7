// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tessera/core/checked.h"
#include "tessera/tensor/tensor.h"

namespace tessera::litert {
namespace {

template <class... Args>
Failure unsound(FormatAt<std::type_identity_t<Args>...> format, Args&&... args) {
  return fail(ErrorCode::kDataLoss, format, std::forward<Args>(args)...)
      .hint("the file is damaged: get it again, or convert the network anew");
}

/// "tensor 3 ('x') of subgraph 0"
std::string name_of_tensor(const Content& content, std::size_t subgraph, std::size_t index) {
  return fmt::format("tensor {} ('{}') of subgraph {}", index,
                     content.subgraphs[subgraph].tensors[index].name, subgraph);
}

/// Bytes that values of such a shape take; none if that does not fit.
Count bytes_of_values(const Tensor& tensor, const std::vector<std::int32_t>& shape) {
  Count elements = 1;
  for (const auto extent : shape) {
    elements = checked_mul(elements, extent);
  }
  const auto bits = checked_mul(elements, bits_of(tensor.type));
  const auto rounded = checked_add(bits, 7);
  return rounded ? Count(*rounded / 8) : std::nullopt;
}

Status check_values(const Content& content, const Tensor& tensor, const std::string& name) {
  const auto& data = content.buffers[tensor.buffer];
  // Sparse values are fewer; texts have a length of their own.
  if (!content.is_constant(tensor) || tensor.sparsity || bits_of(tensor.type) == 0) {
    return {};
  }
  const auto shape = tensor.shape.value_or(std::vector<std::int32_t>());
  const auto expected = bytes_of_values(tensor, shape);
  if (!expected || std::cmp_not_equal(*expected, data.bytes().size())) {
    const Shape extents(shape.begin(), shape.end());
    return unsound("{} has {} bytes of values, and not the {} of {} {}", name, data.bytes().size(),
                   expected ? std::to_string(*expected) : "too many", tessera::to_string(extents),
                   to_string(tensor.type));
  }
  return {};
}

Status check_quantization(const Tensor& tensor, const std::string& name) {
  const auto& quantization = *tensor.quantization;
  const auto scales = quantization.scales.size();
  if (scales == 0) {
    return {};
  }
  const auto points = quantization.zero_points.size();
  if (points != scales && points > 1) {
    return unsound("{} has {} scales and {} zero points", name, scales, points);
  }
  if (scales == 1 || quantization.details.type() != 0) {
    return {};
  }
  const auto axis = quantization.axis;
  const auto rank = tensor.shape ? std::ssize(*tensor.shape) : 0;
  if (axis < 0 || axis >= rank ||
      std::cmp_not_equal((*tensor.shape)[static_cast<std::size_t>(axis)], scales)) {
    return unsound("{} has {} scales, which are not one for each index of its axis {}", name,
                   scales, axis);
  }
  return {};
}

Status check_tensor(const Content& content, std::size_t subgraph, std::size_t index) {
  const auto& tensor = content.subgraphs[subgraph].tensors[index];
  const auto name = name_of_tensor(content, subgraph, index);
  if (!is_known(tensor.type)) {
    return fail(ErrorCode::kUnimplemented, "{} has element type {}, which is not known", name,
                static_cast<int>(tensor.type))
        .hint("the file comes from a newer converter, or is damaged");
  }
  if (tensor.buffer >= content.buffers.size()) {
    return unsound("{} has buffer {} of {}", name, tensor.buffer, content.buffers.size());
  }
  for (const auto extent : tensor.shape.value_or(std::vector<std::int32_t>())) {
    if (extent < -1) {
      return unsound("{} has the extent {}", name, extent);
    }
  }
  if (!tensor.signature.empty() &&
      (!tensor.shape || tensor.signature.size() != tensor.shape->size())) {
    return unsound("{} has a shape of {} extents and a signature of {}", name,
                   tensor.shape ? tensor.shape->size() : 0, tensor.signature.size());
  }
  for (std::size_t i = 0; i < tensor.signature.size(); ++i) {
    if (tensor.signature[i] < -1) {
      return unsound("{} has the extent {}", name, tensor.signature[i]);
    }
  }
  if (tensor.quantization) {
    TESSERA_CHECK(check_quantization(tensor, name));
  }
  return check_values(content, tensor, name);
}

/// Every index but -1, where that may stand for nothing.
Status check_indices(const std::vector<std::int32_t>& indices, std::size_t size, bool optional,
                     std::string_view what) {
  for (const auto index : indices) {
    if (std::cmp_greater_equal(index, size) || index < (optional ? -1 : 0)) {
      return unsound("{} tensor {} of {}", what, index, size);
    }
  }
  return {};
}

Status check_operator(const Content& content, std::size_t subgraph, std::size_t index) {
  const auto& graph = content.subgraphs[subgraph];
  const auto& op = graph.operators[index];
  const auto where = [&](std::string_view what) {
    return fmt::format("operator {} of subgraph {} {}", index, subgraph, what);
  };
  if (op.code >= content.codes.size()) {
    return unsound("{} {} of {}", where("has code"), op.code, content.codes.size());
  }
  TESSERA_CHECK(check_indices(op.inputs, graph.tensors.size(), true, where("reads")));
  TESSERA_CHECK(check_indices(op.outputs, graph.tensors.size(), true, where("makes")));
  TESSERA_CHECK(check_indices(op.intermediates, graph.tensors.size(), true, where("uses")));
  for (const auto body : bodies_of(content, op)) {
    if (body == 0 || body >= content.subgraphs.size()) {
      return unsound("{} {} of {}", where("calls subgraph"), body, content.subgraphs.size());
    }
  }
  return {};
}

/// Each tensor has one origin: the caller, the file, or one operator.
Status check_makers(const Content& content, std::size_t subgraph) {
  const auto& graph = content.subgraphs[subgraph];
  std::vector<bool> made(graph.tensors.size(), false);
  for (const auto input : graph.inputs) {
    made[static_cast<std::size_t>(input)] = true;
  }
  for (const auto& op : graph.operators) {
    for (const auto output : op.outputs) {
      if (output < 0) {
        continue;
      }
      const auto place = static_cast<std::size_t>(output);
      if (made[place] || content.is_constant(graph.tensors[place])) {
        return unsound("{} is made twice", name_of_tensor(content, subgraph, place));
      }
      made[place] = true;
    }
  }
  return {};
}

/// 0: not looked at, 1: being looked at, 2: calls nothing that calls it.
Status check_calls(const Content& content, std::size_t subgraph, std::vector<int>& states,
                   int depth) {
  constexpr int kOpen = 1;
  constexpr int kDone = 2;
  constexpr int kDeepest = 200;  // each level is a call of this function, too
  if (depth > kDeepest) {
    return fail(ErrorCode::kUnimplemented, "subgraphs call one another more than {} deep", kDeepest)
        .hint("the file is damaged, or from a converter that is not known");
  }
  states[subgraph] = kOpen;
  for (const auto& op : content.subgraphs[subgraph].operators) {
    for (const auto body : bodies_of(content, op)) {
      if (states[body] == kOpen) {
        return unsound("subgraph {} calls itself", body);
      }
      if (states[body] != kDone) {
        TESSERA_CHECK(check_calls(content, body, states, depth + 1));
      }
    }
  }
  states[subgraph] = kDone;
  return {};
}

Status check_subgraph(const Content& content, std::size_t subgraph) {
  const auto& graph = content.subgraphs[subgraph];
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    TESSERA_CHECK(check_tensor(content, subgraph, i));
  }
  const auto of_graph = [&](std::string_view what) {
    return fmt::format("subgraph {} has {}", subgraph, what);
  };
  TESSERA_CHECK(check_indices(graph.inputs, graph.tensors.size(), false, of_graph("as its input")));
  TESSERA_CHECK(
      check_indices(graph.outputs, graph.tensors.size(), false, of_graph("as its output")));
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    TESSERA_CHECK(check_operator(content, subgraph, i));
  }
  return check_makers(content, subgraph);
}

Status check_signature(const Content& content, const Signature& signature) {
  if (signature.subgraph >= content.subgraphs.size()) {
    return unsound("signature '{}' is of subgraph {}, and there are {}", signature.key,
                   signature.subgraph, content.subgraphs.size());
  }
  const auto size = content.subgraphs[signature.subgraph].tensors.size();
  for (const auto* values : {&signature.inputs, &signature.outputs}) {
    for (const auto& value : *values) {
      if (value.tensor >= size) {
        return unsound("'{}' of signature '{}' is tensor {} of {}", value.name, signature.key,
                       value.tensor, size);
      }
    }
  }
  return {};
}

}  // namespace

Status check(const Content& content) {
  if (content.subgraphs.empty()) {
    return unsound("the file holds no network");
  }
  for (std::size_t i = 0; i < content.subgraphs.size(); ++i) {
    TESSERA_CHECK(check_subgraph(content, i));
  }
  std::vector<int> states(content.subgraphs.size(), 0);
  for (std::size_t i = 0; i < content.subgraphs.size(); ++i) {
    if (states[i] == 0) {
      TESSERA_CHECK(check_calls(content, i, states, 0));
    }
  }
  for (const auto& metadata : content.metadata) {
    if (metadata.buffer >= content.buffers.size()) {
      return unsound("metadata '{}' has buffer {} of {}", metadata.name, metadata.buffer,
                     content.buffers.size());
    }
  }
  for (const auto buffer : content.metadata_buffers) {
    if (buffer < 0 || std::cmp_greater_equal(buffer, content.buffers.size())) {
      return unsound("metadata has buffer {} of {}", buffer, content.buffers.size());
    }
  }
  for (const auto& signature : content.signatures) {
    TESSERA_CHECK(check_signature(content, signature));
  }
  const auto& network = content.subgraphs.front();
  if (network.inputs.empty() || network.outputs.empty()) {
    return fail(ErrorCode::kUnimplemented, "the first subgraph has no {}",
                network.inputs.empty() ? "inputs" : "outputs")
        .hint("a network is expected that is fed with samples and computes something of them");
  }
  return {};
}

}  // namespace tessera::litert
