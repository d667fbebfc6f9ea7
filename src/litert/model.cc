// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/litert/model.h"

#include <utility>

#include "litert/check.h"
#include "litert/read.h"
#include "litert/write.h"
#include "tessera/core/hash.h"

namespace tessera::litert {

bool is_litert(std::string_view bytes) noexcept {
  return bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3";
}

Result<Model> Model::take(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  TESSERA_TRY(auto read, read_content(bytes, std::move(owner)));
  TESSERA_CHECK(check(read.content));
  Model model;
  model.bytes_ = bytes;
  model.content_ = std::move(read.content);
  model.not_writable_ = std::move(read.not_writable);
  return model;
}

Result<Model> Model::load(const std::filesystem::path& path) {
  TESSERA_TRY(auto file, MappedFile::open(path));
  auto owner = std::make_shared<const MappedFile>(std::move(file));
  const auto bytes = owner->bytes();
  auto model = take(bytes, owner).map_error(in_file(path.string()));
  if (model) {
    model->path_ = path;
    model->owner_ = std::move(owner);
  }
  return model;
}

Result<Model> Model::parse(std::string_view bytes) {
  const auto all = std::as_bytes(std::span(bytes));
  auto owner = std::make_shared<const std::vector<std::byte>>(all.begin(), all.end());
  auto model = take(*owner, owner);
  if (model) {
    model->owner_ = std::move(owner);
  }
  return model;
}

Result<Model> Model::of(Content content) {
  TESSERA_CHECK(check(content).map_error([](Error error) {
    error.code = ErrorCode::kInvalidArgument;
    error.hint.clear();
    return error;
  }));
  Model model;
  model.content_ = std::move(content);
  return model;
}

Result<ModelInfo> Model::info() const {
  if (owner_ != nullptr) {
    return ModelInfo{path_.string(), sha256(bytes_), "litert"};
  }
  TESSERA_TRY(const auto bytes, serialize());
  return ModelInfo{path_.string(), sha256(std::as_bytes(std::span(bytes))), "litert"};
}

Result<std::string> Model::serialize() const {
  if (not_writable_) {
    return tl::unexpected<Error>(*not_writable_);
  }
  TESSERA_CHECK(check(content_).map_error([](Error error) {
    error.code = ErrorCode::kInternal;
    error.message = "what became of the model is unsound: " + error.message;
    error.hint.clear();
    return error;
  }));
  return write_content(content_);
}

Status Model::save(const std::filesystem::path& path, Overwrite overwrite) const {
  TESSERA_CHECK(check_writable(path, overwrite));
  TESSERA_TRY(const auto bytes, serialize());
  return write_file(path, bytes, overwrite);
}

}  // namespace tessera::litert
