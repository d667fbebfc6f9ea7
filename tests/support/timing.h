// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tessera::testing {

/// Limits on time say something only of a program that runs natively: an emulator is some fifty
/// times slower, and by a different factor for every kind of work.
#ifdef TESSERA_EMULATED
inline constexpr bool kTimesMeanSomething = false;
#else
inline constexpr bool kTimesMeanSomething = true;
#endif

}  // namespace tessera::testing
