// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "tessera/core/file.h"
#include "tessera/core/result.h"

namespace tessera::cli {

/// A folder of artefacts that appears complete or not at all: files are written into a hidden
/// folder beside it, which takes its name at the end.
class OutputFolder {
 public:
  /// Errors: kAlreadyExists if `path` is not an empty folder and may not be overwritten;
  /// kPermissionDenied, kNotFound of its parent.
  [[nodiscard]] static Result<OutputFolder> create(const std::filesystem::path& path,
                                                   Overwrite overwrite);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();

  /// Where to write until commit().
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return staging_; }
  /// Takes the target's place. Into a folder with other files (--force), the new files move one by
  /// one, each replacing its namesake.
  [[nodiscard]] Status commit();

 private:
  OutputFolder(std::filesystem::path target, std::filesystem::path staging)
      : target_(std::move(target)), staging_(std::move(staging)) {}
  std::filesystem::path target_;
  std::filesystem::path staging_;
};

}  // namespace tessera::cli
