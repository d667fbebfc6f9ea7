// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/quantize/assignment.h"
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
  /// By scheme of the profile: computed so when everything may be.
  std::vector<bool> takes;

  /// Some scheme takes it.
  [[nodiscard]] bool quantizable() const {
    return std::find(takes.begin(), takes.end(), true) != takes.end();
  }
};

/// A model as units. The order is topological.
struct Units {
  std::vector<Unit> units;
  std::vector<std::size_t> of_op;  ///< by OpId

  [[nodiscard]] std::size_t size() const noexcept { return units.size(); }
};

/// What becomes of operators when all are asked to be of one scheme, by OpId.
struct Fates {
  std::vector<std::vector<bool>> quantized;  ///< by scheme: computed so
  std::vector<bool> folded;  ///< gone: a neighbour does their work (Pad -> MaxPool, ...)
};

/// Groups the operators of a graph. A unit takes a scheme if its worker does; what is folded
/// belongs to the unit that does its work. Cost: linear in the graph.
[[nodiscard]] Units make_units(const graph::Graph& graph, const Fates& fates);

/// What every unit is computed in, one entry per unit: 0 float32, k the k-th scheme of the profile.
using States = std::vector<std::uint8_t>;
/// A digit tells them apart where states are written.
inline constexpr std::size_t kMostSchemes = 9;

/// How many units are in another state than float32.
[[nodiscard]] std::int64_t integers_in(const States& states);
/// Every unit that takes the scheme (1: the first) in it, the others in float32.
[[nodiscard]] States uniform_states(const Units& units, std::size_t scheme);

/// The states that units are in after a build for which `asked` was asked: what stayed float by
/// OpId is not `quantized`.
[[nodiscard]] States states_of(const Units& units, const States& asked,
                               const std::vector<bool>& quantized);

/// The scheme of every operator under `states`. An operator left in float reads what its producer
/// makes, dequantized (Scheme::exact_inputs is off).
[[nodiscard]] quantize::Assignment assignment_of(const Units& units, const States& states,
                                                 std::span<const quantize::Scheme> schemes);

}  // namespace tessera::profile
