// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "tessera/core/result.h"

/// Exporters append files, such as the names of classes, to a model as a zip archive.
namespace tessera::litert {

/// Where the archive at the end of a file begins, at or behind `earliest`; none if there is none
/// that is understood.
[[nodiscard]] std::optional<std::size_t> start_of_archive(std::span<const std::byte> file,
                                                          std::size_t earliest);

/// The archive as it has to be where it begins at another place of a file than it did.
/// Errors: kUnimplemented for a place that an archive cannot tell.
[[nodiscard]] Result<std::string> moved_archive(std::span<const std::byte> archive,
                                                std::size_t from, std::size_t to);

}  // namespace tessera::litert
