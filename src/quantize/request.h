// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/scheme.h"

/// What quantize() refuses in any format before it touches anything.
namespace tessera::quantize {

/// `valid`: what the format has.
template <class Valid>
[[nodiscard]] Status check_schemes(const graph::Graph& graph, const Assignment& assignment,
                                   const Valid& valid) {
  if (assignment.size() != graph.ops().size()) {
    return fail(ErrorCode::kInternal, "{} schemes for {} operators", assignment.size(),
                graph.ops().size());
  }
  const Scheme* last = nullptr;
  for (const auto& scheme : assignment) {
    if (last == nullptr || scheme != *last) {
      TESSERA_CHECK(valid(scheme));
    }
    last = &scheme;
  }
  return {};
}

template <class Model>
[[nodiscard]] Status check_ranges(const Model& model, const Assignment& assignment,
                                  const calibrate::Ranges* ranges) {
  const bool needed = std::any_of(assignment.begin(), assignment.end(), [](const Scheme& scheme) {
    return scheme.mode == Mode::kStatic;
  });
  if (!needed) {
    return {};
  }
  if (ranges == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "static quantization needs the ranges of activations")
        .hint(
            "give --ranges FILE (made by `tessera calibrate`) or --data D; or use --mode dynamic");
  }
  if (!ranges->model) {
    return {};  // nothing to compare: the file's hash is not needed
  }
  TESSERA_TRY(const auto info, model.info());
  return calibrate::check_model(*ranges, info);
}

}  // namespace tessera::quantize
