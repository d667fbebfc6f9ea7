// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/renamed.h"
#include "tessera/core/json.h"
#include "tessera/network/driver.h"

namespace tessera::testing {

/// Another network under the names of `under_other_names`.
class RenamedDriver final : public network::Driver {
 public:
  explicit RenamedDriver(network::Network network) : network_(std::move(network)) {}

  std::unique_ptr<Driver> clone() const override {
    return std::make_unique<RenamedDriver>(network_.clone());
  }
  const std::filesystem::path& path() const noexcept override { return inner().path(); }
  Result<ModelInfo> info() const override { return inner().info(); }
  Json properties() const override { return inner().properties(); }
  std::string description() const override { return inner().description(); }
  Status save(const std::filesystem::path& path,
              const network::SaveOptions& options) const override {
    return inner().save(path, options);
  }
  Result<std::string> serialize() const override { return inner().serialize(); }
  Result<graph::Graph> view() const override {
    return inner().view().map([](const auto& graph) { return under_other_names(graph); });
  }
  std::vector<std::string> inputs() const override { return inner().inputs(); }
  std::vector<std::string> outputs() const override { return inner().outputs(); }
  std::optional<ValueType> declared_type(std::string_view input) const override {
    return inner().declared_type(input);
  }
  std::optional<ValueType> type_of(std::string_view value) const override {
    return inner().type_of(value);
  }
  Result<TensorView> constant(std::string_view tensor) const override {
    return inner().constant(tensor);
  }
  Status set_dims(const std::map<std::string, std::int64_t>& values) override {
    return network_.driver().set_dims(values);
  }
  Status set_shape(std::string_view input, const Shape& shape) override {
    return network_.driver().set_shape(input, shape);
  }
  Status infer_types(const std::shared_ptr<const runtime::Library>& library) override {
    return network_.driver().infer_types(library);
  }
  Result<network::SessionSourcePtr> source(std::span<const std::string> taps) const override {
    return inner().source(taps);
  }
  Result<std::unique_ptr<Driver>> part(const network::PartSpec& spec) const override {
    return inner().part(spec).map([](auto part) -> std::unique_ptr<Driver> {
      return std::make_unique<RenamedDriver>(network::Network(std::move(part)));
    });
  }
  void expose(std::span<const std::string> values) override { network_.driver().expose(values); }
  std::set<std::uint32_t> sources() const override { return inner().sources(); }

 private:
  [[nodiscard]] const Driver& inner() const noexcept { return network_.driver(); }

  network::Network network_;
};

inline network::Network under_other_names(const network::Network& network) {
  return network::Network(std::make_unique<RenamedDriver>(network.clone()));
}

}  // namespace tessera::testing
