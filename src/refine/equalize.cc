// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/equalize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "refine/layers.h"

namespace tessera::refine {
namespace {

/// f(s x) = s f(x) for s > 0, channel by channel, values of a channel among themselves.
bool is_homogeneous(std::string_view type) {
  constexpr std::array<std::string_view, 7> kTypes = {
      "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity", "Dropout"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

/// Pads with zeros or with elements of the same channel.
bool pads_homogeneously(const onnx::Model& model, onnx::NodeId node) {
  const auto mode = model.attribute(node, "mode");
  const auto* text = mode ? std::get_if<std::string>(&*mode) : nullptr;
  if (text != nullptr && *text != "constant") {
    return true;
  }
  const auto inputs = model.inputs(node);
  if (inputs.size() < 3 || inputs[2].empty()) {
    const auto value = model.attribute(node, "value");
    const auto* number = value ? std::get_if<float>(&*value) : nullptr;
    return number == nullptr || *number == 0;
  }
  if (!model.is_constant(inputs[2])) {
    return false;
  }
  const auto value = model.initializer(inputs[2]);
  return value && value->dtype == DType::kFloat32 && value->size() == 1 &&
         value->as<float>()[0] == 0;
}

class Finder {
 public:
  Finder(const onnx::Model& model, std::vector<std::string>* refused)
      : model_(model), refused_(refused) {}

  Result<std::vector<ScalablePath>> run() {
    TESSERA_TRY(const auto graph, model_.view());
    std::vector<ScalablePath> paths;
    for (const auto& op : graph.ops()) {
      if (!op.domain.empty() || (op.type != "Conv" && op.type != "InstanceNormalization")) {
        continue;
      }
      ScalablePath path;
      path.producer = op.name;
      path.tensor = graph.tensor(*op.outputs.front()).name;
      problem_.clear();
      if (begin(onnx::Model::node_of(op), path) && follow(path.tensor, 0, path, false) &&
          !path.readers.empty()) {
        paths.push_back(std::move(path));
      } else if (refused_ != nullptr) {
        refused_->push_back(fmt::format("equalize: '{}': {}", path.tensor,
                                        problem_.empty() ? "no convolution reads it" : problem_));
      }
    }
    return paths;
  }

 private:
  bool refuse(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  /// A constant that this operator alone reads.
  [[nodiscard]] bool is_own_constant(const std::string& name) const {
    return !name.empty() && model_.is_constant(name) && model_.consumers(name).size() == 1 &&
           !model_.used_by_body(name) && !model_.is_output(name);
  }

  [[nodiscard]] std::optional<Shape> shape_of(const std::string& constant) const {
    const auto type = model_.initializer_type(constant);
    if (!type || !type->shape || type->dtype != DType::kFloat32) {
      return std::nullopt;
    }
    Shape shape;
    for (const auto& dim : *type->shape) {
      shape.push_back(dim.value);
    }
    return shape;
  }

  bool begin(onnx::NodeId node, ScalablePath& path) {
    const auto inputs = model_.inputs(node);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (!inputs[i].empty() && !is_own_constant(inputs[i])) {
        return refuse(fmt::format("'{}' is no constant of this operator alone", inputs[i]));
      }
    }
    const auto shape = inputs.size() > 1 ? shape_of(inputs[1]) : std::nullopt;
    if (!shape || shape->empty()) {
      return refuse("its weights are no float32 constant");
    }
    path.channels = shape->front();
    return true;
  }

  bool follow(const std::string& value, std::int64_t offset, ScalablePath& path, bool joined) {
    if (model_.is_output(value) || model_.used_by_body(value)) {
      return refuse(fmt::format("'{}' leaves the model", value));
    }
    if (!joined) {
      path.passes.push_back(value);
    }
    for (const auto node : model_.consumers(value)) {
      if (!model_.domain(node).empty() || !pass(node, value, offset, path, joined)) {
        return problem_.empty() ? refuse(fmt::format("'{}' ({}) does not commute with scaling",
                                                     model_.name(node), model_.op_type(node)))
                                : false;
      }
    }
    return true;
  }

  bool pass(onnx::NodeId node, const std::string& value, std::int64_t offset, ScalablePath& path,
            bool joined) {
    const auto& type = model_.op_type(node);
    const auto inputs = model_.inputs(node);
    const auto outputs = model_.outputs(node);
    if (type == "Conv") {
      return read(node, value, offset, path);
    }
    if (type == "Concat") {
      return join(node, value, offset, path);
    }
    const bool single = outputs.size() == 1 || outputs[1].empty();
    const bool homogeneous =
        is_homogeneous(type) || (type == "Pad" && pads_homogeneously(model_, node));
    return homogeneous && single && inputs.front() == value &&
           follow(outputs.front(), offset, path, joined);
  }

  bool read(onnx::NodeId node, const std::string& value, std::int64_t offset, ScalablePath& path) {
    const auto inputs = model_.inputs(node);
    if (inputs[0] != value || !is_own_constant(inputs[1])) {
      return false;
    }
    const auto shape = shape_of(inputs[1]);
    if (!shape || shape->size() < 3) {
      return false;
    }
    const auto groups = model_.int_attribute(node, "group", 1);
    const bool depthwise = groups > 1 && (*shape)[1] == 1 && groups == (*shape)[0];
    if (groups != 1 && !depthwise) {
      return false;
    }
    const auto width = depthwise ? groups : (*shape)[1];
    if (offset + path.channels > width) {
      return false;
    }
    path.readers.push_back({node, offset, depthwise});
    return true;
  }

  bool join(onnx::NodeId node, const std::string& value, std::int64_t offset, ScalablePath& path) {
    if (model_.int_attribute(node, "axis", 1) != 1) {
      return false;
    }
    std::int64_t before = 0;
    bool found = false;
    for (const auto& input : model_.inputs(node)) {
      if (input == value) {
        if (found) {
          return false;  // twice: both would have to agree, which nothing here arranges
        }
        found = true;
        if (!follow(model_.outputs(node).front(), before + offset, path, true)) {
          return false;
        }
      }
      const auto type = model_.type_of(input);
      if (!type || !type->shape || type->shape->size() < 2 || !(*type->shape)[1].known()) {
        return refuse(fmt::format("the channels of '{}' are not known", input));
      }
      before += (*type->shape)[1].value;
    }
    return true;
  }

  const onnx::Model& model_;
  std::vector<std::string>* refused_;
  std::string problem_;
};

/// Weights on their way from the model and back.
class Weights {
 public:
  explicit Weights(onnx::Model& model) : model_(model) {}

  Result<Tensor*> of(onnx::NodeId node, std::size_t input) {
    const auto name = model_.inputs(node)[input];
    const auto found = loaded_.find(name);
    if (found != loaded_.end()) {
      return &found->second.value;
    }
    TESSERA_TRY(const auto view, model_.initializer(name));
    auto& entry = loaded_[name];
    entry = {node, input, Tensor(view)};
    return &entry.value;
  }

  void store() {
    for (auto& [name, entry] : loaded_) {
      quantize::replace_constant(model_, entry.node, entry.input, std::move(entry.value));
    }
  }

 private:
  struct Entry {
    onnx::NodeId node;
    std::size_t input = 0;
    Tensor value;
  };
  onnx::Model& model_;
  std::map<std::string, Entry> loaded_;
};

/// A row of `count` values per index of the first axis.
std::span<float> row_of(Tensor& tensor, std::int64_t index) {
  const auto rows = tensor.shape().front();
  const auto count = static_cast<std::size_t>(tensor.size() / rows);
  return tensor.as<float>().subspan(static_cast<std::size_t>(index) * count, count);
}

float largest(std::span<const float> values) {
  float result = 0;
  for (const float value : values) {
    result = std::max(result, std::abs(value));
  }
  return result;
}

/// Visits the weights of a reader that multiply channel `channel` of what it reads.
template <class Visit>
void for_channel(Tensor& weight, bool depthwise, std::int64_t channel, Visit visit) {
  if (depthwise) {
    visit(row_of(weight, channel));
    return;
  }
  const auto& shape = weight.shape();
  const auto taps = static_cast<std::size_t>(weight.size() / shape[0] / shape[1]);
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    visit(row_of(weight, row).subspan(static_cast<std::size_t>(channel) * taps, taps));
  }
}

class Equalizer {
 public:
  Equalizer(onnx::Model& model, const EqualizeOptions& options)
      : model_(model), options_(options), weights_(model) {}

  Result<bool> apply(const ScalablePath& path, const std::vector<float>& magnitude) {
    const auto producer = model_.producer(path.tensor);
    if (!producer) {
      return false;
    }
    TESSERA_TRY(const auto wanted, scales_of(*producer, path, magnitude));
    const bool any =
        std::any_of(wanted.begin(), wanted.end(), [](float scale) { return scale != 1; });
    if (!any) {
      return false;
    }
    const auto inputs = model_.inputs(*producer);
    for (std::size_t input = 1; input < inputs.size(); ++input) {
      if (inputs[input].empty()) {
        continue;
      }
      TESSERA_TRY(auto* tensor, weights_.of(*producer, input));
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        for (float& value : row_of(*tensor, static_cast<std::int64_t>(i))) {
          value /= wanted[i];
        }
      }
    }
    for (const auto& reader : path.readers) {
      TESSERA_TRY(auto* tensor, weights_.of(reader.node, 1));
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        for_channel(*tensor, reader.depthwise, reader.offset + static_cast<std::int64_t>(i),
                    [&](std::span<float> values) {
                      for (float& value : values) {
                        value *= wanted[i];
                      }
                    });
      }
    }
    return true;
  }

  void store() { weights_.store(); }

 private:
  /// Powers of two. Not centred: parts of a concatenation, scaled one by one, shall end up alike.
  Result<std::vector<float>> scales_of(onnx::NodeId producer, const ScalablePath& path,
                                       const std::vector<float>& magnitude) {
    const auto channels = static_cast<std::size_t>(path.channels);
    std::vector<double> exponent(channels, 0);
    std::vector<bool> alive(channels, false);
    const bool normalization = model_.op_type(producer) == "InstanceNormalization";
    const bool all_depthwise = std::all_of(path.readers.begin(), path.readers.end(),
                                           [](const auto& r) { return r.depthwise; });
    TESSERA_TRY(auto* own, weights_.of(producer, 1));
    for (std::size_t i = 0; i < channels; ++i) {
      const auto channel = static_cast<std::int64_t>(i);
      float second = 0;
      for (const auto& reader : path.readers) {
        TESSERA_TRY(auto* tensor, weights_.of(reader.node, 1));
        for_channel(*tensor, reader.depthwise, reader.offset + channel,
                    [&](std::span<float> values) { second = std::max(second, largest(values)); });
      }
      const bool by_activation = options_.per_channel_weights || normalization;
      const float first = by_activation ? magnitude[i] : largest(row_of(*own, channel));
      if (!(first > 0) || !(second > 0) || !std::isfinite(first) || !std::isfinite(second)) {
        continue;
      }
      // A depthwise reader with a scale per channel is free to take all of it.
      const bool free = all_depthwise && options_.per_channel_weights;
      exponent[i] = free ? std::log2(double{first})
                         : 0.5 * (std::log2(double{first}) - std::log2(double{second}));
      alive[i] = true;
    }
    std::vector<float> scales(channels, 1);
    for (std::size_t i = 0; i < channels; ++i) {
      if (alive[i]) {
        constexpr double kLimit = 10;
        scales[i] =
            static_cast<float>(std::exp2(std::clamp(std::nearbyint(exponent[i]), -kLimit, kLimit)));
      }
    }
    return scales;
  }

  onnx::Model& model_;
  EqualizeOptions options_;
  Weights weights_;
};

}  // namespace

Result<std::vector<ScalablePath>> scalable_paths(const onnx::Model& model,
                                                 std::vector<std::string>* refused) {
  return Finder(model, refused).run();
}

Result<std::int64_t> equalize(onnx::Model& model, const std::vector<ScalablePath>& paths,
                              const std::map<std::string, std::vector<float>>& magnitude,
                              const EqualizeOptions& options) {
  Equalizer equalizer(model, options);
  std::int64_t changed = 0;
  for (const auto& path : paths) {
    const auto found = magnitude.find(path.tensor);
    if (found == magnitude.end() || std::ssize(found->second) != path.channels) {
      continue;
    }
    TESSERA_TRY(const bool moved, equalizer.apply(path, found->second));
    changed += moved ? 1 : 0;
  }
  equalizer.store();
  return changed;
}

}  // namespace tessera::refine
