// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "refine/simulator.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/data/sample_set.h"
#include "tessera/quantize/quantize.h"
#include "tessera/runtime/library.h"

namespace tessera::refine {

/// What every step works with. Nothing is owned.
struct StepContext {
  const data::SampleSet& samples;
  std::shared_ptr<const runtime::Library> library;
  const Judge& judge;
  const std::vector<std::string>& judged;
  Monitor& monitor;
  std::vector<std::string>& skipped;
};

/// The judge's error of the model with everything rounded as quantize() would round it.
[[nodiscard]] Result<double> quantized_error(const StepContext& context, const onnx::Model& model,
                                             const std::vector<quantize::Scheme>& assignment,
                                             const calibrate::Ranges& ranges,
                                             const quantize::WeightOverrides& weights);

}  // namespace tessera::refine
