// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/file_timing.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace tessera::evaluate {

bool FileTiming::worth_it() const noexcept {
  constexpr double kLeastGain = 1.02;
  return speedup.certain() && speedup.median >= kLeastGain;
}

Json to_json(const FileTiming& timing) {
  return {{"speedup", timing.speedup.median},
          {"speedup_low", timing.speedup.low},
          {"speedup_high", timing.speedup.high},
          {"latency", to_json(timing.latency)},
          {"reference_latency", to_json(timing.reference_latency)},
          {"kernels", to_json(timing.kernels)}};
}

Result<FileTiming> time_file(const LabSetup& setup, const std::filesystem::path& file,
                             double budget_us, Monitor& monitor) {
  TESSERA_TRY(auto lab, Lab::open(setup, monitor));
  FileTiming result;
  TESSERA_TRY(auto lane, lab.open_file(file, {}, result.kernels));
  std::vector<Lane> lanes;
  lanes.push_back(std::move(lane));
  Measurement row;
  row.status = RowStatus::kOk;
  RaceOptions race;
  race.min_rounds = 10;
  race.settle_rounds = 30;
  race.budget_us = budget_us;
  TESSERA_TRY(result.reference_latency, lab.time(lanes, {&row}, race, "timing the file", monitor));
  TESSERA_CHECK(monitor.check());
  if (row.status != RowStatus::kOk) {
    return fail(ErrorCode::kUnavailable, "the written file does not run: {}", row.reason)
        .hint("leave the operator named there in float with --exclude");
  }
  result.latency = row.latency;
  result.speedup = row.speedup;
  return result;
}

}  // namespace tessera::evaluate
