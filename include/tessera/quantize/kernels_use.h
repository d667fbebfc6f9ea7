// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera::quantize {

/// What a search does with the operators of libtessera_kernels (Format::kKernels).
enum class KernelsUse : std::uint8_t {
  kPortable,  ///< leaves them out
  kShown,     ///< measures few of them, to say what they would bring; takes what needs no library
  kTaken,     ///< takes them where they are better
};

}  // namespace tessera::quantize
