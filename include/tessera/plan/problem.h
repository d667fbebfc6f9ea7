// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/checked.h"
#include "tessera/core/result.h"

/// Exact plans: which operator in which state (machine, precision, ...), for the least time within
/// limits, with a proof. What states mean is the caller's affair. See docs/planning.md.
namespace tessera::plan {

/// The state of every variable of a problem.
using Assignment = std::vector<std::uint8_t>;
/// What a tensor looks like at one of its ends: the states of a variable that are equal for it.
using Class = std::uint16_t;

/// An operator, or a group that is placed as one.
struct Variable {
  std::string name;
  std::vector<std::int64_t> cost_ns;  ///< by state; 1 to 256 states, none negative
};

/// A variable that reads a tensor.
struct Consumer {
  std::size_t variable = 0;
  std::vector<Class> classes;  ///< by its state, each less than Tensor::to_classes
};

/// What one variable makes and others read. A send from a class of the producer to a class of
/// consumers is paid once, however many consumers are in that class.
struct Tensor {
  std::string name;
  std::size_t producer = 0;
  std::vector<Class> producer_classes;  ///< by the producer's state, each less than from_classes
  std::vector<Consumer> consumers;      ///< each another variable, none the producer
  std::size_t from_classes = 1;
  std::size_t to_classes = 1;
  std::vector<std::int64_t> cost_ns;  ///< [from_classes, to_classes], none negative

  [[nodiscard]] std::int64_t cost(Class from, Class to) const {
    return cost_ns[from * to_classes + to];
  }
};

/// A variable of a coupling, and the states of it that are equal for it.
struct Coupled {
  std::size_t variable = 0;
  std::vector<Class> classes;  ///< by its state, each less than `count`
  std::size_t count = 1;       ///< of classes
};

/// What the states of several variables cost together, each variable once: whatever is no send.
struct Coupling {
  std::string name;
  std::vector<Coupled> variables;     ///< two or more
  std::vector<std::int64_t> cost_ns;  ///< by class of each, the last fastest; none negative
};

/// Is used where a variable is in a state. May be negative.
struct StateTerm {
  std::size_t variable = 0;
  std::uint8_t state = 0;
  std::int64_t amount = 0;
};

/// Is used once where a tensor is sent from one class to another. Not negative.
struct SendTerm {
  std::size_t tensor = 0;
  Class from = 0;
  Class to = 0;
  std::int64_t amount = 0;
};

/// Is used where both variables are in one of the states named. May be negative.
struct PairTerm {
  std::size_t first = 0;
  std::size_t second = 0;
  std::vector<std::uint8_t> first_states;
  std::vector<std::uint8_t> second_states;
  std::int64_t amount = 0;
};

/// Is used as the classes of a coupling's variables say. May be negative.
struct CellTerm {
  std::size_t coupling = 0;
  std::vector<std::int64_t> amounts;  ///< as Coupling::cost_ns
};

/// Something that a plan may use no more than `bound` of, in whole units of its own (bytes, nJ,
/// 1e-9 of error).
struct Limit {
  std::string name;
  std::string unit;
  std::int64_t bound = 0;
  std::vector<StateTerm> states;
  std::vector<SendTerm> sends;
  std::vector<PairTerm> pairs;
  std::vector<CellTerm> cells;
};

struct Problem {
  std::vector<Variable> variables;
  std::vector<Tensor> tensors;
  std::vector<Limit> limits;
  std::vector<Coupling> couplings;
};

/// The most that all costs together, and all amounts of a limit with its bound, may come to:
/// whatever is added up below stays a number of 64 bits.
inline constexpr std::int64_t kLargestTotal = std::int64_t{1} << 58;

/// What all costs together may come to, as if every consumer paid for its own send; none beyond 64
/// bits.
[[nodiscard]] Count largest_cost(const Problem& problem);

/// kInvalidArgument with the name of what is wrong: no states or too many, a table of another
/// size, an index beyond what there is, a negative cost, a total beyond kLargestTotal. Everything
/// else in this room wants problems that pass. Cost: linear in the problem.
[[nodiscard]] Status validate(const Problem& problem);

}  // namespace tessera::plan
