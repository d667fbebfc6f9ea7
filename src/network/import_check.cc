// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/import_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tessera/network/network.h"

namespace tessera::network {
namespace {

constexpr std::string_view kLayerPrefix = "layer/";

const NamedTensor* find(const std::vector<NamedTensor>& golden, std::string_view name) {
  const auto found =
      std::find_if(golden.begin(), golden.end(), [&](const auto& one) { return one.name == name; });
  return found == golden.end() ? nullptr : &*found;
}

/// "x", "x2", "x3".
std::string numbered(std::string_view base, std::size_t place) {
  return place == 0 ? std::string(base) : fmt::format("{}{}", base, place + 1);
}

/// The model's inputs out of the arrays: x, x2, ..., or arrays of the inputs' own names.
Result<std::vector<NamedTensor>> feeds_of(const keras::Imported& imported,
                                          const std::vector<NamedTensor>& golden) {
  std::vector<NamedTensor> feeds;
  for (std::size_t i = 0; i < imported.inputs.size(); ++i) {
    const auto& input = imported.inputs[i];
    const auto* array = find(golden, numbered("x", i));
    array = array == nullptr ? find(golden, input.name) : array;
    if (array == nullptr) {
      return fail(ErrorCode::kInvalidArgument, "no array '{}' for input '{}'", numbered("x", i),
                  input.name)
          .hint("save inputs as x, x2, ... in the order of the network's inputs");
    }
    TESSERA_TRY(auto tensor, keras::as_imported(array->tensor.view(), input));
    const auto type = imported.model.declared_type(input.value);
    if (type && type->dtype != tensor.dtype()) {
      TESSERA_TRY(tensor, cast(tensor.view(), type->dtype));
    }
    feeds.push_back({input.value, std::move(tensor)});
  }
  return feeds;
}

/// Layers whose results are on the grid of a quantizer.
bool ends_in_quantizer(const onnx::Model& model, const std::string& value) {
  const auto producer = model.producer(value);
  return producer && model.op_type(*producer) == "DequantizeLinear";
}

/// How far values are apart.
struct Distance {
  double largest = 0;
  double worst_absolute = 0;
  double worst_relative = 0;
  std::int64_t differing = 0;
};

Result<Distance> distance(const keras::ImportedLayer& layer, const TensorView& value,
                          const TensorView& expected, double tolerance) {
  TESSERA_TRY(const auto ours, keras::in_keras_order(value, layer));
  if (ours.size() != expected.size()) {
    return fail(ErrorCode::kInvalidArgument, "layer '{}' has results of {}; expected {}",
                layer.name, to_string(ours.shape()), to_string(expected.shape));
  }
  TESSERA_TRY(const auto x, to_float32(expected));
  TESSERA_TRY(const auto y, to_float32(ours.view()));
  Distance result;
  for (const auto one : x) {
    result.largest = std::max(result.largest, std::abs(double{one}));
  }
  // Where all is expected to be zero, differences count as they are.
  const double unit = result.largest > 0 ? result.largest : 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool alike = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
    const double plain = alike ? 0 : std::abs(double{x[i]} - double{y[i]});
    const double apart = std::isnan(plain) ? std::numeric_limits<double>::infinity() : plain;
    result.worst_absolute = std::max(result.worst_absolute, apart);
    result.differing += apart > tolerance * unit ? 1 : 0;
  }
  result.worst_relative = result.worst_absolute / unit;
  return result;
}

/// What is compared: a layer, and the array with what is expected of it.
struct Pair {
  keras::ImportedLayer layer;
  const Tensor* expected = nullptr;
};

std::vector<Pair> pairs_of(const keras::Imported& imported, const std::vector<NamedTensor>& golden,
                           std::vector<std::string>& unknown) {
  std::vector<Pair> pairs;
  for (const auto& layer : imported.layers) {
    if (const auto* array = find(golden, std::string(kLayerPrefix) + layer.name)) {
      pairs.push_back({layer, &array->tensor});
    }
  }
  for (const auto& one : golden) {
    const auto name = one.name.substr(std::min(kLayerPrefix.size(), one.name.size()));
    if (one.name.starts_with(kLayerPrefix) &&
        std::none_of(imported.layers.begin(), imported.layers.end(),
                     [&](const auto& layer) { return layer.name == name; })) {
      unknown.push_back(name);
    }
  }
  for (std::size_t i = 0; i < imported.outputs.size(); ++i) {
    if (const auto* array = find(golden, numbered("y", i))) {
      pairs.push_back({imported.outputs[i], &array->tensor});
      pairs.back().layer.name = numbered("y", i);
      pairs.back().layer.class_name.clear();
    }
  }
  return pairs;
}

/// Values by name.
using Values = std::map<std::string, Tensor, std::less<>>;

/// Runs a model on what it is fed; the wanted values, those that are fed among them.
Result<Values> run(const onnx::Model& model, const std::vector<NamedTensor>& feeds,
                   const std::vector<std::string>& wanted,
                   const std::shared_ptr<const runtime::Library>& library,
                   const runtime::SessionOptions& options) {
  auto network = Network::of(model.clone());
  std::vector<std::string> made;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(made),
               [&](const auto& name) { return !model.is_input(name); });
  network.expose(made);
  TESSERA_TRY(auto session, network.open(library, options));
  std::vector<runtime::Feed> list;
  Values values;
  for (const auto& feed : feeds) {
    list.push_back({feed.name, feed.tensor.view()});
    values.emplace(feed.name, feed.tensor);
  }
  TESSERA_TRY(const auto outputs, session.run(list));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    values.insert_or_assign(session.outputs()[i].name, Tensor(outputs[i]));
  }
  return values;
}

/// Whoever reads a value that is expected to be something reads that instead, by new inputs.
Result<onnx::Model> with_expected(const keras::Imported& imported, const std::vector<Pair>& pairs,
                                  std::vector<NamedTensor>& feeds) {
  auto model = imported.model.clone();
  std::set<std::string> done;
  for (const auto& pair : pairs) {
    const auto& value = pair.layer.value;
    const bool read = !imported.model.consumers(value).empty();
    if (imported.model.is_input(value) || !read || !done.insert(value).second) {
      continue;
    }
    TESSERA_TRY(auto expected, cast(pair.expected->view(), DType::kFloat32));
    TESSERA_TRY(expected, keras::as_imported(expected.view(), pair.layer));
    const auto name = model.unique_name(value + "_expected");
    model.replace_uses(value, name);
    std::vector<Dim> shape;
    for (const auto extent : expected.shape()) {
      shape.push_back({extent, {}});
    }
    model.add_input(name, {DType::kFloat32, std::move(shape)});
    feeds.push_back({name, std::move(expected)});
  }
  return model;
}

/// The network once more, as the runtime optimizes it. Only what it does not keep from running
/// operators as one is looked at.
Status check_optimized(const keras::Imported& imported, const std::vector<Pair>& pairs,
                       const std::vector<NamedTensor>& feeds,
                       const std::shared_ptr<const runtime::Library>& library, double tolerance,
                       const runtime::SessionOptions& session, ImportCheck& check) {
  const auto seen = [&](std::size_t i) {
    return check.layers[i].on_grid || imported.model.is_output(pairs[i].layer.value);
  };
  std::vector<std::string> wanted;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (seen(i)) {
      wanted.push_back(pairs[i].layer.value);
    }
  }
  TESSERA_TRY(const auto values, run(imported.model, feeds, wanted, library, session));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (!seen(i)) {
      continue;
    }
    TESSERA_TRY(const auto apart, distance(pairs[i].layer, values.at(pairs[i].layer.value).view(),
                                           pairs[i].expected->view(), tolerance));
    auto& one = check.layers[i];
    one.optimized_relative = apart.worst_relative;
    one.optimized_differing = apart.differing;
    one.within = one.within && apart.differing <= one.differing;
  }
  return {};
}

}  // namespace

bool ImportCheck::passed() const {
  return std::all_of(layers.begin(), layers.end(), [](const auto& one) { return one.within; });
}

Json to_json(const ImportCheck& check) {
  Json layers = Json::array();
  for (const auto& one : check.layers) {
    layers.push_back(
        {{"layer", one.layer},
         {"class", one.class_name.empty() ? Json(nullptr) : Json(one.class_name)},
         {"value", one.value},
         {"elements", one.elements},
         {"largest", finite_or_null(one.largest)},
         {"worst_absolute", finite_or_null(one.worst_absolute)},
         {"worst_relative", finite_or_null(one.worst_relative)},
         {"differing", one.differing},
         {"alone_relative", finite_or_null(one.alone_relative)},
         {"alone_differing", one.alone_differing},
         {"optimized_relative",
          one.optimized_relative ? finite_or_null(*one.optimized_relative) : Json(nullptr)},
         {"optimized_differing", or_null(one.optimized_differing)},
         {"on_grid", one.on_grid},
         {"within", one.within}});
  }
  return {{"passed", check.passed()}, {"layers", std::move(layers)}, {"unknown", check.unknown}};
}

Result<ImportCheck> check_import(const keras::Imported& imported,
                                 const std::vector<NamedTensor>& golden,
                                 const std::shared_ptr<const runtime::Library>& library,
                                 double tolerance, const runtime::SessionOptions& session) {
  auto plain = session;
  plain.opt_level = runtime::OptLevel::kDisabled;
  ImportCheck check;
  const auto pairs = pairs_of(imported, golden, check.unknown);
  if (pairs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no array to compare with; expected y or layer/NAME")
        .hint("save outputs as y, y2, ... and results of layers as layer/NAME");
  }
  TESSERA_TRY(auto feeds, feeds_of(imported, golden));
  std::vector<std::string> wanted;
  for (const auto& pair : pairs) {
    wanted.push_back(pair.layer.value);
  }
  TESSERA_TRY(const auto whole, run(imported.model, feeds, wanted, library, plain));
  for (const auto& pair : pairs) {
    TESSERA_TRY(const auto apart, distance(pair.layer, whole.at(pair.layer.value).view(),
                                           pair.expected->view(), tolerance));
    check.layers.push_back({.layer = pair.layer.name,
                            .class_name = pair.layer.class_name,
                            .value = pair.layer.value,
                            .elements = pair.expected->size(),
                            .largest = apart.largest,
                            .worst_absolute = apart.worst_absolute,
                            .worst_relative = apart.worst_relative,
                            .differing = apart.differing,
                            .on_grid = ends_in_quantizer(imported.model, pair.layer.value)});
  }
  const auto plain_feeds = feeds;
  TESSERA_TRY(const auto model, with_expected(imported, pairs, feeds));
  TESSERA_TRY(const auto alone, run(model, feeds, wanted, library, plain));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    TESSERA_TRY(const auto apart, distance(pairs[i].layer, alone.at(pairs[i].layer.value).view(),
                                           pairs[i].expected->view(), tolerance));
    auto& one = check.layers[i];
    one.alone_relative = apart.worst_relative;
    one.alone_differing = apart.differing;
    one.within = one.differing == 0 || apart.differing == 0;
  }
  if (session.opt_level != plain.opt_level) {
    TESSERA_CHECK(
        check_optimized(imported, pairs, plain_feeds, library, tolerance, session, check));
  }
  return check;
}

}  // namespace tessera::network
