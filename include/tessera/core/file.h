// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tessera/core/result.h"

namespace tessera {

enum class Overwrite : std::uint8_t { kRefuse, kReplace };

/// The whole content of a regular file of at most `limit_bytes`.
/// Errors: kNotFound, kPermissionDenied, kInvalidArgument for a directory, kResourceExhausted.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::int64_t limit_bytes = std::int64_t{1} << 40);

/// Fails early, before long work, if `path` could not be written later: it exists and may not be
/// overwritten (kAlreadyExists, hint --force), its folder is missing or read-only.
[[nodiscard]] Status check_writable(const std::filesystem::path& path, Overwrite overwrite);

/// Writes a file under a temporary name beside its target and renames it when complete, so that a
/// reader sees the old content or the new, never half of it. Without `commit` nothing remains.
class AtomicFile {
 public:
  [[nodiscard]] static Result<AtomicFile> create(const std::filesystem::path& path,
                                                 Overwrite overwrite);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) noexcept;
  ~AtomicFile();

  [[nodiscard]] Status write(std::span<const std::byte> bytes);
  [[nodiscard]] Status write(std::string_view text);
  /// Bytes written so far: the offset of the next write.
  [[nodiscard]] std::int64_t position() const noexcept;
  /// The open descriptor, for writers that bring their own buffering. Owned by this object.
  [[nodiscard]] int descriptor() const noexcept;
  /// Flushes to disk and takes the target's name.
  [[nodiscard]] Status commit();

 private:
  struct State;
  explicit AtomicFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

[[nodiscard]] Status write_file(const std::filesystem::path& path, std::string_view content,
                                Overwrite overwrite);

/// Read-only view of a whole file by mmap. The view lives as long as the object.
/// A file truncated by somebody else while mapped is a fatal signal: use for own input only.
class MappedFile {
 public:
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Tells the kernel that a range is not needed any more, so that it leaves the resident set.
  void release(std::size_t offset, std::size_t length) const noexcept;

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

/// A folder that is removed with everything in it when the object goes.
class TemporaryDirectory {
 public:
  [[nodiscard]] static Result<TemporaryDirectory> create(std::string_view prefix);
  TemporaryDirectory(TemporaryDirectory&&) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) noexcept;
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace tessera
