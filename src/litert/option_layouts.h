// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tessera/litert/options.h"

namespace tessera::litert {

struct FieldLayout {
  FieldForm form = FieldForm::kScalar;
  std::uint8_t width = 0;  ///< bytes of the scalar, or of an element
};

/// The fields of a table, by their places; none for a type that is not known. In the source a field
/// is the bytes of a scalar, "v" and those of a vector's elements, or "s" for a text: no table of a
/// union holds another table.
[[nodiscard]] std::optional<std::vector<FieldLayout>> layout_of(TableUnion which,
                                                                std::uint8_t type);

}  // namespace tessera::litert
