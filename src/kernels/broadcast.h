// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/outcome.h"

/// Two tensors of bytes to be combined element by element, as numpy broadcasts them.
namespace tessera::kernels {

class Broadcast {
 public:
  /// Error: extents that are neither equal nor 1.
  static Outcome<Broadcast> of(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  /// Independent parts, each about 64 KiB of the output; none if there is nothing to compute.
  [[nodiscard]] std::size_t tasks() const { return blocks_ * tasks_per_block_; }

  /// work(a, b, y, count) for the runs of one part, each of which has all operands behind each
  /// other: an operand that repeats itself is laid out so before.
  template <class Work>
  void run(std::size_t task, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
           const Work& work) const {
    const auto part = part_of(task);
    Tile tile_a(*this, part, a, part.a, rows_.step_a, columns_.step_a);
    Tile tile_b(*this, part, b, part.b, rows_.step_b, columns_.step_b);
    for (std::size_t row = 0; row < part.rows; row += part.rows_at_once) {
      const std::size_t count = std::min(part.rows_at_once, part.rows - row) * part.columns;
      work(tile_a.at(row), tile_b.at(row), y + part.y + row * columns_.extent, count);
    }
  }

 private:
  /// An axis, or several that can be walked as one. Steps are 0 where the operand repeats itself.
  struct Axis {
    std::size_t extent = 1;
    std::size_t step_a = 0;
    std::size_t step_b = 0;
  };
  struct Part {
    std::size_t a = 0;
    std::size_t b = 0;
    std::size_t y = 0;
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::size_t rows_at_once = 0;
  };
  /// An operand's rows as if it were not broadcast.
  class Tile {
   public:
    Tile(const Broadcast& of, const Part& part, const std::uint8_t* data, std::size_t begin,
         std::size_t row_step, std::size_t column_step);
    const std::uint8_t* at(std::size_t row);

   private:
    void fill(const std::uint8_t* from, std::size_t rows);
    const std::uint8_t* data_;
    Part part_;
    std::size_t row_step_;
    std::size_t column_step_;
    std::vector<std::uint8_t> copy_;  ///< empty where the operand is read where it lies
  };

  [[nodiscard]] Part part_of(std::size_t task) const;

  std::vector<std::int64_t> shape_;
  std::vector<Axis> outer_;  ///< outermost first
  Axis rows_;
  Axis columns_;
  std::size_t blocks_ = 0;
  std::size_t tasks_per_block_ = 0;
  std::size_t rows_per_task_ = 1;
  std::size_t columns_per_task_ = 1;
};

}  // namespace tessera::kernels
