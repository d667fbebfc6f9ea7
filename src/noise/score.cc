// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/score.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::noise {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double sqnr_db(const ErrorSums& sums) {
  if (sums.noise == 0) {
    return kInfinity;
  }
  return sums.signal == 0 ? -kInfinity : 10 * std::log10(sums.signal / sums.noise);
}

double cosine(const ErrorSums& sums) {
  if (sums.signal > 0 && sums.candidate > 0) {
    return std::clamp(sums.dot / std::sqrt(sums.signal * sums.candidate), -1.0, 1.0);
  }
  return sums.signal == sums.candidate ? 1 : 0;
}

void add(ErrorSums& into, const ErrorSums& sums, double weight) {
  const auto square = weight * weight;
  into.signal += square * sums.signal;
  into.noise += square * sums.noise;
  into.dot += square * sums.dot;
  into.candidate += square * sums.candidate;
  into.elements += sums.elements;
  into.non_finite += sums.non_finite;
}

double per_element(double noise, std::int64_t elements) {
  return elements == 0 ? 0 : std::sqrt(noise) / static_cast<double>(elements);
}

}  // namespace

void Score::add(std::span<const ErrorSums> outputs, std::span<const SweepOutput> described,
                std::optional<bool> agrees) {
  totals_.resize(outputs.size());
  ErrorSums together;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    noise::add(together, outputs[i], described[i].weight);
    noise::add(totals_[i].sums, outputs[i], 1);
    totals_[i].error += per_element(outputs[i].noise, outputs[i].elements);
  }
  error_ += per_element(together.noise, together.elements);
  ++images_;
  if (agrees) {
    ++voted_;
    agreed_ += *agrees ? 1 : 0;
  }
}

void Score::finish(std::span<const SweepOutput> described, SweepRecord& record) const {
  const auto count = static_cast<double>(std::max<std::int64_t>(images_, 1));
  ErrorSums together;
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    noise::add(together, totals_[i].sums, described[i].weight);
    const bool finite = totals_[i].sums.non_finite == 0;
    record.outputs.push_back({described[i].name, finite ? totals_[i].error / count : kNaN,
                              finite ? sqnr_db(totals_[i].sums) : kNaN});
  }
  record.images = images_;
  record.non_finite = together.non_finite;
  if (record.non_finite == 0) {
    record.error = error_ / count;
    record.sqnr_db = sqnr_db(together);
    record.cosine = cosine(together);
    record.relative_l2 =
        together.noise == 0
            ? 0
            : (together.signal == 0 ? kInfinity : std::sqrt(together.noise / together.signal));
  } else {
    record.error = record.sqnr_db = record.cosine = record.relative_l2 = kNaN;
  }
  if (voted_ > 0) {
    record.agreement = 100.0 * static_cast<double>(agreed_) / static_cast<double>(voted_);
  }
}

}  // namespace tessera::noise
