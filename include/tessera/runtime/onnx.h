// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

/// ONNX models in ONNX Runtime.
namespace tessera::runtime {

/// Errors: kUnimplemented naming the node and type that the runtime cannot run; kUnavailable if
/// the provider is absent (hint: what to install); kDataLoss if the model is invalid;
/// kFailedPrecondition if `library` has no ONNX Runtime.
[[nodiscard]] Result<Session> open_onnx(std::shared_ptr<const Library> library,
                                        const std::filesystem::path& model,
                                        const SessionOptions& options);
/// From memory (copied if needed). `folder`: where external data lies.
[[nodiscard]] Result<Session> open_onnx(std::shared_ptr<const Library> library,
                                        std::string_view model, const std::filesystem::path& folder,
                                        const SessionOptions& options);

}  // namespace tessera::runtime
