// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/products.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keras/reports.h"
#include "tessera/keras/quantizer_onnx.h"

namespace tessera::keras {
namespace {

Permutation kernel_permutation(std::size_t spatial, bool depthwise) {
  const auto n = static_cast<std::int64_t>(spatial);
  Permutation axes{depthwise ? n : n + 1, depthwise ? n + 1 : n};
  for (std::int64_t i = 0; i < n; ++i) {
    axes.push_back(i);
  }
  return axes;
}

/// Integers of this type can be dequantized in the model's opset.
bool storable(Lowering& lowering, const Codes& codes) {
  const auto dtype = codes.integers.dtype();
  return dtype == DType::kInt8 ||
         (dtype == DType::kInt16 && lowering.model().opset().value_or(0) >= kOpsetOf16Bits);
}

/// The weight whose quantizer QKeras calls so: "depthwise_quantizer" is of depthwise_kernel.
std::string weight_behind(std::string_view key) {
  const auto name = key.substr(0, key.find("_quantizer"));
  if (name == "depthwise" || name == "pointwise") {
    return fmt::format("{}_kernel", name);
  }
  return name == "mean" || name == "variance" ? fmt::format("moving_{}", name) : std::string(name);
}

/// What was trained for a weight; null if nothing was.
const TrainedRange* trained_range(const Site& site, const std::string& weight) {
  if (site.trained == nullptr) {
    return nullptr;
  }
  const auto found = site.trained->find(weight);
  return found == site.trained->end() ? nullptr : &found->second;
}

}  // namespace

Result<Factor> factor(Lowering& lowering, const Site& site, const TensorView& weight,
                      const char* key, WeightUse use) {
  const auto name = weight_behind(key);
  if (const auto* range = trained_range(site, name)) {
    TESSERA_TRY(auto trained, fake_quantized(weight, *range).map_error(in_file(site.title())));
    return Factor{std::make_shared<const QuantizedWeight>(std::move(trained)), weight};
  }
  if (!is_qkeras(site.layer.class_name)) {
    return Factor{nullptr, weight};
  }
  const auto where = fmt::format("{}: {}", site.title(), key);
  TESSERA_TRY(const auto quantizer, parse_quantizer(site.config().at(key), where));
  if (!quantizer) {
    return Factor{nullptr, weight};
  }
  const auto used = as_used(*quantizer, use);
  TESSERA_TRY(auto quantized, lowering.quantized(site, name, [&] {
    return quantize_weight(used, weight, use).map_error(in_file(where));
  }));
  TESSERA_CHECK(lowering.report(
      site, name, [&] { return report_of(site.name, name, used, weight, *quantized); }));
  return Factor{std::move(quantized), weight};
}

std::string store(Lowering& lowering, const Site& site, std::string_view what, const Factor& factor,
                  const Arrangement& arrangement) {
  const auto* const codes = factor.codes();
  const auto as_floats = [&] {
    return lowering.weight(site, what, [&] { return arrangement.move(factor.view()); });
  };
  if (codes == nullptr || !storable(lowering, *codes)) {
    return as_floats();
  }
  const auto moved = [&] { return arrangement.move(codes->integers.view()); };
  if (codes->scales.size() == 1) {
    return lowering.dequantized(site, what, moved, codes->scales, 0);
  }
  const auto from = codes->axis.value_or(0);
  const auto axis = arrangement.axis(from);
  if (!axis) {
    return as_floats();
  }
  auto scales = arrangement.scales ? arrangement.scales(codes->scales, from) : codes->scales;
  return lowering.dequantized(site, what, moved, std::move(scales), *axis);
}

Result<std::size_t> spatial_axes(const Site& site) {
  const auto& name = site.layer.class_name;
  if (name.find("1D") != std::string::npos) {
    return std::size_t{1};
  }
  if (name.find("3D") != std::string::npos) {
    return fail(ErrorCode::kUnimplemented, "{}: three spatial axes; expected one or two",
                site.title());
  }
  return std::size_t{2};
}

Result<Padding> read_padding(const Site& site) {
  TESSERA_TRY(const auto name, site.config().text("padding", "valid"));
  if (name == "valid") {
    return Padding::kValid;
  }
  if (name == "same") {
    return Padding::kSame;
  }
  if (name == "causal" && site.layer.class_name.find("1D") != std::string::npos) {
    return Padding::kCausal;
  }
  return site.config().wrong("padding", "valid, same, or causal in one dimension");
}

Result<Convolution> read_convolution(const Site& site) {
  const auto config = site.config();
  TESSERA_TRY(const auto spatial, spatial_axes(site));
  TESSERA_CHECK(config.expect_channels_last());
  if (site.input().rank() != spatial + 2 || !site.input().channels().known()) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected {} axes with known channels",
                site.title(), to_string(site.input().shape), spatial + 2);
  }
  if (!config.has("kernel_size")) {
    return config.wrong("kernel_size", "numbers from 1 up");
  }
  TESSERA_TRY(const auto sizes, config.extents("kernel_size", spatial, 1));
  TESSERA_TRY(const auto strides, config.extents("strides", spatial, 1));
  TESSERA_TRY(const auto dilations, config.extents("dilation_rate", spatial, 1));
  Convolution result;
  for (std::size_t i = 0; i < spatial; ++i) {
    result.windows.push_back({sizes[i], strides[i], dilations[i]});
  }
  TESSERA_TRY(result.padding, read_padding(site));
  TESSERA_TRY(result.groups, config.positive_or("groups", 1));
  return result;
}

Result<Windowed> windowed(const Site& site, const Value& value, const std::vector<Window>& windows,
                          Padding padding) {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> begins;
  std::vector<std::int64_t> ends;
  Windowed result;
  result.shape.push_back(value.shape.front());
  bool open = false;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& extent = value.shape[i + 1];
    const auto steps = steps_of(windows[i], extent, padding);
    if (!steps) {
      return fail(ErrorCode::kDataLoss, "{}: a window of {} does not fit into an input of {}",
                  site.title(), windows[i].reach(), to_string(value.shape));
    }
    const auto pads = pads_of(windows[i], extent, padding);
    open = open || !pads;
    begins.push_back(pads ? pads->begin : 0);
    ends.push_back(pads ? pads->end : 0);
    sizes.push_back(windows[i].size);
    strides.push_back(windows[i].stride);
    dilations.push_back(windows[i].dilation);
    result.shape.push_back(*steps);
  }
  const bool dilated =
      std::any_of(dilations.begin(), dilations.end(), [](auto d) { return d > 1; });
  if (open && dilated) {
    return fail(ErrorCode::kUnimplemented,
                "{}: padding 'same' with strides and dilation over an "
                "input of {}; expected known extents",
                site.title(), to_string(value.shape))
        .hint("give the network an input of known size");
  }
  result.attributes = {{"kernel_shape", sizes}, {"strides", strides}};
  if (dilated) {
    result.attributes.push_back({"dilations", dilations});
  }
  if (open) {
    result.attributes.push_back({"auto_pad", std::string("SAME_UPPER")});
    return result;
  }
  begins.insert(begins.end(), ends.begin(), ends.end());
  result.attributes.push_back({"pads", begins});
  return result;
}

Result<Value> convolve(Lowering& lowering, const Site& site, const Value& value,
                       const Convolution& how, const std::string& weight, const std::string& bias) {
  const auto input = lowering.channels_first(site, value);
  TESSERA_TRY(auto window, windowed(site, input, how.windows, how.padding));
  if (how.groups != 1) {
    window.attributes.push_back({"group", how.groups});
  }
  std::vector<std::string> inputs{input.name, weight};
  if (!bias.empty()) {
    inputs.push_back(bias);
  }
  Value result;
  result.name = lowering.op(site, "Conv", std::move(inputs), std::move(window.attributes));
  result.shape = std::move(window.shape);
  result.shape.push_back(known_dim(how.filters));
  result.layout = Layout::kChannelsFirst;
  return result;
}

Arrangement kernel_arrangement(std::size_t spatial) {
  const auto last = static_cast<std::int64_t>(spatial) + 1;
  return {[spatial](const TensorView& weight) {
            return permuted(weight, kernel_permutation(spatial, false));
          },
          [last](std::int64_t axis) -> std::optional<std::int64_t> {
            if (axis == last) {
              return 0;
            }
            return axis == last - 1 ? std::optional<std::int64_t>(1) : std::nullopt;
          },
          nullptr};
}

Arrangement depthwise_arrangement(std::size_t spatial, std::int64_t channels,
                                  std::int64_t multiplier) {
  const auto last = static_cast<std::int64_t>(spatial) + 1;
  return {[spatial](const TensorView& weight) {
            auto moved = permuted(weight, kernel_permutation(spatial, true));
            Shape shape{moved.shape()[0] * moved.shape()[1], 1};
            shape.insert(shape.end(), moved.shape().begin() + 2, moved.shape().end());
            moved.reshape(std::move(shape));
            return moved;
          },
          [last](std::int64_t axis) -> std::optional<std::int64_t> {
            return axis >= last - 1 ? std::optional<std::int64_t>(0) : std::nullopt;
          },
          // One scale per m, or per c, is one per channel c * M + m.
          [last, channels, multiplier](const std::vector<float>& scales, std::int64_t axis) {
            std::vector<float> result;
            for (std::int64_t c = 0; c < channels; ++c) {
              for (std::int64_t m = 0; m < multiplier; ++m) {
                result.push_back(scales[static_cast<std::size_t>(axis == last ? m : c)]);
              }
            }
            return result;
          }};
}

}  // namespace tessera::keras
