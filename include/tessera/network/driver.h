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

#include "tessera/core/monitor.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"

namespace tessera::network {

/// What a file format has to be able to do, to be implemented once per format. Contracts are those
/// of the members of Network with the same names. Names identify values; operators are identified
/// by Op::source, which the driver gives out. What has a body here is right for a format that has
/// nothing of the kind.
class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;
  [[nodiscard]] virtual std::unique_ptr<Driver> clone() const = 0;

  [[nodiscard]] virtual FileFormat format() const noexcept { return FileFormat::kOther; }
  [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
  [[nodiscard]] virtual Result<ModelInfo> info() const = 0;
  [[nodiscard]] virtual Json properties() const = 0;
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual std::optional<std::string> metadata(std::string_view) const { return {}; }
  virtual void set_metadata(std::string_view, std::string_view) {}
  [[nodiscard]] virtual Status save(const std::filesystem::path& path,
                                    const SaveOptions& options) const = 0;
  [[nodiscard]] virtual Result<std::string> serialize() const = 0;

  [[nodiscard]] virtual Result<graph::Graph> view() const = 0;
  [[nodiscard]] virtual std::vector<std::string> inputs() const = 0;
  [[nodiscard]] virtual std::vector<std::string> outputs() const = 0;
  [[nodiscard]] virtual std::optional<ValueType> declared_type(std::string_view input) const = 0;
  [[nodiscard]] virtual std::optional<ValueType> type_of(std::string_view value) const = 0;
  [[nodiscard]] virtual Result<TensorView> constant(std::string_view tensor) const = 0;

  [[nodiscard]] virtual Status set_dims(const std::map<std::string, std::int64_t>& values) = 0;
  [[nodiscard]] virtual Status set_shape(std::string_view input, const Shape& shape) = 0;
  virtual void assume_shape(std::string_view, std::optional<std::vector<Dim>>) {}
  [[nodiscard]] virtual std::map<std::string, std::vector<std::int64_t>> assumed_shapes() const {
    return {};
  }
  virtual void forget_symbol(std::string_view) {}
  virtual Simplification simplify(const std::shared_ptr<const runtime::Library>&,
                                  bool /*as_written*/) {
    return {};
  }
  /// The file itself tells all that is known of types: they are learned without a library.
  [[nodiscard]] virtual bool tells_types() const noexcept { return false; }
  [[nodiscard]] virtual Status infer_types(const std::shared_ptr<const runtime::Library>&) = 0;
  /// The types under the shapes that are assumed.
  [[nodiscard]] virtual Status infer_assumed_types(
      const std::shared_ptr<const runtime::Library>& library, bool /*simplifying*/) {
    return infer_types(library);
  }
  /// Rewrites a version that the runtime gave up in a newer one; false if it did not.
  [[nodiscard]] virtual Result<bool> modernize(Monitor&) { return false; }

  /// Its sessions are those of the library that runs the format: the one of that name among what
  /// open() is given (runtime::Library::named()). They say what kernels do (KernelTime::role), and
  /// what they compute where that is asked for.
  [[nodiscard]] virtual Result<SessionSourcePtr> source(
      std::span<const std::string> taps) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Driver>> part(const PartSpec& spec) const = 0;
  virtual void expose(std::span<const std::string> values) = 0;
  [[nodiscard]] virtual std::set<std::uint32_t> sources() const = 0;

  [[nodiscard]] virtual onnx::Model* onnx() noexcept { return nullptr; }
  [[nodiscard]] virtual litert::Model* litert() noexcept { return nullptr; }
  virtual void edited() {}
};

}  // namespace tessera::network
