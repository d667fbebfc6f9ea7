// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/quantize/dialect.h"

namespace tessera::quantize {

/// That of .tflite files.
[[nodiscard]] const Dialect& litert_dialect();

}  // namespace tessera::quantize
