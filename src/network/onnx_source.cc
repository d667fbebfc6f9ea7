// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/onnx_source.h"

#include <utility>

#include "network/onnx_kernels.h"
#include "tessera/core/file.h"
#include "tessera/runtime/onnx.h"

namespace tessera::network {
namespace {

using LibraryPtr = std::shared_ptr<const runtime::Library>;

/// Opens the copy `model`, operator by operator of these sources, under names by which its kernels
/// are known again.
Result<runtime::Session> open_tagged(const LibraryPtr& library, onnx::Model model,
                                     std::vector<std::uint32_t> sources,
                                     runtime::SessionOptions options) {
  auto names = tag_operators(model);
  TESSERA_TRY(const auto source, onnx_source(model));
  TESSERA_TRY(const auto folder, TemporaryDirectory::create("tessera-profile"));
  options.kernel_sources = false;
  options.optimized_model = folder.path() / "optimized.onnx";
  auto session = source->open(library, options);
  std::optional<graph::Graph> optimized;
  if (session) {
    TESSERA_TRY(const auto written, onnx::Model::load(options.optimized_model));
    TESSERA_TRY(optimized, written.view());
  } else {
    options.optimized_model.clear();
    session = source->open(library, options);
  }
  if (!session) {
    auto error = std::move(session).error();
    error.message = without_tags(error.message, names);
    return tl::unexpected(std::move(error));
  }
  TESSERA_TRY(auto kernels, KernelSources::make(model, std::move(sources), std::move(names),
                                                optimized ? &*optimized : nullptr));
  return with_kernel_roles(*std::move(session), std::move(kernels));
}

/// What both forms have in common: kernels are told apart where that is wanted.
class OnnxSource : public SessionSource {
 public:
  explicit OnnxSource(std::vector<std::uint32_t> sources) : sources_(std::move(sources)) {}

  Result<runtime::Session> open(LibraryPtr library,
                                const runtime::SessionOptions& options) const final {
    if (!options.profile) {
      return open_plainly(std::move(library), options);
    }
    if (options.kernel_sources) {
      TESSERA_TRY(auto copy, read());
      return open_tagged(library, std::move(copy), sources_, options);
    }
    TESSERA_TRY(auto session, open_plainly(std::move(library), options));
    return with_kernel_roles(std::move(session), {});
  }

 protected:
  [[nodiscard]] virtual Result<runtime::Session> open_plainly(
      LibraryPtr library, const runtime::SessionOptions& options) const = 0;
  [[nodiscard]] virtual Result<onnx::Model> read() const = 0;

 private:
  std::vector<std::uint32_t> sources_;  ///< of the operators, in the order of the file
};

class InMemory final : public OnnxSource {
 public:
  InMemory(std::vector<std::uint32_t> sources, std::string bytes, std::filesystem::path folder)
      : OnnxSource(std::move(sources)), bytes_(std::move(bytes)), folder_(std::move(folder)) {}

  Result<runtime::SessionMemory> memory(LibraryPtr library, const runtime::SessionOptions& options,
                                        std::span<const runtime::Feed> feeds) const override {
    return runtime::session_memory(std::move(library), bytes_, folder_, options, feeds);
  }
  std::int64_t size_bytes() const noexcept override { return std::ssize(bytes_); }

 protected:
  Result<runtime::Session> open_plainly(LibraryPtr library,
                                        const runtime::SessionOptions& options) const override {
    return runtime::open_onnx(std::move(library), bytes_, folder_, options);
  }
  Result<onnx::Model> read() const override {
    return onnx::Model::parse(bytes_, "the model", folder_);
  }

 private:
  std::string bytes_;
  std::filesystem::path folder_;  ///< where unchanged external data lies
};

class InFiles final : public OnnxSource {
 public:
  InFiles(std::vector<std::uint32_t> sources, TemporaryDirectory folder, std::filesystem::path file,
          std::int64_t size_bytes)
      : OnnxSource(std::move(sources)),
        folder_(std::move(folder)),
        file_(std::move(file)),
        size_bytes_(size_bytes) {}

  Result<runtime::SessionMemory> memory(LibraryPtr library, const runtime::SessionOptions& options,
                                        std::span<const runtime::Feed> feeds) const override {
    return runtime::session_memory(std::move(library), file_, options, feeds);
  }
  std::int64_t size_bytes() const noexcept override { return size_bytes_; }

 protected:
  Result<runtime::Session> open_plainly(LibraryPtr library,
                                        const runtime::SessionOptions& options) const override {
    return runtime::open_onnx(std::move(library), file_, options);
  }
  Result<onnx::Model> read() const override { return onnx::Model::load(file_); }

 private:
  TemporaryDirectory folder_;
  std::filesystem::path file_;
  std::int64_t size_bytes_;
};

}  // namespace

Result<SessionSourcePtr> onnx_source(const onnx::Model& model) {
  TESSERA_TRY(const auto order, model.written_order());
  std::vector<std::uint32_t> sources;
  sources.reserve(order.size());
  for (const auto node : order) {
    sources.push_back(model.origin(node).value);
  }
  auto bytes = model.serialize();
  if (bytes) {
    return std::make_unique<const InMemory>(std::move(sources), *std::move(bytes),
                                            model.external_data_folder());
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
  return std::make_unique<const InFiles>(std::move(sources), std::move(folder), std::move(file),
                                         size_bytes);
}

Result<runtime::Session> open_onnx_file(std::shared_ptr<const runtime::Library> library,
                                        const std::filesystem::path& path,
                                        const runtime::SessionOptions& options) {
  if (options.profile && options.kernel_sources) {
    TESSERA_TRY(const auto model, onnx::Model::load(path));
    TESSERA_TRY(const auto source, onnx_source(model));
    return source->open(std::move(library), options);
  }
  auto session = runtime::open_onnx(std::move(library), path, options);
  return session && options.profile ? with_kernel_roles(*std::move(session), {})
                                    : std::move(session);
}

}  // namespace tessera::network
