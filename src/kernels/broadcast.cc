// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/broadcast.h"

#include <algorithm>
#include <cstring>

namespace tessera::kernels {
namespace {

constexpr std::size_t kTaskBytes = std::size_t{1} << 16;
/// What an operand that repeats itself is laid out to: long enough for the loop, and in the L1
/// cache.
constexpr std::size_t kTileBytes = std::size_t{1} << 12;

std::int64_t extent_at(std::span<const std::int64_t> shape, std::size_t rank, std::size_t axis) {
  const std::size_t missing = rank - shape.size();
  return axis < missing ? 1 : shape[axis - missing];
}

std::size_t ratio_up(std::size_t a, std::size_t b) {
  return (a + b - 1) / b;
}

}  // namespace

Outcome<Broadcast> Broadcast::of(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  Broadcast result;
  const std::size_t rank = std::max(a.size(), b.size());
  std::vector<Axis> axes;  // innermost first, joined where both operands allow it
  std::size_t step_a = 1;
  std::size_t step_b = 1;
  std::size_t total = 1;
  result.shape_.resize(rank);
  for (std::size_t axis = rank; axis-- > 0;) {
    const auto of_a = extent_at(a, rank, axis);
    const auto of_b = extent_at(b, rank, axis);
    if (of_a != of_b && of_a != 1 && of_b != 1) {
      return problem("extents ", of_a, " and ", of_b, " of axis ", axis,
                     " cannot be broadcast: equal ones were expected, or 1");
    }
    const auto extent = of_a == 1 ? of_b : of_a;
    result.shape_[axis] = extent;
    total *= static_cast<std::size_t>(extent);
    if (extent != 1) {
      const Axis next = {static_cast<std::size_t>(extent), of_a == 1 ? 0 : step_a,
                         of_b == 1 ? 0 : step_b};
      const auto joins = [&](std::size_t inner, std::size_t inner_extent, std::size_t outer) {
        return outer == inner * inner_extent;
      };
      if (!axes.empty() && joins(axes.back().step_a, axes.back().extent, next.step_a) &&
          joins(axes.back().step_b, axes.back().extent, next.step_b)) {
        axes.back().extent *= next.extent;
      } else {
        axes.push_back(next);
      }
    }
    step_a *= static_cast<std::size_t>(of_a);
    step_b *= static_cast<std::size_t>(of_b);
  }
  if (total == 0) {
    return result;
  }
  result.columns_ = axes.empty() ? Axis{1, 1, 1} : axes[0];
  result.rows_ = axes.size() > 1 ? axes[1] : Axis{};
  if (axes.size() > 2) {
    result.outer_.assign(axes.rbegin(), axes.rend() - 2);
  }
  // Rows are cut only where there is one: parts stay rectangles.
  const bool one_row = result.rows_.extent == 1;
  result.columns_per_task_ = one_row ? kTaskBytes : result.columns_.extent;
  result.rows_per_task_ = std::max<std::size_t>(1, kTaskBytes / result.columns_.extent);
  result.blocks_ = total / (result.rows_.extent * result.columns_.extent);
  result.tasks_per_block_ = one_row ? ratio_up(result.columns_.extent, kTaskBytes)
                                    : ratio_up(result.rows_.extent, result.rows_per_task_);
  return result;
}

Broadcast::Part Broadcast::part_of(std::size_t task) const {
  Part part;
  std::size_t block = task / tasks_per_block_;
  const std::size_t in_block = task % tasks_per_block_;
  part.y = block * rows_.extent * columns_.extent;
  for (auto axis = outer_.rbegin(); axis != outer_.rend(); ++axis) {
    part.a += block % axis->extent * axis->step_a;
    part.b += block % axis->extent * axis->step_b;
    block /= axis->extent;
  }
  const bool one_row = rows_.extent == 1;
  const std::size_t row = one_row ? 0 : in_block * rows_per_task_;
  const std::size_t column = one_row ? in_block * columns_per_task_ : 0;
  part.a += row * rows_.step_a + column * columns_.step_a;
  part.b += row * rows_.step_b + column * columns_.step_b;
  part.y += row * columns_.extent + column;
  part.rows = std::min(one_row ? 1 : rows_per_task_, rows_.extent - row);
  part.columns = std::min(columns_per_task_, columns_.extent - column);
  part.rows_at_once = std::max<std::size_t>(1, kTileBytes / part.columns);
  return part;
}

Broadcast::Tile::Tile(const Broadcast& of, const Part& part, const std::uint8_t* data,
                      std::size_t begin, std::size_t row_step, std::size_t column_step)
    : data_(data + begin), part_(part), row_step_(row_step), column_step_(column_step) {
  const bool dense = column_step == 1 && (part.rows == 1 || row_step == of.columns_.extent);
  if (dense) {
    return;
  }
  const std::size_t rows = std::min(part.rows_at_once, part.rows);
  copy_.resize(rows * part.columns);
  if (row_step == 0) {
    fill(data_, rows);
  }
}

const std::uint8_t* Broadcast::Tile::at(std::size_t row) {
  if (copy_.empty()) {
    return data_ + row * row_step_;
  }
  if (row_step_ != 0) {
    fill(data_ + row * row_step_, std::min(part_.rows_at_once, part_.rows - row));
  }
  return copy_.data();
}

void Broadcast::Tile::fill(const std::uint8_t* from, std::size_t rows) {
  for (std::size_t row = 0; row < rows; ++row, from += row_step_) {
    auto* const to = copy_.data() + row * part_.columns;
    if (column_step_ == 0) {
      std::memset(to, *from, part_.columns);
    } else if (column_step_ == 1) {
      std::memcpy(to, from, part_.columns);
    } else {
      for (std::size_t i = 0; i < part_.columns; ++i) {
        to[i] = from[i * column_step_];
      }
    }
  }
}

}  // namespace tessera::kernels
