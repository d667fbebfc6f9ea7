// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {

/// The scheme of every operator of a graph: what recipes, mixes and plans come to, and what models
/// are built from.
class Assignment {
 public:
  Assignment() = default;
  /// `ops` operators, all in one scheme.
  explicit Assignment(std::size_t ops, const Scheme& scheme = float32_scheme())
      : schemes_(ops, scheme) {}
  explicit Assignment(std::vector<Scheme> by_op) : schemes_(std::move(by_op)) {}

  [[nodiscard]] bool empty() const noexcept { return schemes_.empty(); }
  /// How many operators the graph has.
  [[nodiscard]] std::size_t size() const noexcept { return schemes_.size(); }
  [[nodiscard]] const Scheme& operator[](graph::OpId op) const { return schemes_[op.value]; }
  [[nodiscard]] Scheme& operator[](graph::OpId op) { return schemes_[op.value]; }
  /// By place in Graph::ops(), which is OpId::value.
  [[nodiscard]] const Scheme& operator[](std::size_t place) const { return schemes_[place]; }
  [[nodiscard]] Scheme& operator[](std::size_t place) { return schemes_[place]; }
  [[nodiscard]] auto begin() const noexcept { return schemes_.begin(); }
  [[nodiscard]] auto end() const noexcept { return schemes_.end(); }
  [[nodiscard]] auto begin() noexcept { return schemes_.begin(); }
  [[nodiscard]] auto end() noexcept { return schemes_.end(); }

  /// Every operator stays as it is.
  [[nodiscard]] bool changes_nothing() const;

  bool operator==(const Assignment&) const = default;

 private:
  std::vector<Scheme> schemes_;
};

}  // namespace tessera::quantize
