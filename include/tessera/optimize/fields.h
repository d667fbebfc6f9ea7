// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/evaluate/fields.h"
#include "tessera/optimize/record.h"

/// What this room's records have in documents.
namespace tessera::optimize {

[[nodiscard]] Fields<Exclusion> fields_of(const Exclusion* exclusion);
[[nodiscard]] Fields<Candidate> fields_of(const Candidate* candidate);
[[nodiscard]] Fields<Limits> fields_of(const Limits* limits);
[[nodiscard]] Fields<OptimizeResult::Written> fields_of(const OptimizeResult::Written* written);
[[nodiscard]] Fields<OptimizeResult::Mixing> fields_of(const OptimizeResult::Mixing* mixing);
[[nodiscard]] Fields<PortableChoice> fields_of(const PortableChoice* portable);
[[nodiscard]] Fields<OptimizeResult::WithKernels> fields_of(
    const OptimizeResult::WithKernels* with_kernels);

}  // namespace tessera::optimize
