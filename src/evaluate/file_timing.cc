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

Result<LaneTimes> time_lanes(Lab& lab, std::vector<Lane>& lanes, std::string_view stage,
                             double budget_us, Monitor& monitor) {
  LaneTimes times;
  times.rows.resize(lanes.size());
  std::vector<Measurement*> rows;
  for (auto& row : times.rows) {
    row.status = RowStatus::kOk;
    rows.push_back(&row);
  }
  RaceOptions race;
  race.min_rounds = 10;
  race.settle_rounds = 30;
  race.budget_us = budget_us;
  TESSERA_TRY(times.reference, lab.time(lanes, rows, race, stage, monitor));
  TESSERA_CHECK(monitor.check());
  return times;
}

Result<FileTiming> time_file(const LabSetup& setup, const std::filesystem::path& file,
                             double budget_us, Monitor& monitor) {
  TESSERA_TRY(auto lab, Lab::open(setup, monitor));
  FileTiming result;
  TESSERA_TRY(auto lane, lab.open_file(file, {}, result.kernels));
  std::vector<Lane> lanes;
  lanes.push_back(std::move(lane));
  TESSERA_TRY(const auto times, time_lanes(lab, lanes, "timing the file", budget_us, monitor));
  const auto& row = times.rows.front();
  if (row.status != RowStatus::kOk) {
    return fail(ErrorCode::kUnavailable, "the written file does not run: {}", row.reason)
        .hint("leave the operator named there in float with --exclude");
  }
  result.reference_latency = times.reference;
  result.latency = row.latency;
  result.speedup = row.speedup;
  return result;
}

}  // namespace tessera::evaluate
