// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "runtime/litert_abi.h"
#include "tessera/core/error.h"

namespace tessera::runtime::litert {

/// Why a model was not opened, in the toolkit's terms: from the status and from what the library
/// printed meanwhile.
[[nodiscard]] Error open_error(Code code, std::string_view printed);

/// The library keeps a result to itself whose extents it learns only when the model runs.
[[nodiscard]] Error kept_output_error(std::string_view output);

/// kUnavailable with what the library printed while `doing` ("run the model").
[[nodiscard]] Error call_error(Code code, std::string_view printed, std::string_view doing);

}  // namespace tessera::runtime::litert
