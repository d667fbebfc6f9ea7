// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "keras/layer_config.h"
#include "keras/weights.h"

// How Keras walks a model to write it: saving_lib._save_state() of Keras 2.13 to 3. Layers lie in
// groups of their class's name, the second and later ones with a number behind it; what a layer
// holds lies below, under the names of its attributes; arrays are numbered in `vars`.
namespace tessera::keras {
namespace {

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return text.empty() || error != std::errc() || stop != end ? std::nullopt : std::optional(number);
}

/// "conv2d" and 2 of "conv2d_2"; 0 without a number.
struct Numbered {
  std::string_view stem;
  std::size_t number = 0;

  auto operator<=>(const Numbered&) const = default;
};

Numbered split_number(std::string_view name) {
  const auto mark = name.rfind('_');
  const auto number =
      mark == std::string_view::npos ? std::nullopt : number_of(name.substr(mark + 1));
  return number ? Numbered{name.substr(0, mark), *number} : Numbered{name, 0};
}

/// Attributes whose order is that of a layer's weights; all others are in the order of their names.
std::size_t rank_of(std::string_view attribute) {
  constexpr std::array<std::string_view, 6> kFirst{
      "forward_layer", "backward_layer", "query_dense", "key_dense", "value_dense", "output_dense"};
  while (attribute.starts_with('_')) {
    attribute.remove_prefix(1);
  }
  return static_cast<std::size_t>(std::ranges::find(kFirst, attribute) - kFirst.begin());
}

std::vector<std::string> members_in_order(const hdf5::Object& group) {
  std::vector<std::string> names;
  for (const auto& [name, link] : group.links) {
    // The state of random numbers is no weight.
    if (name != "vars" && name != "seed_generator") {
      names.push_back(name);
    }
  }
  std::ranges::sort(names, {}, [](const std::string& name) {
    return std::pair(rank_of(name), split_number(name));
  });
  return names;
}

using Names = std::vector<std::string>;

Names norm_names(const Layer& layer, const Names& statistics) {
  const LayerConfig config(layer);
  Names names;
  if (config.flag("scale", true).value_or(true)) {
    names.emplace_back("gamma");
  }
  if (config.flag("center", true).value_or(true)) {
    names.emplace_back("beta");
  }
  names.insert(names.end(), statistics.begin(), statistics.end());
  return names;
}

/// Of layers that multiply by kernels.
Names product_names(const Layer& layer) {
  const auto is = [&](const char* part) {
    return layer.class_name.find(part) != std::string::npos;
  };
  Names names;
  if (is("Separable")) {
    names = {"depthwise_kernel", "pointwise_kernel"};
  } else {
    names.emplace_back(is("Depthwise") ? "depthwise_kernel" : "kernel");
  }
  if (LayerConfig(layer).flag("use_bias", true).value_or(true)) {
    names.emplace_back("bias");
  }
  if (is("Batchnorm")) {
    names.emplace_back("iteration");
  }
  return names;
}

/// What the weights in `vars` are called in their order; none for layers that are not known.
/// `owner` is the layer's group or the member of it that has them.
Names names_of(const Layer& layer, std::string_view owner) {
  static const std::map<std::string_view, Names> kOthers = {
      {"Embedding", {"embeddings"}},
      {"Normalization", {"mean", "variance", "count"}},
      {"PReLU", {"alpha"}},
      {"QAdaptiveActivation", {"step", "ema_min", "ema_max"}}};
  const std::string_view name = layer.class_name;
  if (owner == "cell" || owner.ends_with("_cell")) {
    return {"kernel", "recurrent_kernel", "bias"};
  }
  if (owner == "batchnorm" || name.ends_with("BatchNormalization")) {
    return norm_names(layer, {"moving_mean", "moving_variance"});
  }
  if (name == "LayerNormalization") {
    return norm_names(layer, {});
  }
  if (const auto found = kOthers.find(name); found != kOthers.end()) {
    return found->second;
  }
  const bool product = name.find("Conv") != std::string_view::npos || name.ends_with("Dense") ||
                       name == "MultiHeadAttention";
  return product ? product_names(layer) : Names{};
}

class NumberedWeights {
 public:
  explicit NumberedWeights(const hdf5::File& file) : file_(file) {}

  [[nodiscard]] Status read_network(const hdf5::Object& group, Model& model) {
    TESSERA_TRY(const auto own, file_.find(group, "vars"));
    if (own != nullptr && !own->links.empty()) {
      return homeless(file_, fmt::format("{}/{}", own->path, own->links.begin()->first));
    }
    // What Keras 2.12 and 2.13 call it lists layers with weights twice, which takes two numbers.
    TESSERA_TRY(auto layers, file_.find(group, "layers"));
    const bool doubled = layers == nullptr;
    if (doubled) {
      TESSERA_TRY(layers, file_.find(group, "_layer_checkpoint_dependencies"));
    }
    if (layers == nullptr) {
      return disagree(file_, fmt::format("'{}' has no groups of layers for the model '{}'",
                                         group.path, model.name));
    }
    std::set<std::string> left;
    for (const auto& [name, link] : layers->links) {
      left.insert(name);
    }
    std::map<std::string, std::size_t> next;
    for (auto& layer : model.layers) {
      if (layer.is_operation) {
        continue;
      }
      const auto stem = snake_case(layer.class_name);
      const auto name = doubled ? lowest(left, stem) : numbered(left, stem, next[stem]++);
      if (name.empty()) {
        if (layer.class_name == "InputLayer") {
          continue;
        }
        return disagree(file_, fmt::format("layer '{}' ({}) has no group in '{}'", layer.name,
                                           layer.class_name, layers->path));
      }
      left.erase(name);
      TESSERA_TRY(const auto of_layer, file_.find(*layers, name));
      TESSERA_CHECK(read_layer(*of_layer, layer));
    }
    if (!left.empty()) {
      return disagree(file_, fmt::format("the weights '{}/{}' belong to no layer", layers->path,
                                         *left.begin()));
    }
    return {};
  }

 private:
  [[nodiscard]] static std::string numbered(const std::set<std::string>& names,
                                            const std::string& stem, std::size_t number) {
    auto name = number == 0 ? stem : fmt::format("{}_{}", stem, number);
    return names.contains(name) ? name : std::string();
  }

  [[nodiscard]] static std::string lowest(const std::set<std::string>& names,
                                          const std::string& stem) {
    std::string best;
    for (const auto& name : names) {
      const auto split = split_number(name);
      const bool fits = name == stem || split.stem == stem;
      if (fits && (best.empty() || name == stem ||
                   (best != stem && split.number < split_number(best).number))) {
        best = name;
      }
    }
    return best;
  }

  [[nodiscard]] Status read_layer(const hdf5::Object& group, Layer& layer) {
    if (layer.is_network()) {
      return read_network(group, opened(layer));
    }
    if (is_bare_wrapper(layer)) {
      TESSERA_TRY(const auto wrapped, file_.find(group, "layer"));
      if (wrapped == nullptr) {
        return disagree(file_, fmt::format("layer '{}' ({}) has no group 'layer' in '{}'",
                                           layer.name, layer.class_name, group.path));
      }
      return read_layer(*wrapped, opened(layer).layers.front());
    }
    return collect(group, layer);
  }

  /// The arrays of a group, then those below. Groups are no tree where a file is damaged.
  [[nodiscard]] Status collect(const hdf5::Object& group, Layer& layer) {
    if (!seen_.insert(group.path).second || group.path.size() > kMostPathBytes) {
      return disagree(file_,
                      fmt::format("the groups of layer '{}' go round in a circle", layer.name));
    }
    TESSERA_TRY(const auto vars, file_.find(group, "vars"));
    if (vars != nullptr) {
      TESSERA_CHECK(read_arrays(*vars, layer));
    }
    for (const auto& name : members_in_order(group)) {
      TESSERA_TRY(const auto member, file_.find(group, name));
      if (member->is_dataset()) {
        return disagree(file_, fmt::format("weight '{}' of layer '{}' ({}) is not in 'vars'",
                                           member->path, layer.name, layer.class_name));
      }
      TESSERA_CHECK(collect(*member, layer));
    }
    return {};
  }

  [[nodiscard]] Status read_arrays(const hdf5::Object& vars, Layer& layer) {
    const auto names = names_of(layer, owner_of(vars.path + "/0"));
    for (std::size_t i = 0; i < vars.links.size(); ++i) {
      auto name = std::to_string(i);
      TESSERA_TRY(const auto array, file_.find(vars, name));
      if (array == nullptr || !array->is_dataset()) {
        return disagree(
            file_, fmt::format("layer '{}' ({}) has {} weights in '{}', but none '{}'", layer.name,
                               layer.class_name, vars.links.size(), vars.path, name));
      }
      TESSERA_TRY(auto value, file_.tensor(*array));
      layer.weights.push_back({i < names.size() ? names[i] : std::move(name),
                               fmt::format("{}/{}", vars.path.substr(1), i), std::move(value)});
    }
    return {};
  }

  static constexpr std::size_t kMostPathBytes = 4096;

  const hdf5::File& file_;
  std::set<std::string> seen_;  ///< by path: an object is known by the one it was found by first
};

}  // namespace

Status read_numbered_weights(const hdf5::File& file, const hdf5::Object& root, Model& model) {
  return NumberedWeights(file).read_network(root, model);
}

}  // namespace tessera::keras
