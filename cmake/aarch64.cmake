# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Toolchain for aarch64 on another machine: Debian's cross compiler, the libraries of a private
# folder that scripts/cross-aarch64 fills, and qemu-user to run what was built.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

if(DEFINED ENV{XDG_CACHE_HOME})
  set(CMAKE_SYSROOT $ENV{XDG_CACHE_HOME}/tessera/cross-aarch64/sysroot)
else()
  set(CMAKE_SYSROOT $ENV{HOME}/.cache/tessera/cross-aarch64/sysroot)
endif()
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# The processor that scripts/cross-aarch64 describes. The emulator's own choice claims SME, with which
# QEMU 7.2 and ONNX Runtime 1.32 together multiply matrices wrongly (0.3 dB of SQNR).
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -cpu cortex-a76 -L ${CMAKE_SYSROOT})

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
  ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# The linker looks for the libraries that our libraries need in the sysroot only if told so.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-Wl,-rpath-link,${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu")
