// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/flat_table.h"

/// .tflite models of a few operators, to try what a LiteRT can do.
namespace tessera::runtime::litert {

/// Element types as files number them.
enum class FileType : std::int8_t {
  kFloat32 = 0,
  kInt32 = 2,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kInt8 = 9,
  kInt4 = 17,
};

struct TinyTensor {
  std::string name;
  FileType type = FileType::kFloat32;
  std::vector<std::int32_t> shape;
  std::string data;  ///< of a constant
  std::vector<float> scales;
  std::int64_t zero_point = 0;
  std::int32_t axis = 0;  ///< of several scales
  /// -1 for open extents; empty: those of `shape`.
  std::vector<std::int32_t> signature = {};
};

/// Numbers of operators in files.
inline constexpr std::int32_t kAdd = 0;
inline constexpr std::int32_t kFullyConnected = 9;
inline constexpr std::int32_t kRelu = 19;
inline constexpr std::int32_t kReshape = 22;
inline constexpr std::int32_t kSoftmax = 25;
inline constexpr std::int32_t kTanh = 28;
inline constexpr std::int32_t kCustom = 32;

struct TinyOperator {
  std::int32_t code = kRelu;
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> outputs;
  std::int32_t version = 1;
  std::string custom = {};  ///< name of a custom operator
  /// Which table of options, and its fields.
  std::uint8_t options_kind = 0;
  std::optional<FlatTable> options = {};
};

struct TinySignature {
  std::string key;
  std::vector<std::pair<std::string, std::uint32_t>> inputs;
  std::vector<std::pair<std::string, std::uint32_t>> outputs;
  std::uint32_t subgraph = 0;
};

struct TinyGraph {
  std::vector<TinyTensor> tensors;
  std::vector<TinyOperator> operators;
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> outputs;
};

struct TinyModel {
  std::vector<TinyGraph> graphs;
  std::vector<TinySignature> signatures = {};

  [[nodiscard]] std::string bytes() const;
};

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// FULLY_CONNECTED of x [1, 8] with y [1, 4] = x times weights [4, 8] transposed, no bias.
[[nodiscard]] TinyOperator fully_connected(std::int32_t version);

}  // namespace tessera::runtime::litert
