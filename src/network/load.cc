// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "network/litert_driver.h"
#include "network/onnx_driver.h"
#include "tessera/keras/keras.h"
#include "tessera/litert/model.h"
#include "tessera/network/driver.h"
#include "tessera/onnx/model.h"

namespace tessera::network {
namespace {

bool is_open(const std::optional<ValueType>& type) {
  return type && type->shape &&
         std::any_of(type->shape->begin(), type->shape->end(),
                     [](const Dim& dim) { return !dim.known(); });
}

/// With -1 where there is none; no extents at all where even the ranks differ.
Extents numbers(const data::InputExtents& input) {
  Extents result;
  if (input.extents) {
    for (const auto& extent : *input.extents) {
      result.push_back(extent.value_or(-1));
    }
  }
  return result;
}

/// Keeps what both say alike.
void keep_equal(Extents& extents, const Extents& other) {
  if (extents.size() != other.size()) {
    extents.assign(extents.size(), -1);
    return;
  }
  for (std::size_t i = 0; i < extents.size(); ++i) {
    extents[i] = extents[i] == other[i] ? extents[i] : -1;
  }
}

/// Symbols of the inputs that stand for two numbers: exporters write "None" or "?" for every
/// extent that they do not know, and the runtime takes those for equal.
std::set<std::string> false_symbols(const Network& network, const ExtentsByInput& extents) {
  std::map<std::string, std::set<std::int64_t>> values;
  for (const auto& [name, sizes] : extents) {
    const auto type = network.declared_type(name);
    for (std::size_t i = 0; is_open(type) && i < type->shape->size() && i < sizes.size(); ++i) {
      const auto& symbol = (*type->shape)[i].symbol;
      if (!symbol.empty() && sizes[i] >= 0) {
        values[symbol].insert(sizes[i]);
      }
    }
  }
  std::set<std::string> result;
  for (const auto& [symbol, numbers] : values) {
    if (numbers.size() > 1) {
      result.insert(symbol);
    }
  }
  return result;
}

/// The declared shape with its open extents filled where one value is known.
std::vector<Dim> filled(std::vector<Dim> shape, const Extents& extents) {
  for (std::size_t i = 0; i < shape.size() && i < extents.size(); ++i) {
    if (!shape[i].known() && extents[i] >= 0) {
      shape[i] = Dim{extents[i], {}};
    }
  }
  return shape;
}

void assume(Network& network, const ExtentsByInput& extents) {
  for (const auto& [name, sizes] : extents) {
    const auto type = network.declared_type(name);
    if (!is_open(type)) {
      continue;
    }
    auto shape = filled(*type->shape, sizes);
    if (shape != *type->shape) {
      network.assume_shape(name, std::move(shape));
    }
  }
}

/// Assumes that a leading extent without a value is a batch of one, for counting.
void assume_batch_of_one(Network& network) {
  std::set<std::string> batches;
  ExtentsByInput extents;
  for (const auto& name : network.inputs()) {
    const auto type = network.declared_type(name);
    if (!is_open(type) || type->shape->size() < 2 || type->shape->front().known()) {
      continue;
    }
    extents[name].assign(type->shape->size(), -1);
    extents[name].front() = 1;
    batches.insert(type->shape->front().symbol);
  }
  batches.erase("");
  for (const auto& name : network.inputs()) {
    const auto type = network.declared_type(name);
    for (std::size_t i = 0; is_open(type) && i < type->shape->size(); ++i) {
      if (batches.contains((*type->shape)[i].symbol)) {
        extents.try_emplace(name, type->shape->size(), -1).first->second[i] = 1;
      }
    }
  }
  assume(network, extents);
}

Status simplify_and_infer(Network& network, const std::shared_ptr<const runtime::Library>& library,
                          bool simplifying, Monitor& monitor) {
  if (simplifying) {
    const auto simplified = simplify(network, library);
    for (const auto& reason : simplified.kept) {
      monitor.warn({"not-simplified", reason, "that part of the model stays as it is in the file"});
    }
    if (simplified.types_known) {
      return {};
    }
  }
  return network.infer_types(library);
}

}  // namespace

FileFormat format_of(const std::filesystem::path& path) {
  return is_litert_file(path) ? FileFormat::kLitert : FileFormat::kOnnx;
}

std::string_view ending_of(FileFormat format) noexcept {
  switch (format) {
    case FileFormat::kOnnx:
      return ".onnx";
    case FileFormat::kLitert:
      return ".tflite";
    case FileFormat::kOther:
      break;
  }
  return "";
}

Result<Network> read(const std::filesystem::path& path) {
  if (format_of(path) == FileFormat::kLitert) {
    return litert::Model::load(path).map(
        [](litert::Model model) { return Network::of(std::move(model)); });
  }
  if (is_keras_file(path)) {
    TESSERA_TRY(auto imported, keras::import(path));
    return imported_network(std::move(imported.model), path);
  }
  return onnx::Model::load(path).map(
      [](onnx::Model model) { return Network::of(std::move(model)); });
}

Status give_extents(Network& network, const GivenExtents& given) {
  TESSERA_CHECK(network.set_dims(given.dims));
  for (const auto& [input, shape] : given.shapes) {
    TESSERA_CHECK(network.set_shape(input, shape));
  }
  return {};
}

Simplification simplify(Network& network, const std::shared_ptr<const runtime::Library>& library,
                        bool as_written) {
  return network.driver().simplify(library, as_written);
}

Json to_json(const Simplification& what) {
  Json json = Json::object();
  for (const auto& [name, count] : what.counts) {
    json[name] = count;
  }
  json["kept"] = what.kept;
  return json;
}

Status learn_types(Network& network, const std::shared_ptr<const runtime::Library>& library,
                   bool simplifying, Monitor& monitor) {
  auto status = simplify_and_infer(network, library, simplifying, monitor);
  if (status) {
    return {};
  }
  TESSERA_TRY(const bool modernized, network.driver().modernize(monitor));
  return modernized ? simplify_and_infer(network, library, simplifying, monitor) : status;
}

bool has_open_inputs(const Network& network) {
  const auto inputs = network.inputs();
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const auto& name) { return is_open(network.declared_type(name)); });
}

void keep_common(ExtentsByInput& common, const std::vector<data::InputExtents>& samples) {
  for (const auto& input : samples) {
    const auto sizes = numbers(input);
    const auto [place, is_new] = common.try_emplace(input.input, sizes);
    if (!is_new) {
      keep_equal(place->second, sizes);
    }
  }
}

void assume_extents(Network& network, const ExtentsByInput& common) {
  if (common.empty()) {
    assume_batch_of_one(network);
    return;
  }
  for (const auto& symbol : false_symbols(network, common)) {
    network.forget_symbol(symbol);
  }
  assume(network, common);
}

std::string assumptions_text(const Network& network) {
  std::string text;
  for (const auto& [name, extents] : network.assumed_shapes()) {
    text += fmt::format("{}{} ", text.empty() ? "" : ", ", name);
    for (std::size_t i = 0; i < extents.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : "x",
                          extents[i] < 0 ? std::string("?") : std::to_string(extents[i]));
    }
  }
  return text;
}

Status learn_assumed_types(Network& network, const std::shared_ptr<const runtime::Library>& library,
                           bool simplifying) {
  return network.driver().infer_assumed_types(library, simplifying);
}

Result<graph::Graph> view_for(const Network& network, const data::Sample& sample,
                              const std::shared_ptr<const runtime::Library>& library,
                              bool simplifying) {
  auto twin = network.clone();
  ExtentsByInput extents;
  for (const auto& [name, tensor] : sample.tensors) {
    extents[name].assign(tensor.shape().begin(), tensor.shape().end());
  }
  assume(twin, extents);
  TESSERA_CHECK(learn_assumed_types(twin, library, simplifying));
  return twin.view();
}

}  // namespace tessera::network
