// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/network.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "network/onnx_driver.h"
#include "network/onnx_source.h"
#include "tessera/network/driver.h"
#include "tessera/network/load.h"

namespace tessera::network {

Network::Network(std::unique_ptr<Driver> driver) : driver_(std::move(driver)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

Network Network::clone() const {
  return Network(driver_->clone());
}
FileFormat Network::format() const noexcept {
  return driver_->format();
}
const std::filesystem::path& Network::path() const noexcept {
  return driver_->path();
}
Result<ModelInfo> Network::info() const {
  return driver_->info();
}
Json Network::properties() const {
  return driver_->properties();
}
std::string Network::description() const {
  return driver_->description();
}
std::optional<std::string> Network::metadata(std::string_view key) const {
  return driver_->metadata(key);
}
void Network::set_metadata(std::string_view key, std::string_view value) {
  driver_->set_metadata(key, value);
}
Status Network::save(const std::filesystem::path& path, const SaveOptions& options) const {
  return driver_->save(path, options);
}
Result<std::string> Network::serialize() const {
  return driver_->serialize();
}

Result<graph::Graph> Network::view() const {
  return driver_->view();
}
std::vector<std::string> Network::inputs() const {
  return driver_->inputs();
}
std::vector<std::string> Network::outputs() const {
  return driver_->outputs();
}
std::optional<ValueType> Network::declared_type(std::string_view input) const {
  return driver_->declared_type(input);
}
std::optional<ValueType> Network::type_of(std::string_view value) const {
  return driver_->type_of(value);
}
Result<TensorView> Network::constant(std::string_view tensor) const {
  return driver_->constant(tensor);
}

Status Network::set_dims(const std::map<std::string, std::int64_t>& values) {
  return driver_->set_dims(values);
}
Status Network::set_shape(std::string_view input, const Shape& shape) {
  return driver_->set_shape(input, shape);
}
void Network::assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape) {
  driver_->assume_shape(input, std::move(shape));
}
std::map<std::string, std::vector<std::int64_t>> Network::assumed_shapes() const {
  return driver_->assumed_shapes();
}
void Network::forget_symbol(std::string_view symbol) {
  driver_->forget_symbol(symbol);
}

Result<SessionSourcePtr> Network::source(std::span<const std::string> taps) const {
  return driver_->source(taps);
}
Result<runtime::Session> Network::open(std::shared_ptr<const runtime::Library> library,
                                       const runtime::SessionOptions& options,
                                       std::span<const std::string> taps) const {
  TESSERA_TRY(const auto from, source(taps));
  return from->open(std::move(library), options);
}
Result<Network> Network::part(const PartSpec& spec) const {
  return driver_->part(spec).map(
      [](std::unique_ptr<Driver> driver) { return Network(std::move(driver)); });
}
void Network::expose(std::span<const std::string> values) {
  driver_->expose(values);
}
std::set<std::uint32_t> Network::sources() const {
  return driver_->sources();
}
Status Network::infer_types(const std::shared_ptr<const runtime::Library>& library) {
  return driver_->infer_types(library);
}

Result<runtime::Session> open_file(std::shared_ptr<const runtime::Library> library,
                                   const std::filesystem::path& path,
                                   const runtime::SessionOptions& options) {
  if (format_of(path) == FileFormat::kLitert || is_keras_file(path)) {
    TESSERA_TRY(const auto network, read(path));
    return network.open(std::move(library), options);
  }
  return open_onnx_file(std::move(library), path, options);
}

onnx::Model* Network::onnx() noexcept {
  return driver_->onnx();
}
const onnx::Model* Network::onnx() const noexcept {
  return driver_->onnx();
}
litert::Model* Network::litert() noexcept {
  return driver_->litert();
}
const litert::Model* Network::litert() const noexcept {
  return driver_->litert();
}
void Network::edited() {
  driver_->edited();
}

}  // namespace tessera::network
