// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/plan/problem.h"

/// Problems of plans as mixed-integer linear programs, for solvers that others made. See
/// docs/solvers.md.
namespace tessera::milp {

/// An unknown from 0 to 1, and what it stands for. Those of states are integers, and make all
/// others integers.
struct Column {
  enum class Kind : std::uint8_t {
    kState,  ///< variable `of` is in state `which`
    kRead,   ///< consumer `which` reads tensor `of`, of class `from` and wanted in class `to`
    kSend,   ///< tensor `of` is sent from class `from` to class `to`, for several consumers
    kCell,   ///< coupling `of` costs what its cell `which` says
    kPair,   ///< both variables of pair `which` of limit `of` are in their states
  };
  Kind kind = Kind::kState;
  plan::Class from = 0;
  plan::Class to = 0;
  std::uint32_t of = 0;
  std::uint32_t which = 0;
  std::int64_t cost_ns = 0;

  bool operator==(const Column&) const = default;
};

struct Entry {
  std::size_t column = 0;
  std::int64_t coefficient = 0;

  bool operator==(const Entry&) const = default;
};

/// The entries' sum is equal to the right side, or at most that.
struct Row {
  std::vector<Entry> entries;  ///< each column once, no coefficient 0
  std::int64_t right = 0;
  bool equal = true;
  std::optional<std::size_t> limit;  ///< that it is

  bool operator==(const Row&) const = default;
};

/// Minimizes the columns' costs such that all rows hold.
struct Model {
  std::vector<Column> columns;            ///< those of states first, by variable and state
  std::vector<std::size_t> first_column;  ///< by variable: of its first state
  std::vector<Row> rows;
};

/// The local polytope: a flow of each producer's classes to each consumer's classes, joint
/// marginals for couplings, pairs by rows on the one side that counts. Its relaxation is the
/// tightest of the usual ones, and exact where the tensors form a tree.
/// Errors: those of plan::validate(). Cost: linear in the model, which has a column for every two
/// classes of each consumer and every cell of a coupling.
[[nodiscard]] Result<Model> transport(const plan::Problem& problem);

/// What the columns of a transport model are for an assignment of its problem, which must be one.
/// Cost: linear in the model.
[[nodiscard]] std::vector<std::uint8_t> values_of(const plan::Problem& problem, const Model& model,
                                                  const plan::Assignment& assignment);

}  // namespace tessera::milp
