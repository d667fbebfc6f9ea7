// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/memory.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"
#include "tessera/tensor/value_type.h"

namespace tessera::onnx {
class Model;
}
namespace tessera::litert {
class Model;
}

/// The seam through which file formats enter: everything that measures, compares or plans works on
/// a Network and on its graph, and knows no format. What a format is stands in its driver (see
/// driver.h and docs/formats.md).
namespace tessera::network {

enum class FileFormat : std::uint8_t {
  kOnnx,
  kLitert,  ///< .tflite
  kOther,   ///< of a driver that is no part of the toolkit
};

enum class ExternalData : std::uint8_t {
  kAuto,    ///< as the input had it, or when one file would be too large for its format
  kAlways,  ///< weights of at least 1 KiB go to FILE.data
  kNever,
};

struct SaveOptions {
  ExternalData external_data = ExternalData::kAuto;
  Overwrite overwrite = Overwrite::kRefuse;
};

/// Something that sessions are opened from, any number of times: bytes, or files where a model is
/// beyond the size of one message (they are removed with this object).
class SessionSource {
 public:
  virtual ~SessionSource() = default;
  SessionSource(const SessionSource&) = delete;
  SessionSource& operator=(const SessionSource&) = delete;

  /// Errors: those of opening in the library that runs the format, such as runtime::open_onnx().
  [[nodiscard]] virtual Result<runtime::Session> open(
      std::shared_ptr<const runtime::Library> library,
      const runtime::SessionOptions& options) const = 0;
  /// See runtime::session_memory().
  [[nodiscard]] virtual Result<runtime::SessionMemory> memory(
      std::shared_ptr<const runtime::Library> library, const runtime::SessionOptions& options,
      std::span<const runtime::Feed> feeds) const = 0;
  /// Of the model as one file, weights beside it included.
  [[nodiscard]] virtual std::int64_t size_bytes() const noexcept = 0;

 protected:
  SessionSource() = default;
};
using SessionSourcePtr = std::unique_ptr<const SessionSource>;

/// Operators of a view() to be cut out. What they need on constants alone, and what bodies capture,
/// comes along.
struct PartSpec {
  const graph::Graph& graph;
  std::span<const graph::OpId> ops;
  std::span<const graph::TensorId> inputs;
  std::span<const graph::TensorId> outputs;
};

class Driver;

/// A model that can be looked at, run, cut and written, whatever file it came from. Moves; a copy
/// is made by clone().
/// Threads: const members may be called from several threads at once.
class Network {
 public:
  explicit Network(std::unique_ptr<Driver> driver);
  /// Of a model of that format, from memory.
  [[nodiscard]] static Network of(onnx::Model model);
  [[nodiscard]] static Network of(litert::Model model);
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();
  [[nodiscard]] Network clone() const;

  // --- the file ---------------------------------------------------------------------------
  [[nodiscard]] FileFormat format() const noexcept;
  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  /// Path, SHA-256 of the file as read (computed when asked, streamed), format.
  [[nodiscard]] Result<ModelInfo> info() const;
  /// What the format says of the file as a whole, for `inspect`: for ONNX {"format", "ir_version",
  /// "opset", "opsets"}; see schema/inspect.schema.json.
  [[nodiscard]] Json properties() const;
  /// The same in a line: "ONNX, IR 8, opset 17".
  [[nodiscard]] std::string description() const;
  [[nodiscard]] std::optional<std::string> metadata(std::string_view key) const;
  void set_metadata(std::string_view key, std::string_view value);
  /// By way of temporary files; all files or none.
  [[nodiscard]] Status save(const std::filesystem::path& path, const SaveOptions& options) const;
  /// The bytes that save() would write as one file.
  /// Errors: kResourceExhausted above what the format holds in one message.
  [[nodiscard]] Result<std::string> serialize() const;

  // --- structure --------------------------------------------------------------------------
  /// The graph, with types as far as they were learned; made anew by each call.
  /// Errors: kDataLoss naming an operator of a cycle.
  [[nodiscard]] Result<graph::Graph> view() const;
  /// Names of what has to be fed, and of what comes out, in the order of the file.
  [[nodiscard]] std::vector<std::string> inputs() const;
  [[nodiscard]] std::vector<std::string> outputs() const;
  /// What the file says of an input, nothing inferred or assumed.
  [[nodiscard]] std::optional<ValueType> declared_type(std::string_view input) const;
  /// What is known of a value.
  [[nodiscard]] std::optional<ValueType> type_of(std::string_view value) const;
  /// A constant's values; they stay valid until the network is changed or goes.
  /// Errors: kNotFound if there is no such constant.
  [[nodiscard]] Result<TensorView> constant(std::string_view tensor) const;

  // --- shapes -----------------------------------------------------------------------------
  /// Gives symbolic extents of the inputs values.
  /// Errors: kInvalidArgument naming a symbol that no input has (hint lists those there are).
  [[nodiscard]] Status set_dims(const std::map<std::string, std::int64_t>& values);
  /// The same for one input, extent by extent.
  /// Errors: kInvalidArgument for an unknown input, another rank, or an extent that the model fixes
  /// at another value.
  [[nodiscard]] Status set_shape(std::string_view input, const Shape& shape);
  /// What will be fed has this shape, although the model allows others. It counts for view() and is
  /// never written to a file.
  void assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape);
  /// The shapes that were assumed; -1 where an extent stays open.
  [[nodiscard]] std::map<std::string, std::vector<std::int64_t>> assumed_shapes() const;
  /// Takes a symbol away from every extent that has it: it stands for different numbers.
  void forget_symbol(std::string_view symbol);

  // --- running, cutting -------------------------------------------------------------------
  /// What sessions are opened from, with `taps`: names of values that pass by SessionOptions::tap,
  /// under their index here as the tag, on their way to every reader.
  [[nodiscard]] Result<SessionSourcePtr> source(std::span<const std::string> taps = {}) const;
  /// One session: source() and SessionSource::open() together.
  [[nodiscard]] Result<runtime::Session> open(std::shared_ptr<const runtime::Library> library,
                                              const runtime::SessionOptions& options,
                                              std::span<const std::string> taps = {}) const;
  /// The operators as a network of their own. Values keep names and types. Cost: that of a copy
  /// without weights. Errors: kUnimplemented if the type of an input is not known.
  [[nodiscard]] Result<Network> part(const PartSpec& spec) const;
  /// Makes values outputs, too, those that are already left out.
  void expose(std::span<const std::string> values);
  /// Op::source of what an earlier view() of this network, or of what it was cloned from, had and
  /// what is still there.
  [[nodiscard]] std::set<std::uint32_t> sources() const;
  /// Types are learned anew, from what the network is now. Errors: those of the runtime.
  [[nodiscard]] Status infer_types(const std::shared_ptr<const runtime::Library>& library);

  /// For the rooms that write this format, and for no others: null if it is another one.
  [[nodiscard]] onnx::Model* onnx() noexcept;
  [[nodiscard]] const onnx::Model* onnx() const noexcept;
  [[nodiscard]] litert::Model* litert() noexcept;
  [[nodiscard]] const litert::Model* litert() const noexcept;
  /// To be called after a change by way of litert(): what was looked up of the model is stale.
  void edited();
  /// The same of any format, by the type that its driver has.
  [[nodiscard]] Driver& driver() noexcept { return *driver_; }
  [[nodiscard]] const Driver& driver() const noexcept { return *driver_; }

 private:
  std::unique_ptr<Driver> driver_;
};

/// A session of a file as it lies there, whatever its format.
[[nodiscard]] Result<runtime::Session> open_file(std::shared_ptr<const runtime::Library> library,
                                                 const std::filesystem::path& path,
                                                 const runtime::SessionOptions& options);

/// The values by which a network's outputs are judged: each output of real numbers (floats, or
/// integers whose scale the file says), and for others the nearest floating value that they are
/// computed from (not beyond operators on integers). Errors: kUnimplemented if there is none.
[[nodiscard]] Result<std::vector<graph::TensorId>> judged_values(const graph::Graph& graph,
                                                                 std::string_view what);
/// Makes the judged values outputs. True if one was added. Errors: those of judged_values().
[[nodiscard]] Result<bool> expose_judged_values(Network& network);

/// Operators of a view as a part: what they read from outside and what others read of them.
/// Constants, also those that operators make, do not cross: PartSpec brings them along.
struct Border {
  std::vector<graph::TensorId> inputs;
  std::vector<graph::TensorId> outputs;
};
[[nodiscard]] Border border_of(const graph::Graph& graph, std::span<const graph::OpId> ops);

}  // namespace tessera::network
