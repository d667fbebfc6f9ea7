// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/energy.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "keras/energy_layer.h"
#include "keras/lower.h"
#include "keras/read.h"

namespace tessera::keras {
namespace {

/// A call: place of the layer, and of the call in it.
using CallId = std::pair<std::size_t, std::size_t>;

/// A type on its way to the next layer.
struct Carried {
  NumberType type;
  /// Not a quantizer of the network, but what QTools made up: see handed_on().
  bool made = false;
};

constexpr std::array<std::string_view, 7> kNothing = {
    "Dropout",       "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "GaussianNoise", "GaussianDropout",  "AlphaDropout"};

bool does_nothing(const Layer& layer) {
  return std::ranges::find(kNothing, layer.class_name) != kNothing.end();
}

/// Shapes behind the batch, by the names that lowering gives calls.
using Shapes = std::map<std::string, Shape, std::less<>>;

Result<Shapes> shapes_of(const Model& model) {
  TESSERA_TRY(const auto lowered, lower(model));
  Shapes shapes;
  const auto note = [&](const ImportedLayer& layer) {
    Shape shape;
    for (std::size_t i = 1; i < layer.shape.size(); ++i) {
      shape.push_back(layer.shape[i].known() ? layer.shape[i].value : -1);
    }
    shapes.insert_or_assign(layer.name, std::move(shape));
  };
  std::ranges::for_each(lowered.inputs, note);
  std::ranges::for_each(lowered.layers, note);
  return shapes;
}

class Walk {
 public:
  Walk(const Model& model, const EnergyOptions& options, Shapes shapes)
      : model_(model), options_(options), shapes_(std::move(shapes)) {}

  Result<EnergyTable> run() {
    TESSERA_TRY(const auto source, parse_quantizer(Json(options_.source), "inputs"));
    if (!source) {
      return fail(ErrorCode::kInvalidArgument, "inputs without a type; expected a quantizer")
          .hint("for instance quantized_bits(8,0,1)");
    }
    source_ = {type_of(*source), true};
    note_readers();
    EnergyTable table{.options = options_};
    for (const auto& output : model_.outputs) {
      TESSERA_CHECK(visit({output.layer, output.call}, table));
    }
    // Branches that lead to no output are computed by nobody.
    return table;
  }

 private:
  [[nodiscard]] const Layer& layer_of(const CallId& id) const { return model_.layers[id.first]; }
  [[nodiscard]] const Call& call_of(const CallId& id) const {
    return layer_of(id).calls[id.second];
  }
  [[nodiscard]] std::string name_of(const CallId& id) const {
    return call_name("", layer_of(id), id.second);
  }
  /// The call whose value it is, past layers that do nothing.
  [[nodiscard]] CallId maker(TensorRef ref) const {
    while (does_nothing(model_.layers[ref.layer])) {
      ref = model_.layers[ref.layer].calls[ref.call].inputs.front();
    }
    return {ref.layer, ref.call};
  }

  void note_readers() {
    for (const auto& layer : model_.layers) {
      if (does_nothing(layer)) {
        continue;
      }
      for (const auto& call : layer.calls) {
        for (const auto& input : call.inputs) {
          read_.insert(maker(input));
        }
      }
    }
    for (const auto& output : model_.outputs) {
      outputs_.insert(maker(output));
    }
  }

  Status visit(const CallId& goal, EnergyTable& table) {
    // Depth first without recursion: networks are deep.
    std::vector<std::pair<CallId, std::size_t>> stack{{goal, 0}};
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      const auto& inputs = call_of(id).inputs;
      if (done_.contains(id)) {
        stack.pop_back();
      } else if (next < inputs.size()) {
        const auto& input = inputs[next++];
        stack.emplace_back(CallId{input.layer, input.call}, 0);
      } else {
        const auto current = id;
        stack.pop_back();
        done_.insert(current);
        TESSERA_CHECK(count(current, table));
      }
    }
    return {};
  }

  Result<Shape> shape_of(const CallId& id) const {
    const auto found = shapes_.find(name_of(id));
    if (found == shapes_.end() ||
        std::ranges::any_of(found->second, [](std::int64_t extent) { return extent < 0; })) {
      return fail(ErrorCode::kUnimplemented, "layer '{}': an extent of its result is open",
                  name_of(id))
          .hint("save the model with a shape without None: energy is that of one inference");
    }
    return found->second;
  }

  Status count(const CallId& id, EnergyTable& table) {
    const auto& layer = layer_of(id);
    if (layer.class_name == "InputLayer") {
      carried_[id] = source_;
      return {};
    }
    if (does_nothing(layer)) {
      return {};
    }
    if (layer.inner) {
      return fail(ErrorCode::kUnimplemented, "layer '{}': {} holds layers of its own", layer.name,
                  layer.class_name)
          .hint("energy is counted for flat networks, as QTools does");
    }
    EnergySite site{.layer = layer, .options = options_};
    const bool qtools = options_.rules == EnergyRules::kQtools;
    for (const auto& input : call_of(id).inputs) {
      const auto from = maker(input);
      const auto& carried = carried_[from];
      site.inputs.push_back(qtools && carried.made ? handed_on(carried.type) : carried.type);
      TESSERA_TRY(auto shape, shape_of(from));
      site.input_shapes.push_back(std::move(shape));
      site.first = site.first || layer_of(from).class_name == "InputLayer";
    }
    if (site.inputs.empty()) {
      return fail(ErrorCode::kDataLoss, "layer '{}' reads nothing", layer.name)
          .hint("save the file again with Keras");
    }
    TESSERA_TRY(site.output_shape, shape_of(id));
    site.last = qtools ? !read_.contains(id) : outputs_.contains(id);
    TESSERA_TRY(const auto own, own_quantizer(layer));
    TESSERA_TRY(auto energy, energy_of_layer(site));
    energy.name = name_of(id);
    carried_[id] = {energy.output, !own};
    const auto so_far = static_cast<double>(table.operations + energy.operations);
    TESSERA_TRY(table.operations, whole(so_far, energy.name));
    table.counted += energy.counted;
    table.total += energy.total();
    table.layers.push_back(std::move(energy));
    return {};
  }

  const Model& model_;
  const EnergyOptions& options_;
  Shapes shapes_;
  Carried source_;
  std::map<CallId, Carried> carried_;
  std::set<CallId> read_;
  std::set<CallId> outputs_;
  std::set<CallId> done_;
};

}  // namespace

Result<EnergyTable> energy_of(const Model& model, const EnergyOptions& options) {
  // Lowering proves that references lead to layers, and in no circle.
  TESSERA_TRY(auto shapes, shapes_of(model));
  return Walk(model, options, std::move(shapes)).run();
}

Result<EnergyTable> estimate_energy(const std::filesystem::path& file, const EnergyOptions& options,
                                    const std::filesystem::path& config) {
  TESSERA_TRY(const auto model, config.empty() ? read(file) : read(file, config));
  return energy_of(model, options).map_error(in_file(file.string()));
}

}  // namespace tessera::keras
