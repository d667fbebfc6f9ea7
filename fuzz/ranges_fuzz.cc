// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "json_input.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/calibrate/ranges.h"

/// A ranges file survives writing and reading again; a shard's file is merged or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = tessera::json_input(data, size);
  if (!json) {
    return 0;
  }
  const std::vector<tessera::Json> documents = {*json};
  auto& monitor = tessera::Monitor::silent();
  (void)tessera::calibrate::merge_shards(documents, 1, monitor);
  const auto ranges = tessera::calibrate::ranges_from_json(*json, "input");
  if (!ranges) {
    return 0;
  }
  const auto written = tessera::parse_json(tessera::to_text(to_json(*ranges)), "written");
  const auto again = written ? tessera::calibrate::ranges_from_json(*written, "written")
                             : tessera::Result<tessera::calibrate::Ranges>();
  if (!again || again->tensors != ranges->tensors || again->methods != ranges->methods) {
    std::abort();
  }
  return 0;
}
