# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

add_library(tessera_warnings INTERFACE)
target_compile_options(tessera_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Wdouble-promotion
  # GCC 12 reports false positives of these two inside its own <variant>, <vector> and <string>.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>
  # Designated initializers name what differs from the defaults; the rest is meant.
  -Wno-missing-field-initializers
  $<$<BOOL:${TESSERA_WARNINGS_AS_ERRORS}>:-Werror>)

# A product and a sum are two roundings, on every instruction set: GCC and Clang would otherwise
# fuse them where the target can (AArch64, AVX2), and results would differ from machine to machine.
add_compile_options(-ffp-contract=off)

# NaN and signed zero are part of the product: no -ffast-math, ever. errno of <cmath> is not.
target_compile_options(tessera_warnings INTERFACE -fno-math-errno)

set(TESSERA_SANITIZE "" CACHE STRING "sanitizers for everything, as -fsanitize= takes them")
if(TESSERA_SANITIZE)
  add_compile_options(-fsanitize=${TESSERA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=undefined)
  # Sanitized builds keep the asserts, the standard library's included: an optional that is empty,
  # an index that is out of range.
  add_compile_options(-UNDEBUG -D_GLIBCXX_ASSERTIONS)
  string(REGEX REPLACE ",?fuzzer-no-link" "" link_sanitizers "${TESSERA_SANITIZE}")
  add_link_options(-fsanitize=${link_sanitizers})
endif()
