// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/network/driver.h"
#include "tessera/onnx/model.h"

namespace tessera::network {

[[nodiscard]] std::unique_ptr<Driver> onnx_driver(onnx::Model model);

}  // namespace tessera::network
