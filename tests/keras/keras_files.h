// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "keras/hdf5_writer.h"

/// Keras files in code: the legacy layout, the numbered one, and the archive around it.
namespace tessera::testing {

/// The weights of a layer: name and array, in the order of its list.
using Weights = std::vector<std::pair<std::string, hdf5::Object>>;

/// Adds the group of a layer in the legacy layout, with its list of weights.
inline void add_layer(hdf5::Object& group, const std::string& layer, const Weights& weights) {
  auto& of_layer = group[layer];
  std::vector<std::string> names;
  for (const auto& [name, array] : weights) {
    names.push_back(name);
    of_layer[name] = array;
  }
  of_layer.messages.push_back(
      names.empty() ? hdf5::attribute("weight_names", hdf5::floating(8), hdf5::dataspace({0}), "")
                    : hdf5::texts("weight_names", names));
}

/// A .h5 of model.save(): layers with weights, and the configuration.
inline std::string legacy_file(const std::string& config,
                               const std::vector<std::pair<std::string, Weights>>& layers) {
  hdf5::Object root;
  root.messages.push_back(hdf5::texts("model_config", {config}, true));
  root.messages.push_back(hdf5::texts("keras_version", {"2.15.0"}, true));
  auto& group = root["model_weights"];
  std::vector<std::string> names;
  for (const auto& [name, weights] : layers) {
    names.push_back(name);
    add_layer(group, name, weights);
  }
  group.messages.push_back(hdf5::texts("layer_names", names));
  return hdf5::Writer::file(root);
}

inline std::uint32_t crc32_of_text(const std::string& text) {
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
    }
  }
  return ~crc;
}

/// A zip archive of stored members.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& members) {
  using hdf5::le;
  std::string bytes;
  std::string directory;
  for (const auto& [name, content] : members) {
    const auto common = le(20, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(crc32_of_text(content), 4) +
                        le(content.size(), 4) + le(content.size(), 4) + le(name.size(), 2) +
                        le(0, 2);
    directory +=
        "PK\x01\x02" + le(20, 2) + common + le(0, 2 + 2 + 2 + 4) + le(bytes.size(), 4) + name;
    bytes += "PK\x03\x04" + common + name + content;
  }
  const auto at = bytes.size();
  return bytes + directory + "PK\x05\x06" + le(0, 4) + le(members.size(), 2) +
         le(members.size(), 2) + le(directory.size(), 4) + le(at, 4) + le(0, 2);
}

inline std::string keras_file(const std::string& config, const std::string& weights) {
  return zip_of({{"metadata.json", R"({"keras_version": "3.0.0"})"},
                 {"config.json", config},
                 {"model.weights.h5", weights}});
}

}  // namespace tessera::testing
