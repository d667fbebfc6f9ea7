// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "runtime/ort.h"

namespace tessera::runtime {

/// Asks the session to place nodes on this provider first; true if it came out of a library of its
/// own. The CPU needs no asking. "openvino", "OpenVINO" and "OpenVINOExecutionProvider" are the
/// same provider; what else a name may be is said at Library::resolve(). Errors: kInvalidArgument
/// for options of "cpu"; kUnavailable if the provider is absent (hint: what to install) or does not
/// start, with the reason that the runtime logged and what the provider needs on the machine.
[[nodiscard]] Result<bool> append_provider(const OnnxRuntime& library,
                                           OrtSessionOptions* session_options,
                                           const ProviderChoice& choice, int threads);

/// kInvalidArgument with what the runtime said about options that it ignored since the last call.
[[nodiscard]] Status refuse_ignored_options();

/// If a loader's message names a library that is absent: what brings that library. Else empty.
[[nodiscard]] std::string missing_library_hint(std::string_view reason);

}  // namespace tessera::runtime
