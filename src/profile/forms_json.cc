// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/forms_json.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace tessera::profile {
namespace {

constexpr std::array<const char*, 3> kLayouts = {"plain", "blocked", "channels-last"};

/// What results may be, by the names of the types.
std::optional<DType> values_from(const std::string& name) {
  using enum DType;
  constexpr std::array kTypes = {kFloat32, kFloat16, kUInt8, kInt8, kUInt16, kInt16};
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](DType type) { return to_string(type) == name; });
  return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

Json forms_json(const std::vector<std::string>& schemes, const Forms& forms) {
  auto json = Json::array();
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const auto& form = forms[i + 1];
    json.push_back({{"scheme", schemes[i]},
                    {"values", to_string(form.values)},
                    {"convolution", kLayouts[static_cast<std::size_t>(form.convolution)]}});
  }
  return json;
}

Status read_forms(const Json& json, std::vector<std::string>& schemes, Forms& forms) {
  schemes.clear();
  forms.resize(1);
  for (const auto& item : json) {
    const auto word = item.at("convolution").get<std::string>();
    const auto* const layout = std::find(kLayouts.begin(), kLayouts.end(), word);
    const auto values = values_from(item.at("values").get<std::string>());
    if (layout == kLayouts.end() || !values) {
      return fail(ErrorCode::kDataLoss, "results of a scheme have an unknown form");
    }
    schemes.push_back(item.at("scheme").get<std::string>());
    forms.push_back({*values, static_cast<Layout>(layout - kLayouts.begin())});
  }
  if (schemes.empty() || schemes.size() > kMostSchemes) {
    return fail(ErrorCode::kDataLoss, "there are {} schemes, not 1 to {}", schemes.size(),
                kMostSchemes);
  }
  return {};
}

}  // namespace tessera::profile
