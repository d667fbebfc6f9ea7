// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/litert_tiny_model.h"

#include <algorithm>

namespace tessera::runtime::litert {
namespace {

constexpr std::uint32_t kDataAlignment = 16;

/// All vectors of tables of a file; the graphs add to the codes and buffers.
struct Parts {
  std::vector<FlatTable> codes;
  std::vector<FlatTable> buffers = {FlatTable()};  // the first one is empty, for what has no data
};

FlatTable quantization_of(const TinyTensor& tensor) {
  return FlatTable()
      .set(2, FlatValue::vector(tensor.scales))
      .set(3, FlatValue::vector(std::vector<std::int64_t>(tensor.scales.size(), tensor.zero_point)))
      .set(6, FlatValue::number(tensor.axis));
}

FlatTable tensor_table(const TinyTensor& tensor, Parts& parts) {
  FlatTable table;
  table.set(0, FlatValue::vector(tensor.shape))
      .set(1, FlatValue::number(static_cast<std::int8_t>(tensor.type)))
      .set(3, FlatValue::text(tensor.name));
  if (!tensor.data.empty()) {
    table.set(2, FlatValue::number(static_cast<std::uint32_t>(parts.buffers.size())));
    parts.buffers.push_back(FlatTable().set(0, FlatValue::vector(tensor.data, 1, kDataAlignment)));
  }
  if (!tensor.scales.empty()) {
    table.set(4, FlatValue::table(quantization_of(tensor)));
  }
  if (!tensor.signature.empty()) {
    table.set(7, FlatValue::vector(tensor.signature))
        .set(8, FlatValue::number(static_cast<std::uint8_t>(1)));  // the rank is known
  }
  return table;
}

FlatTable operator_table(const TinyOperator& op, Parts& parts) {
  FlatTable code;
  code.set(0, FlatValue::number(static_cast<std::int8_t>(std::min(op.code, 127))))
      .set(2, FlatValue::number(op.version))
      .set(3, FlatValue::number(op.code));
  if (!op.custom.empty()) {
    code.set(1, FlatValue::text(op.custom));
  }
  FlatTable table;
  table.set(0, FlatValue::number(static_cast<std::uint32_t>(parts.codes.size())))
      .set(1, FlatValue::vector(op.inputs))
      .set(2, FlatValue::vector(op.outputs));
  if (op.options) {
    table.set(3, FlatValue::number(op.options_kind)).set(4, FlatValue::table(*op.options));
  }
  parts.codes.push_back(std::move(code));
  return table;
}

FlatTable graph_table(const TinyGraph& graph, Parts& parts) {
  std::vector<FlatTable> tensors;
  for (const auto& tensor : graph.tensors) {
    tensors.push_back(tensor_table(tensor, parts));
  }
  std::vector<FlatTable> operators;
  for (const auto& op : graph.operators) {
    operators.push_back(operator_table(op, parts));
  }
  return FlatTable()
      .set(0, FlatValue::tables(std::move(tensors)))
      .set(1, FlatValue::vector(graph.inputs))
      .set(2, FlatValue::vector(graph.outputs))
      .set(3, FlatValue::tables(std::move(operators)));
}

FlatValue named_tensors(const std::vector<std::pair<std::string, std::uint32_t>>& names) {
  std::vector<FlatTable> tables;
  for (const auto& [name, tensor] : names) {
    tables.push_back(FlatTable().set(0, FlatValue::text(name)).set(1, FlatValue::number(tensor)));
  }
  return FlatValue::tables(std::move(tables));
}

}  // namespace

std::string TinyModel::bytes() const {
  constexpr std::uint32_t kFormatVersion = 3;
  Parts parts;
  std::vector<FlatTable> tables;
  for (const auto& graph : graphs) {
    tables.push_back(graph_table(graph, parts));
  }
  FlatTable model;
  model.set(0, FlatValue::number(kFormatVersion))
      .set(1, FlatValue::tables(std::move(parts.codes)))
      .set(2, FlatValue::tables(std::move(tables)))
      .set(3, FlatValue::text("made to try a library"))
      .set(4, FlatValue::tables(std::move(parts.buffers)));
  if (!signatures.empty()) {
    std::vector<FlatTable> all;
    for (const auto& signature : signatures) {
      all.push_back(FlatTable()
                        .set(0, named_tensors(signature.inputs))
                        .set(1, named_tensors(signature.outputs))
                        .set(2, FlatValue::text(signature.key))
                        .set(4, FlatValue::number(signature.subgraph)));
    }
    model.set(7, FlatValue::tables(std::move(all)));
  }
  return FlatWriter::write(model, "TFL3");
}

TinyOperator fully_connected(std::int32_t version) {
  constexpr std::uint8_t kOptions = 8;
  return {.code = kFullyConnected,
          .inputs = {0, 1, -1},
          .outputs = {2},
          .version = version,
          .options_kind = kOptions,
          .options = FlatTable()};
}

}  // namespace tessera::runtime::litert
