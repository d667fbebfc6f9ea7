// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "runtime/ort.h"

namespace tessera::runtime {

/// "openvino", "OpenVINO" and "OpenVINOExecutionProvider" are the same provider; the long name as
/// the library spells it. Errors: kUnavailable if it is not in the library, with what to install.
[[nodiscard]] Result<std::string> find_provider(const Library& library, std::string_view name);

/// Asks the session to place nodes on `provider` (a long name) first. The CPU needs no asking.
/// Errors: kInvalidArgument for options of "cpu"; kUnavailable if the provider does not start, with
/// the reason that the runtime logged and what the provider needs on the machine.
[[nodiscard]] Status append_provider(const Library& library, OrtSessionOptions* session_options,
                                     const std::string& provider,
                                     const std::map<std::string, std::string>& options,
                                     int threads);

}  // namespace tessera::runtime
