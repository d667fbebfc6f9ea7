// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "tessera/litert/model.h"
#include "tessera/network/driver.h"

namespace tessera::network {

/// By its bytes, or, where those say nothing, by its name.
[[nodiscard]] bool is_litert_file(const std::filesystem::path& path);

[[nodiscard]] std::unique_ptr<Driver> litert_driver(litert::Model model);

}  // namespace tessera::network
