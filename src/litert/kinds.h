// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/litert/content.h"

namespace tessera::litert {

/// What an operator of the format is.
struct Meaning {
  std::string_view name;
  graph::OpKind kind = graph::OpKind::kOther;
  /// Where the number of the kind is not right.
  std::optional<std::int64_t> operations = std::nullopt;
  /// Inputs whose values say which shape the results have.
  std::vector<std::size_t> shape_inputs = {};
  /// Which shape the results have depends on values of any input, or cannot be told.
  bool shape_from_values = false;
};

[[nodiscard]] const Meaning& meaning_of(Builtin code);

/// The tensors that an operator reads, where they are, and the first that it makes.
struct Ends {
  std::vector<const Tensor*> inputs;
  const Tensor* output = nullptr;

  [[nodiscard]] const Tensor* at(std::size_t input) const {
    return input < inputs.size() ? inputs[input] : nullptr;
  }
};

/// Says what an operator is, once its inputs are there: kind, operands, cost, arithmetic, and those
/// of its options that somebody asks for, as attributes.
void classify(graph::Op& op, const Operator& from, Builtin code, const Ends& ends);

}  // namespace tessera::litert
