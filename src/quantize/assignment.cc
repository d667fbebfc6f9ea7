// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/assignment.h"

#include <algorithm>

namespace tessera::quantize {

bool Assignment::changes_nothing() const {
  return std::all_of(schemes_.begin(), schemes_.end(),
                     [](const Scheme& scheme) { return scheme.mode == Mode::kFloat32; });
}

}  // namespace tessera::quantize
