// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tessera::placement {

/// A figure within a sentence, three digits and no exponent: "30.2 ms" for us, "434 mJ" for J;
/// another unit stands behind the number as it is.
[[nodiscard]] std::string in_words(double value, std::string_view unit);

}  // namespace tessera::placement
