// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_scale.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "keras/quantizer_rule.h"

namespace tessera::keras {
namespace {

constexpr int kSteps = 5;

using Values = std::span<const float>;

float nearest_power_of_two(float scale) {
  const auto log = static_cast<float>(std::log(static_cast<double>(scale + kEpsilon)));
  // Sums of the largest floats may be none.
  const float exponent = std::isnan(log) ? 127.0F : round_even(log / kLogOfTwo);
  return power_of_two(static_cast<int>(std::clamp(exponent, -126.0F, 127.0F)));
}

struct Scaling {
  const Quantizer& quantizer;
  Groups most;     ///< elements whose largest value counts
  Groups squares;  ///< elements that are fitted by one scale

  [[nodiscard]] bool po2() const { return quantizer.scale == ScaleRule::kAutoPo2; }
};

std::vector<float> largest(Values values, const Groups& groups, bool magnitude) {
  std::vector<float> found(groups.count,
                           magnitude ? 0.0F : -std::numeric_limits<float>::infinity());
  for_each_in_group(groups, values.size(), [&](std::size_t i, std::size_t group) {
    found[group] = std::max(found[group], magnitude ? std::fabs(values[i]) : values[i]);
  });
  return found;
}

/// Sums of term(i) over the elements of each group, in the order in which TensorFlow's Eigen takes
/// them with registers of 8 floats: rows of full registers in four sums side by side, other columns
/// one after the other. With it scales mostly agree to the last bit; another order of float32 does
/// not.
template <class Term>
std::vector<float> sums(std::size_t elements, const Groups& groups, const Term& term) {
  constexpr std::size_t kLanes = 4;
  constexpr std::size_t kRegister = 8;
  constexpr std::size_t kFewRows = 16;
  const auto columns = groups.count;
  const auto rows = elements / columns;
  std::vector<float> total(columns, 0.0F);
  if (!groups.axis || groups.inner != 1 || rows < kFewRows) {
    for_each_in_group(groups, elements,
                      [&](std::size_t i, std::size_t group) { total[group] += term(i); });
    return total;
  }
  const auto wide = columns / kRegister * kRegister;
  const auto paired = rows / kLanes * kLanes;
  std::vector<float> lanes(kLanes * wide, 0.0F);
  const auto add_row = [&](std::size_t row, std::span<float> to) {
    for (std::size_t column = 0; column < to.size(); ++column) {
      to[column] += term(row * columns + column);
    }
    for (std::size_t column = wide; column < columns; ++column) {
      total[column] += term(row * columns + column);
    }
  };
  for (std::size_t row = 0; row < paired; ++row) {
    add_row(row, std::span(lanes).subspan(row % kLanes * wide, wide));
  }
  for (std::size_t column = 0; column < wide; ++column) {
    total[column] = ((lanes[column] + lanes[wide + column]) + lanes[2 * wide + column]) +
                    lanes[3 * wide + column];
  }
  for (std::size_t row = paired; row < rows; ++row) {
    add_row(row, std::span(total).first(wide));
  }
  return total;
}

/// The scale that fits codes to values best by least squares, as a power of two where it is to be
/// one.
std::vector<float> least_squares(const Scaling& scaling, Values values, Values codes) {
  const auto& groups = scaling.squares;
  const auto elements = static_cast<float>(values.size() / groups.count);
  const auto product_sums =
      sums(values.size(), groups, [&](std::size_t i) { return values[i] * codes[i]; });
  const auto square_sums =
      sums(values.size(), groups, [&](std::size_t i) { return codes[i] * codes[i]; });
  std::vector<float> scales;
  scales.reserve(groups.count);
  for (std::size_t i = 0; i < groups.count; ++i) {
    float scale = product_sums[i] / elements / (square_sums[i] / elements + kEpsilon);
    if (scaling.po2()) {
      scale = nearest_power_of_two(scale);
      const auto& quantizer = scaling.quantizer;
      scale = std::max(scale, power_of_two(quantizer.min_exponent.value_or(-126)));
      scale = std::min(scale, power_of_two(quantizer.max_exponent.value_or(127)));
    }
    scales.push_back(scale);
  }
  return scales;
}

/// Fits the scales to the codes. True if they are those that the codes were found with: then
/// further steps change nothing.
bool fit(const Scaling& scaling, Values values, ScaledCodes& result) {
  const bool same_groups = result.groups.count == scaling.squares.count;
  const auto before = std::exchange(result.scales, least_squares(scaling, values, result.codes));
  result.groups = scaling.squares;
  return same_groups && before == result.scales;
}

// --- quantized_bits --------------------------------------------------------------------------

/// Half away from zero, up to `most`; 0 stays 0 even without a scale.
void find_codes_of_bits(Values values, const Groups& groups, Values scales, float most,
                        std::vector<float>& codes) {
  codes.resize(values.size());
  // Without branches, so that several are taken at once. Most is no whole int32 beyond 2^24.
  constexpr float kWhole = 16777216.0F;
  if (most < kWhole) {
    for_each_in_group(groups, values.size(), [&](std::size_t i, std::size_t group) {
      const float steps = std::fabs(values[i]) / scales[group] + 0.5F;
      const float kept = static_cast<float>(static_cast<std::int32_t>(std::min(most, steps)));
      codes[i] = values[i] == 0 ? 0.0F : std::copysign(kept, values[i]);
    });
    return;
  }
  for_each_in_group(groups, values.size(), [&](std::size_t i, std::size_t group) {
    const float steps = std::fabs(values[i]) / scales[group] + 0.5F;
    // Most is at most 2^31, so that what is less can be cut off.
    const float kept = steps < most ? static_cast<float>(static_cast<std::int32_t>(steps)) : most;
    codes[i] = values[i] == 0 ? 0.0F : std::copysign(kept, values[i]);
  });
}

Result<Groups> groups_of_trained(const Quantizer& quantizer, const Scaling& scaling) {
  const auto count = quantizer.trained_scale.size();
  if (count == 1) {
    return whole();
  }
  if (count == scaling.most.count) {
    return scaling.most;
  }
  return fail(ErrorCode::kInvalidArgument, "{} has {} trained scales; expected one or {}",
              quantizer.name, count, scaling.most.count);
}

Result<ScaledCodes> scale_bits(const Scaling& scaling, Values values) {
  const auto& quantizer = scaling.quantizer;
  const float g = power_of_two(quantizer.integer);
  const float m = power_of_two(quantizer.bits - (quantizer.keep_negative ? 1 : 0));
  const float most = power_of_two(quantizer.bits - 1) - 1;
  std::vector<float> divided;
  if (g != 1) {
    divided.reserve(values.size());
    std::ranges::transform(values, std::back_inserter(divided), [&](float x) { return x / g; });
  }
  const Values inner = g != 1 ? Values(divided) : values;

  ScaledCodes result{.groups = scaling.most, .low = -most, .high = most, .published = m / g};
  if (!quantizer.trained_scale.empty()) {
    TESSERA_TRY(result.groups, groups_of_trained(quantizer, scaling));
    result.scales = quantizer.trained_scale;
    std::ranges::for_each(result.scales, [&](float& scale) { scale /= m; });
    find_codes_of_bits(inner, result.groups, result.scales, most, result.codes);
  } else {
    result.scales = largest(inner, scaling.most, true);
    std::ranges::for_each(result.scales, [&](float& scale) { scale = scale * 2 / (2 * most); });
    if (scaling.po2()) {
      std::ranges::for_each(result.scales, [](float& s) { s = nearest_power_of_two(s); });
      for (int step = 0; step < kSteps; ++step) {
        find_codes_of_bits(inner, result.groups, result.scales, most, result.codes);
        if (fit(scaling, inner, result)) {
          break;
        }
      }
    }
    if (!scaling.po2() || quantizer.codes_last) {
      find_codes_of_bits(inner, result.groups, result.scales, most, result.codes);
    }
  }
  std::ranges::for_each(result.scales, [&](float& scale) { scale *= g; });
  return result;
}

// --- quantized_linear ------------------------------------------------------------------------

Result<ScaledCodes> scale_linear(const Scaling& scaling, Values values) {
  auto fixed = scaling.quantizer;
  fixed.alpha = 1;
  const auto grid = rule_of(fixed, fixed.integer);
  const bool sign = fixed.bits == 1 && fixed.keep_negative;
  // One bit has codes of -1/2 and 1/2 times the scale that QKeras speaks of.
  const float unit = sign ? 0.5F : 1.0F;
  const float range = (grid.high - grid.low) * unit;
  ScaledCodes result{.groups = scaling.most, .low = grid.low, .high = grid.high};
  result.published = 1 / grid.step;
  result.scales = largest(values, scaling.most, fixed.keep_negative);
  std::ranges::for_each(result.scales, [&](float& scale) {
    scale = std::max((fixed.keep_negative ? scale * 2 : scale) / range, kEpsilon);
  });

  auto rule = grid;
  const auto find_codes = [&] {
    result.codes.resize(values.size());
    for_each_in_group(result.groups, values.size(), [&](std::size_t i, std::size_t group) {
      rule.step = result.scales[group] * unit;
      result.codes[i] = code_of(fixed, rule, values[i]);
    });
  };
  if (scaling.po2()) {
    std::ranges::for_each(result.scales, [](float& s) { s = nearest_power_of_two(s); });
    for (int step = 0; step < (sign ? 1 : kSteps); ++step) {
      find_codes();
      std::vector<float> halved = result.codes;
      std::ranges::for_each(halved, [&](float& code) { code *= unit; });
      const auto before = std::exchange(result.scales, least_squares(scaling, values, halved));
      result.groups = scaling.squares;
      if (before == result.scales) {
        break;
      }
    }
  }
  find_codes();
  std::ranges::for_each(result.scales, [&](float& scale) { scale *= unit; });
  return result;
}

// --- binary and ternary ----------------------------------------------------------------------

ScaledCodes scale_binary(const Scaling& scaling, Values values) {
  const auto rule = rule_of(scaling.quantizer, 0);
  ScaledCodes result{.groups = scaling.squares, .low = rule.low, .high = rule.high};
  result.codes.reserve(values.size());
  for (const float value : values) {
    result.codes.push_back(code_of(scaling.quantizer, rule, value));
  }
  result.scales = least_squares(scaling, values, result.codes);
  return result;
}

ScaledCodes scale_ternary(const Scaling& scaling, Values values) {
  ScaledCodes result{.groups = scaling.most, .low = -1, .high = 1};
  result.scales = largest(values, scaling.most, true);
  std::ranges::for_each(result.scales, [&](float& scale) {
    scale = 2 * scale / 3.0F;
    scale = scaling.po2() ? nearest_power_of_two(scale) : scale;
  });
  for (int step = 0; step < scaling.quantizer.unrolls; ++step) {
    result.codes.resize(values.size());
    for_each_in_group(result.groups, values.size(), [&](std::size_t i, std::size_t group) {
      const float scale = result.scales[group];
      const float rounded = scale * round_even(values[i] / scale);
      const bool kept = std::fabs(rounded) >= scale / 2 && values[i] != 0;
      result.codes[i] = kept ? std::copysign(1.0F, values[i]) : 0.0F;
    });
    if (fit(scaling, values, result)) {
      break;
    }
  }
  return result;
}

}  // namespace

Groups whole() {
  return {};
}

Groups along(const Shape& shape, std::int64_t axis) {
  const auto place = static_cast<std::size_t>(axis);
  Groups groups{.count = static_cast<std::size_t>(shape[place]), .axis = axis};
  for (std::size_t i = place + 1; i < shape.size(); ++i) {
    groups.inner *= static_cast<std::size_t>(shape[i]);
  }
  groups.count = std::max<std::size_t>(groups.count, 1);
  groups.inner = std::max<std::size_t>(groups.inner, 1);
  return groups;
}

Result<ScaledCodes> scaled_codes(const Quantizer& quantizer, Values values, const Shape& shape) {
  const auto rank = std::ssize(shape);
  if (quantizer.scale_axis.value_or(0) >= std::max<std::int64_t>(rank, 1)) {
    return fail(ErrorCode::kInvalidArgument,
                "{} has the scale_axis {}, and the values {} dimensions", quantizer.name,
                *quantizer.scale_axis, rank);
  }
  // A vector has one scale for its largest value, and one for each element where it is fitted:
  // but for quantized_linear, which always has one for each.
  const bool vector = rank <= 1;
  const Groups squares = rank == 0 ? whole()
                         : vector  ? along(shape, 0)
                                   : along(shape, quantizer.scale_axis.value_or(rank - 1));
  const bool each = !vector || quantizer.kind == QuantizerKind::kLinear;
  const Scaling scaling{quantizer, each ? squares : whole(), squares};
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kHardSwish:
      return scale_bits(scaling, values);
    case QuantizerKind::kLinear:
      return scale_linear(scaling, values);
    case QuantizerKind::kBinary:
      return scale_binary(scaling, values);
    case QuantizerKind::kTernary:
      return scale_ternary(scaling, values);
    case QuantizerKind::kRelu:
    case QuantizerKind::kUlaw:
    case QuantizerKind::kTanh:
    case QuantizerKind::kSigmoid:
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
    case QuantizerKind::kFunction:
      break;
  }
  return fail(ErrorCode::kUnimplemented, "{} has no scale from data", quantizer.name);
}

}  // namespace tessera::keras
