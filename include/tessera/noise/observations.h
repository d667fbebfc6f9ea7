// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/noise/layer_set.h"
#include "tessera/noise/sweep.h"

/// Measured errors of subsets of quantized layers, as models of the error are fitted to them.
namespace tessera::noise {

/// An operator in a scheme that a sweep switched it to.
struct ObservedLayer {
  std::string name;
  std::string type;
  std::optional<std::int64_t> macs;  ///< as far as they are known
  /// Mean squares of the layer's rounding error and of its result; 0 if they were not measured.
  double noise_power = 0;
  double signal_power = 0;
  std::string scheme;  ///< empty where it is not known
  std::string op;      ///< the operator, where `name` is not its name; empty otherwise

  [[nodiscard]] const std::string& operator_name() const { return op.empty() ? name : op; }
  bool operator==(const ObservedLayer&) const = default;
};

/// Whether a scheme, by the name that quantize::to_string() gives it, is of operators of
/// libtessera_kernels: neither errors nor times are those of other formats.
[[nodiscard]] bool is_of_kernels(std::string_view scheme) noexcept;

/// By layer: the number of its operator, counted as they first come.
[[nodiscard]] std::vector<std::int32_t> operators_of(std::span<const ObservedLayer> layers);

/// Every operator in the first scheme that the list has of it.
[[nodiscard]] LayerSet in_first_schemes(std::span<const ObservedLayer> layers);

/// The error of one subset.
struct Observation {
  LayerSet layers;
  double error = 0;  ///< |x - y|_2 / elements, >= 0 and finite
  /// 10 log10(signal / noise); NaN if it was not measured.
  double sqnr_db = std::numeric_limits<double>::quiet_NaN();
  std::int64_t images = 0;  ///< averaged over so many; 0 if unknown
};

/// What a sweep, whole or of several shards, says.
struct Observations {
  ModelInfo model;
  std::vector<ObservedLayer> layers;
  std::vector<Observation> rows;  ///< distinct subsets, by LayerSet
  /// Mean over the model's outputs of power / elements; 0 if unknown. The SQNR of an error e is
  /// 10 log10(this / e^2).
  double signal = 0;
};

/// What was left out or repaired while files were read.
struct ObservationNotes {
  std::int64_t records = 0;        ///< lines with a subset
  std::int64_t without_error = 0;  ///< error null, NaN, infinite or negative: left out
  std::int64_t repeated = 0;       ///< the same subset again: merged
  std::int64_t conflicting = 0;  ///< of those, with errors that differ by more than 1e-6: averaged
  std::int64_t truncated = 0;    ///< files whose last line was cut short: line left out
};

/// One or more files of `tessera error sweep` (JSON lines; first the envelope, then one record per
/// subset) about the same model and layers. A last line without its end, which an interrupted
/// sweep leaves, is left out. A subset that is there several times counts once, with the mean of
/// its errors weighted by images.
/// Errors: kNotFound; kDataLoss naming file and line; kInvalidArgument for files of different
/// models or layers, of which some are swept in format kernels and others are not, and for unknown
/// layers, with the nearest name; kFailedPrecondition if no usable record remains.
[[nodiscard]] Result<Observations> read_observations(std::span<const std::filesystem::path> paths,
                                                     Monitor& monitor,
                                                     ObservationNotes* notes = nullptr);
[[nodiscard]] Result<Observations> parse_observations(std::span<const SweepText> files,
                                                      Monitor& monitor,
                                                      ObservationNotes* notes = nullptr);

/// Finds layers by name.
class LayerIndex {
 public:
  explicit LayerIndex(std::vector<std::string> names);
  /// `ops`: by layer, its operator. `schemes`: that it is in there; empty where it is not known.
  LayerIndex(std::vector<std::string> names, std::span<const std::string> ops,
             std::vector<std::string> schemes);
  explicit LayerIndex(std::span<const ObservedLayer> layers);
  /// Errors: kInvalidArgument for an unknown name, with the nearest, and for two schemes of one
  /// operator.
  [[nodiscard]] Result<LayerSet> find(std::span<const std::string> names) const;
  /// -1 if there is no such layer.
  [[nodiscard]] std::int32_t position(std::string_view name) const;
  [[nodiscard]] const std::string& scheme(std::int32_t layer) const {
    return schemes_[static_cast<std::size_t>(layer)];
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::int32_t> operators_;  ///< by layer
  std::vector<std::string> schemes_;     ///< by layer
  std::vector<std::int32_t> by_name_;
};

}  // namespace tessera::noise
