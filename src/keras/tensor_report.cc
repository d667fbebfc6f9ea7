// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/tensor_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "keras/quantizer_scale.h"
#include "keras/reports.h"
#include "tessera/keras/quantizer_onnx.h"

namespace tessera::keras {
namespace {

/// Bits of a grid of the same kind that just holds the codes.
int needed_bits(const Codes& codes, std::int64_t low, std::int64_t high) {
  const bool symmetric = codes.low == -codes.high;
  for (int bits = codes.low < 0 ? 2 : 1; bits < codes.bits; ++bits) {
    const std::int64_t most = (std::int64_t{1} << (codes.low < 0 ? bits - 1 : bits)) - 1;
    const std::int64_t least = codes.low < 0 ? (symmetric ? -most : -most - 1) : 0;
    if (low >= least && high <= most) {
      return bits;
    }
  }
  return codes.bits;
}

/// What codes of one type use, and the share of those beyond their ends.
template <class T>
void note_use(const Codes& codes, std::span<const float> before, GridUse& use) {
  const auto integers = codes.integers.as<T>();
  if (integers.empty()) {
    return;
  }
  const auto groups = codes.axis ? along(codes.integers.shape(), *codes.axis) : whole();
  auto [low, high] = std::pair(integers[0], integers[0]);
  std::int64_t clipped = 0;
  for_each_in_group(groups, integers.size(), [&](std::size_t i, std::size_t group) {
    const auto code = integers[i];
    low = std::min(low, code);
    high = std::max(high, code);
    const float scale = codes.scales[group];
    const float beyond = std::fabs(before[i]) - std::fabs(static_cast<float>(code) * scale);
    const bool at_end = code == codes.low || code == codes.high;
    clipped += at_end && beyond > scale / 2 ? 1 : 0;
  });
  use.used_low = low;
  use.used_high = high;
  use.clipped = static_cast<double>(clipped) / static_cast<double>(integers.size());
}

GridUse use_of(const Codes& codes, std::span<const float> before) {
  GridUse use{.scales = codes.scales, .low = codes.low, .high = codes.high};
  switch (codes.integers.dtype()) {
    case DType::kInt8:
      note_use<std::int8_t>(codes, before, use);
      break;
    case DType::kUInt8:
      note_use<std::uint8_t>(codes, before, use);
      break;
    case DType::kInt16:
      note_use<std::int16_t>(codes, before, use);
      break;
    case DType::kUInt16:
      note_use<std::uint16_t>(codes, before, use);
      break;
    default:
      note_use<std::int32_t>(codes, before, use);
  }
  use.needed_bits = needed_bits(codes, use.used_low, use.used_high);
  return use;
}

}  // namespace

Result<TensorReport> report_of(std::string layer, std::string what, const Quantizer& quantizer,
                               const TensorView& before, const QuantizedWeight& after) {
  TensorReport report{.layer = std::move(layer),
                      .what = std::move(what),
                      .quantizer = to_string(quantizer),
                      .bits = quantizer.bits,
                      .elements = after.values.size()};
  const auto values = before.as<float>();
  const auto on_grid = after.values.as<float>();
  if (values.size() != on_grid.size()) {
    return fail(ErrorCode::kInternal, "{} numbers became {}", values.size(), on_grid.size());
  }
  double signal = 0;
  double noise = 0;
  float least = on_grid.empty() ? 0 : on_grid.front();
  float most = least;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    const double lost = x - static_cast<double>(on_grid[i]);
    signal += x * x;
    noise += lost * lost;
    least = std::min(least, on_grid[i]);
    most = std::max(most, on_grid[i]);
  }
  report.least = least;
  report.most = most;
  if (noise > 0 && signal > 0) {
    report.sqnr_db = 10 * std::log10(signal / noise);
  }
  if (after.codes) {
    report.grid = use_of(*after.codes, values);
  }
  return report;
}

TensorReport report_of_grid(std::string layer, std::string what, const Quantizer& quantizer) {
  TensorReport report{.layer = std::move(layer),
                      .what = std::move(what),
                      .quantizer = to_string(quantizer),
                      .bits = quantizer.bits};
  if (const auto grid = grid_of(quantizer)) {
    report.grid = GridUse{.scales = {grid->scale},
                          .low = grid->low,
                          .high = grid->high,
                          .used_low = grid->low,
                          .used_high = grid->high,
                          .needed_bits = quantizer.bits};
    report.least = static_cast<double>(grid->low) * static_cast<double>(grid->scale);
    report.most = static_cast<double>(grid->high) * static_cast<double>(grid->scale);
  }
  return report;
}

Json to_json(const TensorReport& report) {
  Json json = {{"layer", report.layer},
               {"what", report.what},
               {"quantizer", report.quantizer},
               {"bits", report.bits},
               {"elements", report.elements},
               {"least", finite_or_null(report.least)},
               {"most", finite_or_null(report.most)},
               {"sqnr_db", or_null(report.sqnr_db)}};
  if (report.grid) {
    const auto& grid = *report.grid;
    json["grid"] = {{"scales", grid.scales},       {"low", grid.low},
                    {"high", grid.high},           {"used_low", grid.used_low},
                    {"used_high", grid.used_high}, {"needed_bits", grid.needed_bits},
                    {"clipped", grid.clipped}};
  }
  return json;
}

}  // namespace tessera::keras
