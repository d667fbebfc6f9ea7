// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/shared_data.h"
#include "tessera/core/random.h"
#include "tessera/network/network.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"

namespace tessera::testing {

/// Tensors by the names that they have in a network.
using Values = std::map<std::string, Tensor, std::less<>>;

/// Normal floats, bytes of the whole range, other integers and bool 0 or 1.
inline Tensor random_tensor(DType dtype, const Shape& shape, Random& random) {
  Tensor tensor(dtype, shape);
  if (dtype == DType::kFloat32) {
    for (auto& value : tensor.as<float>()) {
      value = static_cast<float>(random.normal());
    }
    return tensor;
  }
  const bool whole = dtype == DType::kInt8 || dtype == DType::kUInt8;
  const auto width = std::max<std::size_t>(
      1, tensor.bytes().size() / std::max<std::size_t>(1, static_cast<std::size_t>(tensor.size())));
  for (std::size_t i = 0; i < tensor.bytes().size(); ++i) {
    const bool lowest = i % width == 0;  // little-endian
    tensor.bytes()[i] = whole ? static_cast<std::byte>(random.below(256))
                              : static_cast<std::byte>(lowest ? random.below(2) : 0);
  }
  return tensor;
}

/// Something for each input of a session.
inline Values random_inputs(const runtime::Session& session, std::uint64_t seed) {
  Random random(seed);
  Values values;
  for (const auto& input : session.inputs()) {
    values.insert_or_assign(input.name, random_tensor(input.dtype, input.shape, random));
  }
  return values;
}

/// Feeds a session with those values that it wants, and puts what comes out among them.
inline Status run_on(runtime::Session& session, Values& values) {
  std::vector<runtime::Feed> feeds;
  for (const auto& input : session.inputs()) {
    const auto found = values.find(input.name);
    if (found == values.end()) {
      return fail(ErrorCode::kNotFound, "nobody made '{}'", input.name);
    }
    feeds.push_back({input.name, found->second.view()});
  }
  TESSERA_TRY(const auto outputs, session.run(feeds));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    values.insert_or_assign(session.outputs()[i].name, Tensor(outputs[i]));
  }
  return {};
}

/// The same bytes under the same names.
inline bool same_values(const Values& left, const Values& right,
                        const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto a = left.find(name);
    const auto b = right.find(name);
    return a != left.end() && b != right.end() && a->second.dtype() == b->second.dtype() &&
           a->second.shape() == b->second.shape() &&
           std::ranges::equal(a->second.bytes(), b->second.bytes());
  });
}

}  // namespace tessera::testing
