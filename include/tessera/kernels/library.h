// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What libtessera_kernels.so exports: operators of the domain `ai.tessera` for ONNX Runtime, which
/// make integer models fast (docs/kernels.md). The library is loaded by the runtime, by name; a
/// program that loads it itself finds these two by dlsym().

// Of onnxruntime_c_api.h, which users of these declarations include if they call them.
struct OrtSessionOptions;
struct OrtApiBase;
struct OrtStatus;

#define TESSERA_KERNELS_EXPORT __attribute__((visibility("default")))

extern "C" {

// The runtime looks for this name.
// NOLINTBEGIN(readability-identifier-naming)

/// Adds the operators to sessions that are opened with `options`. Null for success, else a status
/// that the caller releases: a runtime older than 1.17, or a TESSERA_KERNELS_TARGET that is unknown
/// or that the processor lacks. Thread-safe; never throws.
TESSERA_KERNELS_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options,
                                                    const OrtApiBase* base);

/// The project's version, "1.2.3". Static memory.
TESSERA_KERNELS_EXPORT const char* tessera_kernels_version();
// NOLINTEND(readability-identifier-naming)

}  // extern "C"
