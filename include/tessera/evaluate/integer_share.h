// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// An operator that multiplies and accumulates, and what the library runs it with.
struct ProductKernel {
  std::string name;
  std::string type;  ///< "Conv"
  std::int64_t macs = 0;
  bool integer = false;  ///< it multiplies integers
  std::string kernel;    ///< "QLinearConv"; empty where the library does not tell
};

/// How much of a network's multiplying the library does on integers.
struct IntegerShare {
  std::vector<ProductKernel> products;  ///< in the order of the graph; types are known of all
  std::int64_t macs = 0;
  std::int64_t integer_macs = 0;
  std::int64_t unknown = 0;  ///< operators whose multiply-accumulates are not known
  /// 0 to 1; absent without any.
  [[nodiscard]] std::optional<double> share() const noexcept;
};
/// {macs, integer_macs, share, unknown, products[{name, type, macs, integer, kernel}]}.
[[nodiscard]] Json to_json(const IntegerShare& share);

/// Opens the network, runs it once on zeros, and looks which kernels ran. Extents that are open
/// count as 1. Cost: a session and one run.
/// Errors: those of the runtime.
[[nodiscard]] Result<IntegerShare> integer_share(
    const network::Network& network, const std::shared_ptr<const runtime::Library>& library,
    runtime::SessionOptions session);

}  // namespace tessera::evaluate
