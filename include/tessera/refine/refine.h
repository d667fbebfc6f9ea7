// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/refine/report.h"
#include "tessera/runtime/library.h"

/// Accuracy won back without training: what samples can tell a quantizer beside ranges.
/// The mathematics, its sources and what each step gained on real models: docs/refine.md.
namespace tessera::refine {

enum class Rounding : std::uint8_t {
  kNearest,
  /// Single weights move from the nearest level to the one with which the layer's output is
  /// closest, given all others. Layers for which that takes least come first, within `effort_s`.
  kDescent,
  kAdaptive,  ///< of every weight, so that the layer's output is closest (GPTQ, then descent)
};

struct RefineOptions {
  /// Moves scale between the channels of neighbouring layers. Changes ranges, so they are measured
  /// again.
  bool equalize = false;
  /// The range method of every tensor by the error of the model's outputs, instead of the
  /// scheme's own.
  bool ranges_by_output = false;
  /// Ends of the most harmful activation ranges by the error of the outputs; scales of weights by
  /// the error of their layer's result.
  bool scales = false;
  Rounding rounding = Rounding::kNearest;
  /// Mean error of every channel of a layer's result, taken off its bias.
  bool bias_correction = false;
  /// Samples on which the error of the outputs is measured, evenly spread, and at most as many
  /// others (a third of all) on which it is decided whether a step stays; 0: from 4 for models with
  /// many activations to 64 for those with few.
  std::int64_t error_samples = 0;
  std::int64_t fit_samples = 256;  ///< of the others, at most so many are fitted to
  /// Bound of what `ranges_by_output`, `scales` and Rounding::kDescent may cost, in seconds of a
  /// core that does 20e9 multiply-accumulates or 0.5e9 roundings in one. Work is counted, not
  /// timed: the same result on every machine.
  double effort_s = 60;
  /// Rows of a layer's input that its second moments are made of, at most per sample.
  std::int64_t rows_per_sample = 256;
  int threads = 1;  ///< of calibration; everything else is done on one
  /// As QuantizeOptions has them for the model that is made.
  bool everywhere = false;
  quantize::IoType io = quantize::IoType::kFloat32;
  bool channels_of_products = false;

  [[nodiscard]] bool any() const noexcept {
    return equalize || ranges_by_output || scales || rounding != Rounding::kNearest ||
           bias_correction;
  }
};

/// What quantize() takes instead of the model as published: quantize(model, assignment, &ranges,
/// options with options.weights = &weights).
struct Refinement {
  network::Network model;           ///< float32, prepared; types inferred
  quantize::Assignment assignment;  ///< per operator of model.view()
  calibrate::Ranges ranges;
  quantize::WeightOverrides weights;
  std::vector<quantize::OpOutcome> gone;  ///< as quantize::Prepared::gone
  RefineReport report;
};

/// What of `options` there is for networks of a format. Equalization, scales and the rounding of
/// weights change weights, and know ONNX alone.
struct Doable {
  RefineOptions options;             ///< without the others
  std::vector<std::string> missing;  ///< what these are called
};
[[nodiscard]] Doable doable(const network::Network& model, RefineOptions options);
/// Errors: kUnimplemented naming what is missing, with a hint at what there is.
[[nodiscard]] Status check_doable(const network::Network& model, const RefineOptions& options);

/// Runs the wanted steps in the order of RefineOptions on a float model whose types are known.
/// Only operators with a static scheme are touched. Where ranges are searched besides other steps,
/// those steps are also done without the search, and the search is kept only if the whole is
/// better for it: more options do not make it worse.
///
/// Everything is judged on the float model with roundings put in by taps, which is what the
/// quantized model computes, short of the order of sums in its kernels; no candidate is built, but
/// for `ranges_by_output` of .tflite networks (see choose_method()).
/// `ranges` may hold several methods for `ranges_by_output` to choose from; null: measured here.
///
/// Cost: per step, in runs of the model (R of each sample, E of each error sample): equalize 2 R;
/// ranges_by_output (scales x methods) E and scales 30 scales x about 8 E, both within
/// `effort_s`; rounding R plus K^3 + out K^2 per layer of K inputs; bias_correction 3 R. R is of at
/// most `fit_samples`. Memory: two sessions, the outputs of
/// the error samples, and 256 MiB of second moments (layers wait for their turn beyond that).
/// Deterministic, and independent of threads.
/// Errors: those of check_doable(); kInvalidArgument if no operator has a static scheme; kDataLoss
/// naming the sample at which an output is NaN or infinite; those of data, calibrate, quantize and
/// runtime; kCancelled.
[[nodiscard]] Result<Refinement> refine(const network::Network& model,
                                        const quantize::Assignment& assignment,
                                        const data::SampleSet& samples,
                                        const calibrate::Ranges* ranges,
                                        std::shared_ptr<const runtime::Library> library,
                                        const RefineOptions& options, Monitor& monitor);

[[nodiscard]] std::string_view to_string(Rounding rounding) noexcept;
[[nodiscard]] Json to_json(const RefineOptions& options);

}  // namespace tessera::refine
