// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>

#include "tessera/noise/model.h"
#include "tessera/noise/rank.h"
#include "tessera/noise/subset_file.h"

namespace {

/// Everything that commands do with a model of the error.
void use(const tessera::noise::ErrorModel& model, const tessera::Json& json) {
  using namespace tessera::noise;  // NOLINT(google-build-using-namespace)
  LayerSet all(model.layers.size());
  std::iota(all.begin(), all.end(), 0);
  (void)predict(model, all);
  if (predict(model, {}).error != 0) {
    std::abort();
  }
  const auto gains = gains_of_macs(model);
  (void)rank_layers(model, gains);
  (void)gains_from_profile(json, model, "input");
  (void)subset_from_plan(json, "input", LayerIndex(model.layers));
}

}  // namespace

/// A model of the error survives writing and reading again, and predicts whatever it holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = parse_json(text, "input");
  if (!json) {
    return 0;
  }
  const auto model = noise::error_model_from_json(*json, "input");
  if (!model) {
    return 0;
  }
  use(*model, *json);
  auto document = *json;
  document["result"] = to_json(*model);
  const auto again = noise::error_model_from_json(document, "written");
  if (!again || to_json(*again) != document["result"]) {
    std::abort();
  }
  return 0;
}
