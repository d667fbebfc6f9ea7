// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "noise/bits_model.h"

/// What others make of chosen widths.
namespace tessera::noise {

/// Fills `layers`, `recipe`, `quantizer_config` and `by_hand` of the answer.
void export_widths(const BitsSetup& setup, const BitsModel& model, const Widths& widths,
                   Bits& bits);

}  // namespace tessera::noise
