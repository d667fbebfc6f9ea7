// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tessera/core/json.h"

namespace tessera::certificate {

inline constexpr std::string_view kSchema = "tessera.plan-cert/1";

/// SHA-256 of the document without its `seal`, on one line without blanks, members in their order.
[[nodiscard]] std::string seal_of(const Json& document);

}  // namespace tessera::certificate
