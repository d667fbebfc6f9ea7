// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/litert/content.h"
#include "tessera/tensor/value_type.h"

/// .tflite files: read with every reference checked, looked at as a graph, edited without loss,
/// written.
namespace tessera::litert {

/// Has the identifier of the format at its place.
[[nodiscard]] bool is_litert(std::string_view bytes) noexcept;

/// A model that can be edited. A copy shares the weights. What the toolkit does not understand
/// survives unchanged, or the model is not written at all.
/// Threads: const members may be called from several threads at once.
class Model {
 public:
  /// Reads a file; weights stay mapped. Every index, offset, shape and size in it is checked.
  /// Errors: kNotFound; kDataLoss for a damaged file; kUnimplemented for a version, an operator or
  /// a form of the file that is not known, above all one beyond 2 GB.
  [[nodiscard]] static Result<Model> load(const std::filesystem::path& path);
  /// From memory.
  [[nodiscard]] static Result<Model> parse(std::string_view bytes);
  /// Made in memory. Errors: kInvalidArgument for what load() would call damaged.
  [[nodiscard]] static Result<Model> of(Content content);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Path, SHA-256 of the file (computed when asked), format "litert".
  [[nodiscard]] Result<ModelInfo> info() const;

  [[nodiscard]] Content& content() noexcept { return content_; }
  [[nodiscard]] const Content& content() const noexcept { return content_; }

  /// The file anew, from content(). Weights that the file had twice in one place stay so.
  /// Errors: kUnimplemented naming what of the file it came from is not known; kInternal for
  /// content that load() would refuse; kResourceExhausted above 2 GB.
  [[nodiscard]] Result<std::string> serialize() const;
  [[nodiscard]] Status save(const std::filesystem::path& path, Overwrite overwrite) const;
  /// What serialize() refuses with, of the file.
  [[nodiscard]] const std::optional<Error>& not_writable() const noexcept { return not_writable_; }

 private:
  static Result<Model> take(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  std::filesystem::path path_;
  std::shared_ptr<const void> owner_;  ///< of the file's bytes; none if made in memory
  std::span<const std::byte> bytes_;
  Content content_;
  std::optional<Error> not_writable_;
};

/// Extents that inputs of the first subgraph are taken to have, by name.
using AssumedShapes = std::map<std::string, std::vector<Dim>, std::less<>>;

/// Types of a subgraph's tensors as the file has them; open extents are not known.
[[nodiscard]] std::vector<ValueType> declared_types(const Content& content,
                                                    const Subgraph& subgraph);

/// Types of the tensors of the first subgraph as far as the file tells, inputs as assumed. The
/// shapes in a file are those that follow where each open extent has the number that the file
/// has in its place. For any others the inference library has to be asked: unknown.
[[nodiscard]] std::vector<ValueType> types_of(const Content& content, const AssumedShapes& assumed);

/// By tensor of the first subgraph: whether libraries take memory for it apart from that of the
/// other values, because its extents are computed or may be others whenever the network runs, or
/// because what it holds follows from extents alone and is computed before.
[[nodiscard]] std::vector<bool> tensors_apart(const Content& content);

/// The format-neutral view of the first subgraph, with these types. Tensors have the names of
/// value_names(), an operator that of its first output; Op::source is Operator::id; bodies are
/// the subgraphs that an operator calls.
/// Errors: kDataLoss naming an operator of a cycle, or a tensor that nobody makes;
/// kResourceExhausted for bodies within bodies without end.
[[nodiscard]] Result<graph::Graph> view(const Content& content,
                                        const std::vector<ValueType>& types);

}  // namespace tessera::litert
