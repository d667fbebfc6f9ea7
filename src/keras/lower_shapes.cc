// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/products.h"

namespace tessera::keras::lower_layer {
namespace {

/// Zeros are added or taken off at the ends of spatial axes.
Result<std::vector<std::int64_t>> end_pairs(const Site& site, const char* key) {
  TESSERA_TRY(const auto spatial, spatial_axes(site));
  TESSERA_CHECK(site.config().expect_channels_last());
  if (site.input().rank() != spatial + 2) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected {} axes", site.title(),
                to_string(site.input().shape), spatial + 2);
  }
  if (!site.config().has(key)) {
    return std::vector<std::int64_t>(2 * spatial, key == std::string_view("padding") ? 1 : 0);
  }
  return site.config().pairs(key, spatial);
}

}  // namespace

Result<Values> nothing(Lowering& /*lowering*/, const Site& site) {
  return Values{site.input()};
}

Result<Values> flatten(Lowering& lowering, const Site& site) {
  auto value = site.input();
  const auto extents = extents_behind_batch(value.shape);
  if (!extents) {
    if (value.rank() == 2) {
      return Values{std::move(value)};
    }
    value = lowering.keras_order(site, value);
    return Values{lowering.reshape(site, value, {value.shape.front(), Dim{}})};
  }
  if (value.rank() == 2) {
    return Values{std::move(value)};
  }
  const Dims shape{value.shape.front(), known_dim(element_count(*extents))};
  if (!value.channels_first() || extents->back() == 1 ||
      std::all_of(extents->begin(), extents->end() - 1, [](auto one) { return one == 1; })) {
    return Values{lowering.reshape(site, value, shape)};
  }
  // Whoever reads it knows the order that it has; Dense moves the rows of its kernel instead.
  auto flat = lowering.reshape(site, value, shape);
  flat.layout = Layout::kFlatChannelsFirst;
  flat.unflattened = *extents;
  return Values{std::move(flat)};
}

Result<Values> reshape(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto target, site.config().integers("target_shape"));
  for (const auto extent : target) {
    if (extent < -1 || extent == 0) {
      return site.config().wrong("target_shape", "numbers from 1 up, and one -1 at most");
    }
  }
  const auto shape = reshaped(site.input().shape, target);
  if (!shape) {
    return fail(ErrorCode::kDataLoss, "{}: an input of {} cannot have the shape of target_shape",
                site.title(), to_string(site.input().shape));
  }
  return Values{lowering.reshape(site, lowering.keras_order(site, site.input()), *shape)};
}

Result<Values> permute(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto dims, site.config().integers("dims"));
  const auto input = lowering.keras_order(site, site.input());
  Permutation axes{0};
  axes.insert(axes.end(), dims.begin(), dims.end());
  auto sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i) || sorted.size() != input.rank()) {
      return site.config().wrong("dims", "the axes behind the batch, each once");
    }
  }
  auto value = input;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    value.shape[i] = input.shape[static_cast<std::size_t>(axes[i])];
  }
  value.name = lowering.op(site, "Transpose", {input.name}, {{"perm", axes}});
  return Values{std::move(value)};
}

Result<Values> repeat_vector(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto count, site.config().positive("n"));
  auto value = lowering.keras_order(site, site.input());
  if (value.rank() != 2) {
    return fail(ErrorCode::kDataLoss, "{}: input of {}; expected a vector per sample", site.title(),
                to_string(value.shape));
  }
  value = lowering.reshape(site, value, {value.shape[0], known_dim(1), value.shape[1]});
  value.name =
      lowering.op(site, "Tile", {value.name, lowering.integers(site, "repeats", {1, count, 1})});
  value.shape[1] = known_dim(count);
  return Values{std::move(value)};
}

Result<Values> zero_padding(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto ends, end_pairs(site, "padding"));
  auto value = site.input();
  std::vector<std::int64_t> pads(2 * value.rank(), 0);
  for (std::size_t i = 0; 2 * i < ends.size(); ++i) {
    const auto axis = static_cast<std::size_t>(value.stored_axis(static_cast<std::int64_t>(i) + 1));
    pads[axis] = ends[2 * i];
    pads[axis + value.rank()] = ends[2 * i + 1];
    auto& extent = value.shape[i + 1];
    extent = extent.known() ? known_dim(extent.value + ends[2 * i] + ends[2 * i + 1]) : Dim{};
  }
  value.name = lowering.op(site, "Pad", {value.name, lowering.integers(site, "pads", pads)});
  return Values{std::move(value)};
}

Result<Values> cropping(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto ends, end_pairs(site, "cropping"));
  auto value = site.input();
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> stops;
  for (std::size_t i = 0; 2 * i < ends.size(); ++i) {
    axes.push_back(value.stored_axis(static_cast<std::int64_t>(i) + 1));
    starts.push_back(ends[2 * i]);
    stops.push_back(ends[2 * i + 1] == 0 ? LayerConfig::kMostExtent : -ends[2 * i + 1]);
    auto& extent = value.shape[i + 1];
    extent = extent.known() ? known_dim(extent.value - ends[2 * i] - ends[2 * i + 1]) : Dim{};
    if (extent.known() && extent.value < 1) {
      return fail(ErrorCode::kDataLoss, "{}: nothing is left of an input of {}", site.title(),
                  to_string(site.input().shape));
    }
    if (extent.value < 1) {
      extent = Dim{};
    }
  }
  value.name =
      lowering.op(site, "Slice",
                  {value.name, lowering.integers(site, "starts", starts),
                   lowering.integers(site, "ends", stops), lowering.integers(site, "axes", axes)});
  return Values{std::move(value)};
}

Result<Values> up_sampling(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  TESSERA_TRY(const auto spatial, spatial_axes(site));
  TESSERA_CHECK(config.expect_channels_last());
  if (site.input().rank() != spatial + 2) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected {} axes", site.title(),
                to_string(site.input().shape), spatial + 2);
  }
  TESSERA_TRY(const auto factors, config.extents("size", spatial, 2));
  TESSERA_TRY(const auto how, config.text("interpolation", "nearest"));
  if (how != "nearest" && how != "bilinear") {
    return fail(ErrorCode::kUnimplemented, "{}: interpolation '{}'; expected nearest or bilinear",
                site.title(), how);
  }
  auto value = lowering.channels_first(site, site.input());
  std::vector<float> scales{1, 1};
  for (std::size_t i = 0; i < spatial; ++i) {
    scales.push_back(static_cast<float>(factors[i]));
    auto& extent = value.shape[i + 1];
    extent = extent.known() ? known_dim(extent.value * factors[i]) : Dim{};
  }
  const bool nearest = how == "nearest";
  std::vector<onnx::NamedAttribute> attributes{
      {"mode", std::string(nearest ? "nearest" : "linear")},
      {"coordinate_transformation_mode", std::string(nearest ? "asymmetric" : "half_pixel")}};
  if (nearest) {
    attributes.push_back({"nearest_mode", std::string("floor")});
  }
  value.name = lowering.op(site, "Resize",
                           {value.name, "", lowering.numbers(site, "scales", std::move(scales))},
                           std::move(attributes));
  return Values{std::move(value)};
}

/// The layer sees every step as a sample of its own.
Result<Values> time_distributed(Lowering& lowering, const Site& site) {
  if (!site.layer.inner || site.layer.inner->layers.empty()) {
    return fail(ErrorCode::kDataLoss, "{}: wraps no layer", site.title());
  }
  const auto input = lowering.keras_order(site, site.input());
  const auto extents = extents_behind_batch(input.shape);
  if (!extents || extents->size() < 2) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected steps of known extents",
                site.title(), to_string(input.shape));
  }
  auto steps = input;
  steps.shape.erase(steps.shape.begin() + 1);
  steps.shape.front() = Dim{};
  std::vector<std::int64_t> target(extents->begin() + 1, extents->end());
  target.insert(target.begin(), -1);
  steps.name = lowering.op(site, "Reshape", {input.name, lowering.integers(site, "shape", target)});
  const auto& inner = site.layer.inner->layers.back();
  const Call call;
  const Site inside{inner, call, site.name + "/" + inner.name, {steps}, site.generation};
  TESSERA_TRY(auto values, lower_call(lowering, inside));
  auto value = lowering.keras_order(site, values.front());
  const auto made = extents_behind_batch(value.shape);
  if (!made) {
    return fail(ErrorCode::kUnimplemented, "{}: results of {}; expected known extents",
                site.title(), to_string(value.shape));
  }
  target = *made;
  target.insert(target.begin(), {-1, extents->front()});
  value.name = lowering.op(site, "Reshape", {value.name, lowering.integers(site, "shape", target)});
  value.shape.insert(value.shape.begin() + 1, known_dim(extents->front()));
  value.shape.front() = input.shape.front();
  return Values{std::move(value)};
}

}  // namespace tessera::keras::lower_layer
