// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/products.h"

namespace tessera::keras::lower_layer {
namespace {

constexpr std::int64_t kPoolSize = 2;

Status expect_rank(const Site& site, std::size_t spatial) {
  if (site.input().rank() != spatial + 2) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected {} axes", site.title(),
                to_string(site.input().shape), spatial + 2);
  }
  return {};
}

Result<Values> pool(Lowering& lowering, const Site& site, std::string_view type) {
  const auto config = site.config();
  TESSERA_TRY(const auto spatial, spatial_axes(site));
  TESSERA_CHECK(config.expect_channels_last());
  TESSERA_CHECK(expect_rank(site, spatial));
  TESSERA_TRY(const auto sizes, config.extents("pool_size", spatial, kPoolSize));
  auto strides = sizes;
  if (config.has("strides")) {
    TESSERA_TRY(strides, config.extents("strides", spatial, kPoolSize));
  }
  TESSERA_TRY(const auto padding, read_padding(site));
  std::vector<Window> windows;
  for (std::size_t i = 0; i < spatial; ++i) {
    windows.push_back({sizes[i], strides[i], 1});
  }
  const auto input = lowering.channels_first(site, site.input());
  TESSERA_TRY(auto window, windowed(site, input, windows, padding));
  if (type == "AveragePool") {
    window.attributes.push_back({"count_include_pad", std::int64_t{0}});
  }
  auto value = input;
  value.name = lowering.op(site, type, {input.name}, std::move(window.attributes));
  value.shape = std::move(window.shape);
  value.shape.push_back(input.channels());
  return Values{std::move(value)};
}

Result<Values> global_pool(Lowering& lowering, const Site& site, std::string_view pool,
                           std::string_view reduction) {
  const auto config = site.config();
  TESSERA_TRY(const auto spatial, spatial_axes(site));
  TESSERA_CHECK(config.expect_channels_last());
  TESSERA_CHECK(expect_rank(site, spatial));
  TESSERA_TRY(const bool keep, config.flag("keepdims", false));
  auto value = site.input();
  const auto channels = value.channels();
  const auto batch = value.shape.front();
  std::fill(value.shape.begin() + 1, value.shape.end() - 1, known_dim(1));
  if (!value.channels_first() && spatial == 1) {
    // A sequence that no convolution reads stays as it lies.
    value.name = lowering.reduce(site, reduction, value.name, {1}, keep);
    value.shape = keep ? value.shape : Dims{batch, channels};
    return Values{std::move(value)};
  }
  const auto input = lowering.channels_first(site, site.input());
  value.name = lowering.op(site, pool, {input.name});
  value.layout = Layout::kChannelsFirst;
  if (!keep) {
    value.layout = Layout::kKeras;
    value.shape = {batch, channels};
    value.name = lowering.op(site, "Flatten", {value.name}, {{"axis", std::int64_t{1}}});
  }
  return Values{std::move(value)};
}

}  // namespace

Result<Values> max_pool(Lowering& lowering, const Site& site) {
  return pool(lowering, site, "MaxPool");
}
Result<Values> average_pool(Lowering& lowering, const Site& site) {
  return pool(lowering, site, "AveragePool");
}
Result<Values> global_max_pool(Lowering& lowering, const Site& site) {
  return global_pool(lowering, site, "GlobalMaxPool", "ReduceMax");
}
Result<Values> global_average_pool(Lowering& lowering, const Site& site) {
  return global_pool(lowering, site, "GlobalAveragePool", "ReduceMean");
}

}  // namespace tessera::keras::lower_layer
