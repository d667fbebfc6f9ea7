// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "noise/bits_sites.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/noise/bits.h"
#include "tessera/tensor/metrics.h"

/// One model with any widths, in one session.
namespace tessera::noise {

/// Inputs of the network are counted so: what cameras and converters give.
inline constexpr int kInputBits = 8;

/// The grid of an activation: integers from `low` to `high`, times `step`.
struct Grid {
  float step = 1;
  float low = 0;
  float high = 0;
  int integer = 0;  ///< as QKeras has it: bits left of the point
};
/// `lowest` below 0: with a sign. Of powers of two.
[[nodiscard]] Grid grid_of(int bits, int integer, bool is_signed);
/// Rounds to the nearest, half to even, and cuts off.
[[nodiscard]] float rounded(float value, const Grid& grid) noexcept;

/// Something with a width: weights first, then activations.
struct Knob {
  std::string name;
  std::vector<int> widths;      ///< from the most on; the first may be that of the file
  bool first_is_given = false;  ///< at its first width it is as in the file
  bool is_weight = false;
  std::size_t site = 0;                 ///< in Sites
  bool is_signed = true;                ///< of activations
  std::vector<Grid> grids;              ///< of activations, by width
  std::vector<std::string> quantizers;  ///< as QKeras writes them, by width; empty: as in the file

  /// At this place it is as in the file.
  [[nodiscard]] bool is_given(int place) const noexcept {
    return place < 0 || (place == 0 && first_is_given);
  }
};

/// Place in Knob::widths, by knob; -1: as in the file.
using Widths = std::vector<int>;

/// How far a setting is from the model as it is.
struct BitsError {
  ErrorMetrics metrics;
  ErrorSums sums;
};

/// Weights are inputs of its session, so that no setting has to be built; activations are rounded
/// where they pass a tap, which no optimization of the runtime crosses.
class BitsModel {
 public:
  /// Opens it, finds the grids of all activations and runs the model as it is.
  [[nodiscard]] static Result<BitsModel> open(const BitsSetup& setup, const BitsOptions& options,
                                              Monitor& monitor);
  BitsModel(BitsModel&&) noexcept;
  BitsModel& operator=(BitsModel&&) noexcept;
  ~BitsModel();

  [[nodiscard]] const std::vector<Knob>& knobs() const noexcept;
  [[nodiscard]] const Sites& sites() const noexcept;
  /// Of a knob; its place is none of the file's (-1).
  [[nodiscard]] int bits_at(const Widths& widths, std::size_t knob) const;
  /// Of the widest activation that operators with these weights read; kInputBits where they read an
  /// input of the network alone.
  [[nodiscard]] int input_bits(const Widths& widths, std::size_t weights) const;
  /// Over all outputs and samples. NaN and infinities are not in `sums.noise`.
  [[nodiscard]] Result<BitsError> measure(const Widths& widths, Monitor& monitor);

 private:
  struct State;
  explicit BitsModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::noise
