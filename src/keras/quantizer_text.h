// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

namespace tessera::keras {

/// "quantized_bits(4, 0, alpha='auto')" taken apart.
struct CallText {
  std::string name;
  Json places = Json::array();  ///< arguments by place
  Json names = Json::object();  ///< arguments by name
};

/// Reads a call as Python writes it: numbers, True, False, None, quoted texts, lists and tuples;
/// a name alone is a call without arguments.
/// Errors: kDataLoss with the place where it ends to be one; `where` begins them.
[[nodiscard]] Result<CallText> parse_call(std::string_view text, std::string_view where);

}  // namespace tessera::keras
