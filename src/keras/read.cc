// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/read.h"

#include <algorithm>

#include "keras/config.h"
#include "keras/hdf5.h"
#include "keras/weights.h"
#include "tessera/keras/keras.h"
#include "tessera/tensor/zip.h"

namespace tessera::keras {
namespace {

constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kMetadata = "metadata.json";
constexpr std::string_view kWeights = "model.weights.h5";
constexpr std::string_view kZipSignature = "PK\x03\x04";

constexpr std::uint64_t kMostConfigBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kMostMetadataBytes = std::uint64_t{1} << 20;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Model> read_hdf5(std::span<const std::byte> bytes, const std::string& what,
                        std::string_view given) {
  TESSERA_TRY(const auto file, hdf5::File::open(bytes, what));
  TESSERA_TRY(const auto root, file.root());
  TESSERA_TRY(const auto own, file.text(*root, "model_config"));
  if (!own && given.empty()) {
    return fail(ErrorCode::kNotFound,
                "{}: it holds weights alone, and there is no configuration beside it", what)
        .hint(
            "write `model.to_json()` beside it under the same name with .json, or save the whole "
            "model with model.save()");
  }
  TESSERA_TRY(const auto version, file.text(*root, "keras_version"));
  TESSERA_TRY(const auto config, given.empty()
                                     ? parse_json(*own, what + "@model_config")
                                     : parse_json(given, what + " (configuration beside it)"));
  TESSERA_TRY(auto model, parse_config(config, version.value_or(""), what));
  TESSERA_CHECK(read_weights(file, model));
  return model;
}

Result<ZipBytes> member(const ZipArchive& archive, std::string_view name, std::uint64_t most_bytes,
                        const std::string& what) {
  const auto* const found = archive.find(name);
  if (found == nullptr && archive.find("model.weights.json") != nullptr) {
    return fail(ErrorCode::kUnimplemented, "{}: weights in several files are not supported", what)
        .hint("save the model again without max_shard_size");
  }
  if (found == nullptr) {
    return archive.malformed(what, fmt::format("it has no '{}'", name));
  }
  return archive.extract(*found, most_bytes);
}

Result<std::string> version_in(const ZipArchive& archive, const std::string& what) {
  const auto* const found = archive.find(kMetadata);
  if (found == nullptr) {
    return std::string();
  }
  TESSERA_TRY(const auto bytes, archive.extract(*found, kMostMetadataBytes));
  TESSERA_TRY(const auto metadata,
              parse_json(text_of(bytes.bytes), fmt::format("{}[{}]", what, kMetadata)));
  const auto version = metadata.find("keras_version");
  return version != metadata.end() && version->is_string() ? version->get<std::string>()
                                                           : std::string();
}

/// Parsed, brackets take fifty times their text: an archive may not be made of them.
Result<Json> config_in(const ZipArchive& archive, std::uint64_t archive_bytes,
                       const std::string& what) {
  constexpr std::uint64_t kMostRatio = 64;
  constexpr std::uint64_t kFree = std::uint64_t{4} << 20;
  const auto most = std::min(kMostConfigBytes, kMostRatio * archive_bytes + kFree);
  TESSERA_TRY(const auto config, member(archive, kConfig, most, what));
  return parse_json(text_of(config.bytes), fmt::format("{}[{}]", what, kConfig));
}

Result<Model> read_zip(std::span<const std::byte> bytes, const std::string& what,
                       std::string_view given) {
  constexpr std::uint64_t kMostRatio = 16;
  constexpr std::uint64_t kFree = std::uint64_t{64} << 20;
  TESSERA_TRY(const auto archive,
              ZipArchive::open(bytes, what,
                               {.kind = ".keras archive",
                                .hint = "save the model again with model.save('x.keras')"}));
  TESSERA_TRY(const auto version, version_in(archive, what));
  TESSERA_TRY(const auto json, given.empty()
                                   ? config_in(archive, bytes.size(), what)
                                   : parse_json(given, what + " (configuration beside it)"));
  TESSERA_TRY(auto model, parse_config(json, version, what));
  TESSERA_TRY(const auto weights,
              member(archive, kWeights, kMostRatio * bytes.size() + kFree, what));
  TESSERA_TRY(const auto file,
              hdf5::File::open(weights.bytes, fmt::format("{}[{}]", what, kWeights)));
  TESSERA_CHECK(read_weights(file, model));
  return model;
}

/// NAME.json of NAME.h5 and of NAME.weights.h5.
std::filesystem::path config_beside(const std::filesystem::path& path) {
  auto config = path;
  config.replace_extension();
  if (config.extension() == ".weights") {
    config.replace_extension();
  }
  config += ".json";
  return config;
}

Result<std::string> read_config(const std::filesystem::path& path) {
  return read_file(path, kMostConfigBytes);
}

}  // namespace

bool is_keras_file(std::string_view first_bytes, const std::filesystem::path& path) {
  return hdf5::has_signature(std::as_bytes(std::span(first_bytes))) ||
         (first_bytes.starts_with(kZipSignature) && path.extension() == ".keras");
}

Result<Model> read(std::span<const std::byte> bytes, std::string_view what,
                   std::string_view config) {
  if (text_of(bytes).starts_with(kZipSignature)) {
    return read_zip(bytes, std::string(what), config);
  }
  if (!hdf5::has_signature(bytes)) {
    return fail(ErrorCode::kDataLoss, "{}: neither an HDF5 file nor a .keras archive", what)
        .hint("give a file that model.save() of Keras wrote");
  }
  return read_hdf5(bytes, std::string(what), config);
}

Result<Model> read(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  // A configuration beside the file counts only where the file has none.
  auto model = read(file.bytes(), path.string());
  const auto config = config_beside(path);
  std::error_code error;
  if (model || model.error().code != ErrorCode::kNotFound ||
      !std::filesystem::exists(config, error)) {
    return model;
  }
  TESSERA_TRY(const auto text, read_config(config));
  return read(file.bytes(), path.string(), text);
}

Result<Model> read(const std::filesystem::path& path, const std::filesystem::path& config_path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  TESSERA_TRY(const auto text, read_config(config_path));
  return read(file.bytes(), path.string(), text);
}

}  // namespace tessera::keras
