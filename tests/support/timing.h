// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tessera::testing {

/// Limits on time say something only of a program that runs natively and is what users run: an
/// emulator is some fifty times slower, and by a different factor for every kind of work;
/// sanitizers are some five times slower.
#if defined(TESSERA_EMULATED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kTimesMeanSomething = false;
#else
inline constexpr bool kTimesMeanSomething = true;
#endif

}  // namespace tessera::testing
