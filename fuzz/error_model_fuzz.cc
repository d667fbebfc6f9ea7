// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "json_input.h"
#include "tessera/noise/model.h"
#include "tessera/noise/rank.h"
#include "tessera/noise/subset_file.h"

namespace {

/// What commands read besides the model: a profile and a plan, of layers c0 to c3, one of them in
/// two schemes.
void read_as_others(const tessera::Json& json) {
  using namespace tessera::noise;  // NOLINT(google-build-using-namespace)
  ErrorModel model;
  for (const auto* name : {"c0", "c1", "c2", "c3"}) {
    model.layers.push_back({.name = name, .type = "Conv"});
  }
  model.layers.push_back(
      {.name = "c3@dynamic-u8s8", .type = "Conv", .scheme = "dynamic-u8s8", .op = "c3"});
  (void)gains_from_profile(json, model.network, model.layers, "input");
  (void)subset_from_plan(json, "input", LayerIndex(model.layers));
}

/// Everything that commands do with a model of the error.
void use(const tessera::noise::ErrorModel& model) {
  using namespace tessera::noise;  // NOLINT(google-build-using-namespace)
  LayerSet all(model.layers.size());
  std::iota(all.begin(), all.end(), 0);
  (void)predict(model, all);
  if (predict(model, {}).error != 0) {
    std::abort();
  }
  (void)rank_layers(model, gains_of_macs(model.layers));
}

}  // namespace

/// Profiles and plans are read or refused; a model of the error survives writing and reading again,
/// and predicts whatever it holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;  // NOLINT(google-build-using-namespace)
  const auto json = json_input(data, size);
  if (!json) {
    return 0;
  }
  read_as_others(*json);
  const auto model = noise::error_model_from_json(*json, "input");
  if (!model) {
    return 0;
  }
  use(*model);
  auto document = *json;
  document["result"] = to_json(*model);
  const auto again = noise::error_model_from_json(document, "written");
  if (!again || to_json(*again) != document["result"]) {
    std::abort();
  }
  return 0;
}
