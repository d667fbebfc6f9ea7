// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/library.h"

/// No range method is good on all models, so the outputs decide: docs/calibrate.md.
namespace tessera::refine {

/// A range method, and how close the outputs come with it.
struct MethodTrial {
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
  double sqnr_db = 0;
  std::int64_t samples = 0;  ///< fewer than were set apart: clearly worse, and given up early
};

/// What a mix of methods was found to do on samples that it was not found with.
struct MethodMix {
  double before_db = 0;
  double after_db = 0;
  std::int64_t samples = 0;
  std::int64_t tensors = 0;  ///< by another method
  bool kept = false;
};

struct MethodChoice {
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
  std::vector<MethodTrial> trials;  ///< in the order of numerics::kRangeMethods; none: not judged
  std::int64_t judged = 0;          ///< samples by which was chosen
  std::string reason;               ///< why this one, in one sentence
  /// Tensors whose range is better taken by another method, empty if that was not proved.
  std::map<std::string, numerics::RangeMethod> others;
  std::optional<MethodMix> mix;  ///< absent: none was found
  /// The error with nothing but the weights rounded, relative to that with everything rounded.
  std::optional<double> weights_share;
};

/// Samples to be set apart for judging, evenly spread: half of them, at most 16. None of one.
[[nodiscard]] std::vector<std::int64_t> samples_apart(std::int64_t samples);

/// What is to be chosen for.
struct MethodQuestion {
  const network::Network& model;  ///< types inferred
  /// Per operator of its view(); static schemes with the method `open` get the chosen one.
  const quantize::Assignment& assignment;
  numerics::RangeMethod open = numerics::RangeMethod::kMinMax;
  const data::SampleSet& samples;
  /// Indices of those that judge; `ranges` should not have seen them.
  const std::vector<std::int64_t>& judging;
  const calibrate::Ranges& ranges;  ///< by all methods that are to be compared
  double effort_s = 2;              ///< for mixes of methods
  /// As QuantizeOptions has them for the model that is made.
  bool everywhere = false;
  bool channels_of_products = false;
  /// What will be used, if it differs from `ranges`, by the named methods: with fewer than eight
  /// judging samples the choice must be better than min-max by 1 dB with these, too, on all
  /// samples.
  std::function<Result<calibrate::Ranges>(const std::vector<numerics::RangeMethod>&)> final_ranges;
};

/// Compares range methods by the SQNR of the outputs, everything quantized as quantize() would, on
/// the judging samples; what a Softmax or Sigmoid squeezes at the very end is looked at before it.
/// Simulated on the float model (see refine()), so that no candidate is built and the choice is the
/// same on machines whose kernels saturate.
///
/// The method of least error is taken; with fewer than four judging samples another than min-max
/// only if it is better by 1 dB. Without a judging sample, or where nothing can be judged, it is
/// min-max, and `reason` says why.
/// From eight judging samples on, the two next best methods are then tried for parts of the model,
/// ever smaller ones, on half of those samples; what gained there and, by more than chance, on the
/// other half is kept.
/// Cost: (methods + 1) runs of each sample, half of it where most methods are clearly worse, and
/// `effort_s` for the parts; not ONNX: or a quarter of measuring, if less. Deterministic.
/// Errors: those of loading samples; kCancelled.
[[nodiscard]] Result<MethodChoice> choose_method(const MethodQuestion& question,
                                                 std::shared_ptr<const runtime::Library> library,
                                                 Monitor& monitor);

/// The ranges with those of MethodChoice::others in the place of what the chosen method measured.
[[nodiscard]] calibrate::Ranges with_others(calibrate::Ranges ranges, const MethodChoice& choice);

/// The assignment with the chosen method in the place of `open`.
[[nodiscard]] quantize::Assignment with_method(quantize::Assignment assignment,
                                               numerics::RangeMethod open,
                                               numerics::RangeMethod method);

[[nodiscard]] Json to_json(const MethodChoice& choice);

}  // namespace tessera::refine
