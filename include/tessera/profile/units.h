// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/quantize/scheme.h"

/// What each part of a model costs on a machine in each precision, measured where it stands.
namespace tessera::profile {

/// Operators whose precision is decided together and whose time is told as one: an operator with
/// what the runtime folds into its kernel (Conv -> Relu or Clip, Sigmoid -> Mul). `layers[]` of a
/// profile are these.
struct Unit {
  std::string name;  ///< of the operator that does the work
  std::string type;
  std::vector<graph::OpId> ops;  ///< in topological order
  graph::OpId worker;            ///< of these, the one that decides
  std::int64_t macs = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t input_bytes = 0;        ///< of activations, each tensor once, in float32
  std::int64_t output_bytes = 0;       ///< of activations
  std::vector<std::size_t> producers;  ///< units whose floating results it reads, each once
  std::vector<std::size_t> consumers;
  bool reads_input = false;   ///< a floating input of the model
  bool makes_output = false;  ///< an output of the model
  bool quantizable = false;   ///< becomes an integer kernel when everything may
};

/// A model as units. The order is topological.
struct Units {
  std::vector<Unit> units;
  std::vector<std::size_t> of_op;  ///< by OpId

  [[nodiscard]] std::size_t size() const noexcept { return units.size(); }
};

/// What becomes of operators when all are asked to be integers, by OpId.
struct Fates {
  std::vector<bool> quantized;  ///< computed in integers
  std::vector<bool> folded;     ///< gone: a neighbour does their work (Pad -> MaxPool, ...)
};

/// Groups the operators of a graph. A unit is quantizable if its worker is; what is folded belongs
/// to the unit that does its work. Cost: linear in the graph.
[[nodiscard]] Units make_units(const graph::Graph& graph, const Fates& fates);

/// Which units are computed in integers: one entry per unit. Those that are not quantizable are
/// false.
using States = std::vector<bool>;

/// The states that operators are in, by OpId, after a build.
[[nodiscard]] States states_of(const Units& units, const std::vector<bool>& quantized);

/// The scheme of every operator under `states`: `integers` or float32. An operator left in float
/// reads what its producer makes, dequantized (Scheme::exact_inputs is off).
[[nodiscard]] std::vector<quantize::Scheme> assignment_of(const Units& units, const States& states,
                                                          const quantize::Scheme& integers);

}  // namespace tessera::profile
