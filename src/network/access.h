// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/network/driver.h"

namespace tessera::network {

struct DriverAccess {
  static Driver& driver(Network& network) { return *network.driver_; }
};

}  // namespace tessera::network
