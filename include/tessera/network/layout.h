// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "tessera/network/network.h"

namespace tessera::network {

/// The name that a value's channels-last form has where this program wrote the layout of a network;
/// it says nothing of whether there is such a value. None for formats without such a rewriting.
[[nodiscard]] std::optional<std::string> channels_last_name(FileFormat format,
                                                            const std::string& value);

}  // namespace tessera::network
