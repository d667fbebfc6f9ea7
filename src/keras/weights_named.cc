// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "keras/weights.h"

namespace tessera::keras {
namespace {

/// "kernel" of "conv/kernel:0".
std::string weight_name(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return std::string(name.substr(0, name.rfind(':')));
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) {
      return parts;
    }
    path = path.substr(slash + 1);
  }
}

/// A layer that is no network, and the names of those that it is in.
struct Leaf {
  Layer* layer = nullptr;
  std::vector<std::string> above;
  std::vector<Weight> weights;
};

void collect_leaves(Model& model, const std::vector<std::string>& above,
                    std::vector<Leaf>& leaves) {
  for (auto& layer : model.layers) {
    if (!layer.is_network()) {
      leaves.push_back({&layer, above, {}});
      continue;
    }
    auto names = above;
    names.push_back(layer.name);
    collect_leaves(opened(layer), names, leaves);
  }
}

/// How well the path of a weight fits a layer: how many of the networks that it is in the path
/// names, how early and how long it names the layer itself, and that it leaves out few networks.
struct Fit {
  std::size_t above = 0;
  std::size_t early = 0;
  std::size_t length = 0;
  std::size_t shallow = 0;

  auto operator<=>(const Fit&) const = default;
};

/// Where the names of `name`, which may have '/' in it, stand in the path; its length if nowhere.
std::size_t place_of(const std::string& name, const std::vector<std::string_view>& parts) {
  const auto names = parts_of(name);
  return static_cast<std::size_t>(std::ranges::search(parts, names).begin() - parts.begin());
}

std::optional<Fit> fit_of(const Leaf& leaf, const std::vector<std::string_view>& parts) {
  auto own = place_of(leaf.layer->name, parts);
  if (leaf.layer->inner != nullptr) {
    // What is in a wrapper keeps its name.
    own = std::min(own, place_of(leaf.layer->inner->layers.front().name, parts));
  }
  if (own == parts.size()) {
    return std::nullopt;
  }
  const auto above = static_cast<std::size_t>(std::ranges::count_if(
      leaf.above, [&](const std::string& name) { return place_of(name, parts) < parts.size(); }));
  constexpr std::size_t kDeepest = 1000;  // JSON ends far above
  return Fit{above, parts.size() - own, parts_of(leaf.layer->name).size(),
             kDeepest - (leaf.above.size() - above)};
}

/// The layer of a nested network that a weight belongs to; null if none does or several might.
Leaf* owner_of(std::vector<Leaf>& leaves, const std::string& path) {
  auto parts = parts_of(path);
  parts.pop_back();  // the weight itself
  Leaf* best = nullptr;
  std::optional<Fit> best_fit;
  bool tied = false;
  for (auto& leaf : leaves) {
    const auto fit = fit_of(leaf, parts);
    if (!fit || (best_fit && *fit < *best_fit)) {
      continue;
    }
    tied = best_fit == fit;
    best = &leaf;
    best_fit = fit;
  }
  return tied ? nullptr : best;
}

class NamedWeights {
 public:
  explicit NamedWeights(const hdf5::File& file) : file_(file) {}

  [[nodiscard]] Status read(const hdf5::Object& root, const std::vector<std::string>& listed,
                            Model& model) const {
    std::set<std::string> names(listed.begin(), listed.end());
    for (auto& layer : model.layers) {
      if (names.erase(layer.name) > 0) {
        TESSERA_CHECK(read_layer(root, layer));
      } else if (layer.class_name != "InputLayer" && !layer.is_operation) {
        return lacks_group(layer);
      }
    }
    if (!names.empty()) {
      return disagree(file_, fmt::format("there is a group of weights for '{}', which is no layer",
                                         *names.begin()));
    }
    return check_top(root);
  }

 private:
  [[nodiscard]] Failure lacks_group(const Layer& layer) const {
    return disagree(file_, fmt::format("layer '{}' ({}) has no group of weights", layer.name,
                                       layer.class_name));
  }

  /// Weights of the network itself stand in a group that is no layer's.
  [[nodiscard]] Status check_top(const hdf5::Object& root) const {
    TESSERA_TRY(const auto group, file_.find(root, "top_level_model_weights"));
    if (group == nullptr) {
      return {};
    }
    TESSERA_TRY(const auto names, names_at(file_, *group, "weight_names"));
    if (names && !names->empty()) {
      return homeless(file_, names->front());
    }
    return {};
  }

  [[nodiscard]] Status read_layer(const hdf5::Object& root, Layer& layer) const {
    TESSERA_TRY(const auto group, file_.find(root, layer.name));
    if (group == nullptr) {
      return lacks_group(layer);
    }
    TESSERA_TRY(const auto names, names_at(file_, *group, "weight_names"));
    if (!names) {
      return disagree(file_,
                      fmt::format("the group of layer '{}' has no list of weights", layer.name));
    }
    std::vector<Weight> weights;
    for (const auto& name : *names) {
      TESSERA_TRY(auto weight, read_one(*group, name, layer));
      weights.push_back(std::move(weight));
    }
    TESSERA_CHECK(check_listed(*group, *names, layer));
    return give(std::move(weights), layer);
  }

  [[nodiscard]] Result<Weight> read_one(const hdf5::Object& group, const std::string& name,
                                        const Layer& layer) const {
    TESSERA_TRY(const auto object, file_.find(group, name));
    if (object == nullptr || !object->is_dataset()) {
      return disagree(file_, fmt::format("layer '{}' ({}) lists weight '{}', which is not there",
                                         layer.name, layer.class_name, name));
    }
    TESSERA_TRY(auto value, file_.tensor(*object));
    return Weight{weight_name(name), name, std::move(value)};
  }

  [[nodiscard]] static bool has_list(const hdf5::Object& group) {
    const auto first = group.attributes.lower_bound("weight_names");
    return first != group.attributes.end() && first->first.starts_with("weight_names");
  }

  /// Every array under the group of a layer is in its list, once. Groups in it that have lists of
  /// their own are those of layers with longer names: "a/b" lies in "a".
  [[nodiscard]] Status check_listed(const hdf5::Object& group,
                                    const std::vector<std::string>& names,
                                    const Layer& layer) const {
    std::set<std::string> listed;
    for (const auto& name : names) {
      if (!listed.insert(name).second) {
        return disagree(file_, fmt::format("layer '{}' lists weight '{}' twice", layer.name, name));
      }
    }
    std::vector<std::string> open{""};
    std::set<const hdf5::Object*> seen;
    while (!open.empty()) {
      const auto prefix = std::move(open.back());
      open.pop_back();
      TESSERA_TRY(const auto found, file_.find(group, prefix));
      const auto& here = found == nullptr ? group : *found;
      if (!seen.insert(&here).second) {
        return disagree(file_,
                        fmt::format("the group of layer '{}' goes round in a circle", layer.name));
      }
      if (here.is_dataset() && !listed.contains(prefix)) {
        return disagree(file_, fmt::format("weight '{}' is not in the list of layer '{}' ({})",
                                           prefix, layer.name, layer.class_name));
      }
      if (&here != &group && has_list(here)) {
        continue;
      }
      for (const auto& [name, link] : here.links) {
        open.push_back(prefix.empty() ? name : fmt::format("{}/{}", prefix, name));
      }
    }
    return {};
  }

  [[nodiscard]] Status give(std::vector<Weight> weights, Layer& layer) const {
    if (layer.is_network()) {
      return hand_out(std::move(weights), layer);
    }
    if (is_bare_wrapper(layer)) {
      return give(std::move(weights), opened(layer).layers.front());
    }
    layer.weights = std::move(weights);
    return {};
  }

  /// The weights of a nested network stand in one list: those that are trained, then the others.
  [[nodiscard]] Status hand_out(std::vector<Weight> weights, Layer& network) const {
    std::vector<Leaf> leaves;
    collect_leaves(opened(network), {network.name}, leaves);
    for (auto& weight : weights) {
      auto* const leaf = owner_of(leaves, weight.path);
      if (leaf == nullptr) {
        return disagree(file_,
                        fmt::format("weight '{}' of the nested model '{}' has the name of none, or "
                                    "of several, of its layers",
                                    weight.path, network.name));
      }
      leaf->weights.push_back(std::move(weight));
    }
    for (auto& leaf : leaves) {
      TESSERA_CHECK(give(std::move(leaf.weights), *leaf.layer));
    }
    return {};
  }

  const hdf5::File& file_;
};

}  // namespace

Status read_named_weights(const hdf5::File& file, const hdf5::Object& root,
                          const std::vector<std::string>& listed, Model& model) {
  return NamedWeights(file).read(root, listed, model);
}

}  // namespace tessera::keras
