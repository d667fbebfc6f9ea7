// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/depthwise.h"
#include "kernels/target.h"

/// Largest bytes of windows of an image with the channels last.
namespace tessera::kernels {

/// to[i] = the largest of rows[..][i], by the byte without (`flip` 0) or with its sign (128); the
/// lowest value where there are no rows.
void largest(Target target, const std::uint8_t* const* rows, std::size_t row_count,
             std::uint8_t* to, std::size_t count, std::uint8_t flip);

/// Rows `begin` to `end` of batch * y.output. Padding does not count; a window of nothing else
/// gives the lowest value. Cost: kernel height + kernel width vectors per vector of the output.
void max_pool(Target target, const ConvShape& shape, std::uint8_t flip, const std::uint8_t* x,
              std::uint8_t* y, std::size_t begin, std::size_t end);

}  // namespace tessera::kernels
