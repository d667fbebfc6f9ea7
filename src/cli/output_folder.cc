// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/output_folder.h"

#include <unistd.h>

#include <system_error>
#include <utility>

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

/// `path` without the slash that a shell's completion leaves at the end.
fs::path without_trailing_slash(const fs::path& path) {
  const auto clean = fs::absolute(path).lexically_normal();
  return clean.has_filename() ? clean : clean.parent_path();
}

Status check_target(const fs::path& target, Overwrite overwrite) {
  std::error_code error;
  if (!fs::exists(target, error)) {
    return {};
  }
  if (!fs::is_directory(target, error)) {
    return fail(ErrorCode::kAlreadyExists, "'{}' exists and is not a folder", target.string())
        .hint("choose another name for -o");
  }
  if (overwrite == Overwrite::kRefuse && !fs::is_empty(target, error)) {
    return fail(ErrorCode::kAlreadyExists, "folder '{}' is not empty", target.string())
        .hint("choose another folder, or --force to replace the files of the same name");
  }
  return {};
}

Failure cannot_write(const fs::path& path, const std::error_code& error) {
  return fail(error == std::errc::no_space_on_device ? ErrorCode::kResourceExhausted
                                                     : ErrorCode::kPermissionDenied,
              "cannot write '{}': {}", path.string(), error.message())
      .hint("check the folder's permissions and free space");
}

}  // namespace

Result<OutputFolder> OutputFolder::create(const fs::path& path, Overwrite overwrite) {
  const auto target = without_trailing_slash(path);
  TESSERA_CHECK(check_target(target, overwrite));
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) {
    return cannot_write(target.parent_path(), error);
  }
  auto staging =
      target.parent_path() / fmt::format(".{}.{}.partial", target.filename().string(), ::getpid());
  fs::create_directory(staging, error);
  if (error) {
    return cannot_write(staging, error);
  }
  return OutputFolder(target, std::move(staging));
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : target_(std::move(other.target_)), staging_(std::exchange(other.staging_, {})) {}

OutputFolder::~OutputFolder() {
  if (!staging_.empty()) {
    std::error_code ignored;
    fs::remove_all(staging_, ignored);
  }
}

Status OutputFolder::commit() {
  std::error_code error;
  // Replaces a missing or empty folder in one step.
  fs::rename(staging_, target_, error);
  if (!error) {
    staging_.clear();
    return {};
  }
  for (const auto& entry : fs::directory_iterator(staging_)) {
    fs::rename(entry.path(), target_ / entry.path().filename(), error);
    if (error) {
      return cannot_write(target_ / entry.path().filename(), error);
    }
  }
  return {};
}

}  // namespace tessera::cli
