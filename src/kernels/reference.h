// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/binary.h"
#include "kernels/depthwise.h"
#include "kernels/lookup.h"
#include "kernels/softmax.h"

/// What each family computes, element by element in plain C++: the specification in code, and what
/// runs where there is no vector unit. Every other target gives the same bits.
namespace tessera::kernels::reference {

void lookup(const Rows& rows, const std::uint8_t* table);
void copy(const Rows& rows);
void lookup_channels(const ChannelLookup& work, std::size_t begin, std::size_t end);

void add(const Sum& sum, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
         std::size_t count);
void multiply(const Product& product, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
              std::size_t count);

void largest(const std::uint8_t* const* rows, std::size_t row_count, std::uint8_t* to,
             std::size_t count, std::uint8_t flip);

void round_products(const Softmax& what, const float* values, const float* factors,
                    std::uint8_t* to, std::size_t count);

/// Rows `begin` to `end` of batch * shape.y.output, channels from `first` on.
void depthwise(const Depthwise& what, const ConvShape& shape, const std::uint8_t* x,
               std::uint8_t* y, std::size_t begin, std::size_t end, std::size_t first);

}  // namespace tessera::kernels::reference
