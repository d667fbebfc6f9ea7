// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::cluster {

[[nodiscard]] Fields<struct Scaling> fields_of(const struct Scaling* scaling);
[[nodiscard]] Fields<struct Machine> fields_of(const struct Machine* machine);
[[nodiscard]] Fields<struct GoodputPoint> fields_of(const struct GoodputPoint* point);
[[nodiscard]] Fields<struct Radio> fields_of(const struct Radio* radio);
[[nodiscard]] Fields<struct Link> fields_of(const struct Link* link);
[[nodiscard]] Fields<struct InputCodec> fields_of(const struct InputCodec* codec);
[[nodiscard]] Fields<struct Pin> fields_of(const struct Pin* pin);
[[nodiscard]] Fields<struct Cluster> fields_of(const struct Cluster* cluster);

}  // namespace tessera::cluster
