// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Sweeps, one or several with a zero byte between them, and lists of subsets.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/text.h"
#include "tessera/noise/observations.h"
#include "tessera/noise/subset_file.h"
#include "tessera/noise/sweep.h"

namespace tessera::noise {
namespace {

void demand(bool holds) {
  if (!holds) {
    std::abort();
  }
}

std::string text_of(const Sweep& sweep) {
  auto text = sweep.document;
  for (const auto& record : sweep.records) {
    text += to_line(to_json(record));
  }
  return text;
}

/// What was read and written is read again as the same.
void read_sweeps(const std::vector<SweepText>& files) {
  const auto sweep = parse_sweep(files);
  if (!sweep) {
    return;
  }
  const std::vector<SweepText> written = {{"written", text_of(*sweep)}};
  const auto again = parse_sweep(written);
  demand(again && text_of(*again) == written.front().text &&
         to_json(again->header) == to_json(sweep->header));
}

/// Every row is what a fit may rely on.
void read_observations_of(const std::vector<SweepText>& files) {
  const auto observations = parse_observations(files, Monitor::silent());
  if (!observations) {
    return;
  }
  demand(std::isfinite(observations->signal));
  const auto layers = static_cast<std::int32_t>(observations->layers.size());
  const LayerSet* before = nullptr;
  for (const auto& row : observations->rows) {
    demand(std::isfinite(row.error) && row.error >= 0 && !std::isinf(row.sqnr_db));
    demand(row.layers.empty() || (row.layers.front() >= 0 && row.layers.back() < layers));
    demand(std::adjacent_find(row.layers.begin(), row.layers.end(), std::greater_equal()) ==
           row.layers.end());
    demand(before == nullptr || *before < row.layers);
    before = &row.layers;
  }
}

/// Subsets are found again in a list of their layers.
void read_list(std::string_view text) {
  const std::vector<std::string> names = {"Conv_0", "Conv_4", "a", "b,c"};
  const LayerIndex index(names);
  if (const auto document = parse_json(text, "input")) {
    (void)subset_from_plan(*document, "input", index);
  }
  const auto subsets = parse_subsets(text, "input", index);
  if (!subsets) {
    return;
  }
  std::string written;
  for (const auto& subset : *subsets) {
    auto list = Json::array();
    for (const auto layer : subset.layers) {
      list.push_back(names[static_cast<std::size_t>(layer)]);
    }
    written += to_line(list);
  }
  const auto again = parse_subsets(written, "written", index);
  demand(again && std::equal(subsets->begin(), subsets->end(), again->begin(), again->end(),
                             [](const NamedSubset& a, const NamedSubset& b) {
                               return a.layers == b.layers;
                             }));
}

}  // namespace
}  // namespace tessera::noise

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<tessera::noise::SweepText> files;
  for (const auto part : tessera::split(text, '\0')) {
    files.push_back({"input", std::string(part)});
  }
  tessera::noise::read_sweeps(files);
  tessera::noise::read_observations_of(files);
  tessera::noise::read_list(text);
  return 0;
}
