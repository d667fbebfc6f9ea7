// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "tessera/graph/graph.h"

namespace tessera::onnx {

/// Says what an operator of ONNX is, once its type, domain, inputs and attributes are there.
///
/// Types are looked up under the standard domain, those of the runtime (ai.onnx*, com.microsoft*,
/// com.ms.*) and that of libtessera_kernels, which have variants of standard operators under their
/// names. Elsewhere a name says nothing, but for Q/DQ and random numbers.
void classify(graph::Op& op);

/// The input that holds the scale of what the operator makes, before its zero point; none unless
/// it makes integers out of real numbers, with scales that are given.
[[nodiscard]] std::optional<std::size_t> scale_of_result(const graph::Op& op);

}  // namespace tessera::onnx
