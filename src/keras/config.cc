// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/config.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "keras/nodes.h"

namespace tessera::keras {
namespace {

constexpr const char* kInputLayer = "InputLayer";

/// A member that is an object; null where there is none.
const Json* object_at(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_object() ? &*found : nullptr;
}

const Json* list_at(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_array() ? &*found : nullptr;
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  const bool is_text = json.is_object() && found != json.end() && found->is_string();
  return is_text ? found->get<std::string>() : std::string();
}

/// Functions of Keras 3 stand among the layers: their module says so, and where it is left out
/// (legacy files) that they lack what all layers have.
bool is_operation(const Json& entry, const std::string& version) {
  const auto module = text_at(entry, "module");
  if (module.starts_with("keras.src.ops.") || module.starts_with("keras.ops")) {
    return true;
  }
  const auto* const config = object_at(entry, "config");
  return version.starts_with("3") && module.empty() && config != nullptr &&
         !config->contains("trainable") && !config->contains("dtype");
}

/// "3" if some input layer has its shape under the name that Keras 3 has for it.
std::string version_by_names(const Json& layers) {
  for (const auto& entry : layers) {
    const auto* const config = entry.is_object() ? object_at(entry, "config") : nullptr;
    const auto* const inner = config == nullptr ? nullptr : list_at(*config, "layers");
    const bool is_new = config != nullptr && config->contains("batch_shape");
    if (is_new || (inner != nullptr && !version_by_names(*inner).empty())) {
      return "3";
    }
  }
  return {};
}

bool is_serialized_layer(const Json& json) {
  return !text_at(json, "class_name").empty() && json.contains("config");
}

/// The list of layers of a network; null if `entry` is none.
const Json* layers_of(const Json& entry) {
  const auto config = entry.find("config");
  if (config == entry.end()) {
    return nullptr;
  }
  const bool sequential = bare_class_name(text_at(entry, "class_name")) == "Sequential";
  // Keras before 2.2.3 wrote the list alone.
  return sequential && config->is_array() ? &*config : list_at(*config, "layers");
}

Result<Model> parse_model(const Json& entry, const std::string& version, const std::string& what);

/// The layer in a wrapper, as a model of one layer.
Result<std::shared_ptr<const Model>> parse_wrapped(const Json& wrapped, const std::string& version,
                                                   const std::string& what);

Result<Layer> parse_layer(const Json& entry, const std::string& version, const std::string& what) {
  if (!entry.is_object() || !is_serialized_layer(entry)) {
    return malformed(what, "a layer has no class_name or no config");
  }
  Layer layer;
  layer.class_name = bare_class_name(text_at(entry, "class_name"));
  layer.config = entry.at("config");
  layer.name = text_at(layer.config, "name");
  layer.name = layer.name.empty() ? text_at(entry, "name") : layer.name;
  if (layer.name.empty()) {
    return malformed(what, fmt::format("a layer of class {} has no name", layer.class_name));
  }
  const auto where = fmt::format("{}[{}]", what, layer.name);
  if (layers_of(entry) != nullptr) {
    TESSERA_TRY(auto inner, parse_model(entry, version, what));
    layer.inner = std::make_shared<const Model>(std::move(inner));
    layer.config = {{"name", layer.name}};  // the rest is what the layers in it have
    return layer;
  }
  if (!layer.config.is_object()) {
    return malformed(where, "its config is no object");
  }
  const auto flag = [&](const char* key) { return layer.config.value(key, Json()) == Json(true); };
  if (layer.class_name == kInputLayer && (flag("ragged") || flag("sparse"))) {
    return fail(ErrorCode::kUnimplemented, "{}: a ragged or sparse input is not supported", where)
        .hint("save the model with a dense input");
  }
  if (const auto* const wrapped = object_at(layer.config, "layer");
      wrapped != nullptr && is_serialized_layer(*wrapped)) {
    TESSERA_TRY(layer.inner, parse_wrapped(*wrapped, version, where));
  }
  layer.is_operation = layer.class_name != kInputLayer && is_operation(entry, version);
  return layer;
}

Result<std::shared_ptr<const Model>> parse_wrapped(const Json& wrapped, const std::string& version,
                                                   const std::string& what) {
  TESSERA_TRY(auto layer, parse_layer(wrapped, version, what));
  Model inner;
  inner.name = layer.name;
  inner.keras_version = version;
  inner.layers.push_back(std::move(layer));
  return std::make_shared<const Model>(std::move(inner));
}

Result<std::vector<Layer>> parse_layers(const Json& list, const std::string& version,
                                        const std::string& what) {
  std::vector<Layer> layers;
  std::set<std::string> names;
  for (const auto& entry : list) {
    TESSERA_TRY(auto layer, parse_layer(entry, version, what));
    if (!names.insert(layer.name).second) {
      return malformed(what, fmt::format("two layers have the name '{}'", layer.name));
    }
    layers.push_back(std::move(layer));
  }
  if (layers.empty()) {
    return malformed(what, "the network has no layers");
  }
  return layers;
}

// --- Sequential -------------------------------------------------------------------------------

/// A shape with the batch in front, as configurations have it; null for none.
Json shape_at(const Json& json, std::initializer_list<const char*> keys) {
  for (const auto* const key : keys) {
    if (const auto* const shape = list_at(json, key)) {
      return *shape;
    }
  }
  return {};
}

/// What the first layer takes: it says so itself, or the network noted it when it was built.
Json input_shape(const Json& entry, const Layer& first, const Json& first_entry) {
  auto shape = shape_at(first.config, {"batch_input_shape", "batch_shape"});
  if (shape.is_null() && first.is_network()) {
    const auto& input = first.inner->layers[first.inner->inputs.front().layer];
    shape = shape_at(input.config, {"batch_input_shape", "batch_shape"});
  }
  for (const auto* const from : {&entry, &first_entry}) {
    const auto* const build = object_at(*from, "build_config");
    if (shape.is_null() && build != nullptr) {
      shape = shape_at(*build, {"input_shape"});
    }
    const auto* const config = object_at(*from, "config");
    if (shape.is_null() && config != nullptr) {
      shape = shape_at(*config, {"build_input_shape"});
    }
  }
  return shape;
}

Result<Layer> make_input(const Json& entry, const Layer& first, const Json& first_entry,
                         const std::string& what) {
  auto shape = input_shape(entry, first, first_entry);
  const auto is_extent = [](const Json& extent) {
    return extent.is_null() || whole_number(extent).value_or(-1) >= 0;
  };
  if (shape.is_null()) {
    return fail(ErrorCode::kUnimplemented, "{}: the network does not say what shape it takes", what)
        .hint("begin it with keras.Input(shape), or call model.build(shape) before saving");
  }
  if (!std::ranges::all_of(shape, is_extent)) {
    return malformed(what, "the input shape of the network is no list of extents");
  }
  Layer input;
  input.name = first.name + "_input";
  input.class_name = kInputLayer;
  const auto dtype = text_at(first.config, "dtype");
  input.config = {{"name", input.name},
                  {"batch_input_shape", std::move(shape)},
                  {"dtype", first.class_name == "Embedding" || dtype.empty() ? "float32" : dtype}};
  return input;
}

Result<Model> parse_sequential(const Json& entry, const Json& list, Model model,
                               const std::string& what) {
  TESSERA_TRY(model.layers, parse_layers(list, model.keras_version, what));
  if (model.layers.front().class_name != kInputLayer) {
    TESSERA_TRY(auto input, make_input(entry, model.layers.front(), list.front(), what));
    model.layers.insert(model.layers.begin(), std::move(input));
  }
  model.layers.front().calls = {Call{}};
  for (std::size_t i = 1; i < model.layers.size(); ++i) {
    model.layers[i].calls = {Call{.inputs = {TensorRef{.layer = i - 1}}}};
  }
  model.inputs = {TensorRef{}};
  model.outputs = {TensorRef{.layer = model.layers.size() - 1}};
  return model;
}

// --- Functional -------------------------------------------------------------------------------

using NamedCalls = std::vector<std::vector<NamedCall>>;

/// Finds the calls that names mean.
class Resolver {
 public:
  Resolver(const Model& model, const NamedCalls& calls, const std::string& what)
      : model_(model), calls_(calls), what_(what), seen_(model.layers.size()) {
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      places_.emplace(model.layers[i].name, i);
    }
  }

  /// Notes what is referred to. A nested model has a first call of its own, from when it was made,
  /// which counts in files of Keras 2, and of Keras 3 if it is Functional: which of both holds is
  /// seen from the numbers in use.
  void note(const NamedRef& ref) {
    if (const auto place = places_.find(ref.layer); place != places_.end()) {
      seen_[place->second].insert(ref.node);
    }
  }

  [[nodiscard]] Result<TensorRef> find(const NamedRef& ref, const std::string& by) const {
    const auto place = places_.find(ref.layer);
    if (place == places_.end()) {
      return malformed(what_, fmt::format("'{}' takes the output of '{}', which is no layer of it",
                                          by, ref.layer));
    }
    const auto call = ref.node - first_call(place->second);
    const auto count = static_cast<std::int64_t>(calls_[place->second].size());
    if (call < 0 || call >= count) {
      return malformed(what_, fmt::format("'{}' takes call {} of '{}', which is called {} times",
                                          by, ref.node, ref.layer, count));
    }
    return TensorRef{place->second, static_cast<std::size_t>(call),
                     static_cast<std::size_t>(ref.output)};
  }

 private:
  [[nodiscard]] std::int64_t first_call(std::size_t place) const {
    const auto& layer = model_.layers[place];
    const auto& seen = seen_[place];
    if (!layer.is_network() || seen.contains(0)) {
      return 0;
    }
    if (seen.contains(static_cast<std::int64_t>(calls_[place].size()))) {
      return 1;
    }
    return model_.generation() == 2 || layer.class_name != "Sequential" ? 1 : 0;
  }

  const Model& model_;
  const NamedCalls& calls_;
  const std::string& what_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::set<std::int64_t>> seen_;
};

Result<NamedCalls> parse_calls(const Json& list, const std::vector<Layer>& layers,
                               const std::string& what) {
  NamedCalls calls(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto where = fmt::format("{}[{}]", what, layers[i].name);
    const auto nodes = list[i].find("inbound_nodes");
    if (nodes != list[i].end() && !nodes->is_array()) {
      return malformed(where, "its inbound_nodes are no list");
    }
    static const Json kNone = Json::array();
    for (const auto& node : nodes == list[i].end() ? kNone : *nodes) {
      TESSERA_TRY(auto call, parse_node(node, where));
      calls[i].push_back(std::move(call));
    }
    if (layers[i].class_name == kInputLayer) {
      calls[i] = {NamedCall{}};
    }
  }
  return calls;
}

/// Every call comes after those whose outputs it takes, in some order.
Status check_circles(const Model& model, const std::string& what) {
  std::vector<std::vector<std::size_t>> waiting(model.layers.size());
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::pair<std::size_t, std::size_t>>>
      readers;
  std::deque<std::pair<std::size_t, std::size_t>> ready;
  std::size_t left = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    for (std::size_t k = 0; k < model.layers[i].calls.size(); ++k, ++left) {
      const auto& inputs = model.layers[i].calls[k].inputs;
      waiting[i].push_back(inputs.size());
      for (const auto& input : inputs) {
        readers[{input.layer, input.call}].emplace_back(i, k);
      }
      if (inputs.empty()) {
        ready.emplace_back(i, k);
      }
    }
  }
  while (!ready.empty()) {
    const auto call = ready.front();
    ready.pop_front();
    --left;
    for (const auto& [layer, place] : readers[call]) {
      if (--waiting[layer][place] == 0) {
        ready.emplace_back(layer, place);
      }
    }
  }
  if (left == 0) {
    return {};
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (std::ranges::any_of(waiting[i], [](std::size_t count) { return count > 0; })) {
      return malformed(what, fmt::format("'{}' takes its own output, by way of others or directly",
                                         model.layers[i].name));
    }
  }
  return {};
}

Result<std::vector<NamedRef>> ends_of(const Json& config, const char* key,
                                      const std::string& what) {
  static const Json kNone = Json::array();
  const auto found = config.find(key);
  return parse_refs(found == config.end() ? kNone : *found, what);
}

Result<std::vector<TensorRef>> resolve(const Resolver& resolver, const std::vector<NamedRef>& refs,
                                       const std::string& by) {
  std::vector<TensorRef> found;
  for (const auto& ref : refs) {
    TESSERA_TRY(const auto tensor, resolver.find(ref, by));
    found.push_back(tensor);
  }
  return found;
}

Result<Model> parse_functional(const Json& config, const Json& list, Model model,
                               const std::string& what) {
  TESSERA_TRY(model.layers, parse_layers(list, model.keras_version, what));
  TESSERA_TRY(auto calls, parse_calls(list, model.layers, what));
  TESSERA_TRY(const auto inputs, ends_of(config, "input_layers", what));
  TESSERA_TRY(const auto outputs, ends_of(config, "output_layers", what));
  Resolver resolver(model, calls, what);
  for (const auto& ref : outputs) {
    resolver.note(ref);
  }
  for (const auto& of_layer : calls) {
    for (const auto& call : of_layer) {
      std::ranges::for_each(call.inputs, [&](const NamedRef& ref) { resolver.note(ref); });
    }
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (auto& call : calls[i]) {
      TESSERA_TRY(auto tensors, resolve(resolver, call.inputs, model.layers[i].name));
      model.layers[i].calls.push_back({std::move(tensors), std::move(call.arguments)});
    }
  }
  TESSERA_TRY(model.inputs, resolve(resolver, inputs, "input_layers"));
  TESSERA_TRY(model.outputs, resolve(resolver, outputs, "output_layers"));
  for (const auto& input : model.inputs) {
    if (model.layers[input.layer].class_name != kInputLayer) {
      return malformed(
          what, fmt::format("input '{}' is no InputLayer but {}", model.layers[input.layer].name,
                            model.layers[input.layer].class_name));
    }
  }
  TESSERA_CHECK(check_circles(model, what));
  return model;
}

Result<Model> parse_model(const Json& entry, const std::string& version, const std::string& what) {
  const auto* const list = layers_of(entry);
  const auto class_name = bare_class_name(text_at(entry, "class_name"));
  if (list == nullptr) {
    return fail(ErrorCode::kUnimplemented,
                "{}: the model is of class '{}', which has no list of layers", what, class_name)
        .hint("a subclassed model is code: rebuild it with the functional interface and save that");
  }
  const auto& config = entry.at("config");
  Model model;
  model.name = text_at(config, "name");
  model.keras_version = version;
  const auto where = model.name.empty() ? what : fmt::format("{}[{}]", what, model.name);
  if (class_name == "Sequential") {
    return parse_sequential(entry, *list, std::move(model), where);
  }
  return parse_functional(config, *list, std::move(model), where);
}

}  // namespace

std::string bare_class_name(std::string_view name) {
  const auto mark = name.rfind('>');
  return std::string(mark == std::string_view::npos ? name : name.substr(mark + 1));
}

Result<Model> parse_config(const Json& config, const std::string& keras_version,
                           const std::string& what) {
  if (!config.is_object() || !is_serialized_layer(config)) {
    return malformed(what, "the configuration has no class_name or no config");
  }
  auto version = keras_version.empty() ? text_at(config, "keras_version") : keras_version;
  const auto* const layers = layers_of(config);
  if (version.empty() && layers != nullptr) {
    version = version_by_names(*layers);
  }
  return parse_model(config, version, what);
}

}  // namespace tessera::keras
