// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/onnx_source.h"

#include <utility>

#include "tessera/core/file.h"
#include "tessera/runtime/onnx.h"

namespace tessera::network {
namespace {

class InMemory final : public SessionSource {
 public:
  InMemory(std::string bytes, std::filesystem::path folder)
      : bytes_(std::move(bytes)), folder_(std::move(folder)) {}

  Result<runtime::Session> open(std::shared_ptr<const runtime::Library> library,
                                const runtime::SessionOptions& options) const override {
    return runtime::open_onnx(std::move(library), bytes_, folder_, options);
  }
  Result<runtime::SessionMemory> memory(std::shared_ptr<const runtime::Library> library,
                                        const runtime::SessionOptions& options,
                                        std::span<const runtime::Feed> feeds) const override {
    return runtime::session_memory(std::move(library), bytes_, folder_, options, feeds);
  }
  std::int64_t size_bytes() const noexcept override { return std::ssize(bytes_); }

 private:
  std::string bytes_;
  std::filesystem::path folder_;  ///< where unchanged external data lies
};

class InFiles final : public SessionSource {
 public:
  InFiles(TemporaryDirectory folder, std::filesystem::path file, std::int64_t size_bytes)
      : folder_(std::move(folder)), file_(std::move(file)), size_bytes_(size_bytes) {}

  Result<runtime::Session> open(std::shared_ptr<const runtime::Library> library,
                                const runtime::SessionOptions& options) const override {
    return runtime::open_onnx(std::move(library), file_, options);
  }
  Result<runtime::SessionMemory> memory(std::shared_ptr<const runtime::Library> library,
                                        const runtime::SessionOptions& options,
                                        std::span<const runtime::Feed> feeds) const override {
    return runtime::session_memory(std::move(library), file_, options, feeds);
  }
  std::int64_t size_bytes() const noexcept override { return size_bytes_; }

 private:
  TemporaryDirectory folder_;
  std::filesystem::path file_;
  std::int64_t size_bytes_;
};

}  // namespace

Result<SessionSourcePtr> onnx_source(const onnx::Model& model) {
  auto bytes = model.serialize();
  if (bytes) {
    return std::make_unique<const InMemory>(*std::move(bytes), model.external_data_folder());
  }
  if (bytes.error().code != ErrorCode::kResourceExhausted) {
    return tl::unexpected(std::move(bytes).error());
  }
  TESSERA_TRY(auto folder, TemporaryDirectory::create("tessera-model"));
  auto file = folder.path() / "model.onnx";
  TESSERA_CHECK(model.save(file, {.external_data = onnx::ExternalData::kAlways}));
  std::int64_t size_bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    size_bytes += static_cast<std::int64_t>(entry.file_size());
  }
  return std::make_unique<const InFiles>(std::move(folder), std::move(file), size_bytes);
}

}  // namespace tessera::network
