// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera {

/// What a library that is loaded at run time is called, and where it may lie.
struct SoughtLibrary {
  std::string_view title;     ///< "ONNX Runtime"
  std::string_view stem;      ///< "libonnxruntime": its files are this and .so, .so.1, .dylib
  std::string_view variable;  ///< of the environment
  std::string_view cached;    ///< its folders in the cache of scripts/setup begin so
  std::span<const std::string_view> below;      ///< where packages keep it in a folder
  std::span<const std::string_view> by_loader;  ///< names for the system's loader path
  std::string_view example;                     ///< a folder of a package that has it
  std::string_view wanted;  ///< "any ONNX Runtime from 1.21 on for this architecture works"
  std::string_view option = "--runtime";  ///< that names one
  /// Where it is installed, from the folder of the program.
  std::string_view installed = "../lib/tessera";
};

/// Where scripts/setup puts what it fetches.
[[nodiscard]] std::filesystem::path cache_folder();

/// "1.32.0" as numbers, from a version or a file name ending in one.
[[nodiscard]] std::vector<int> version_numbers(std::string_view text);

/// Where it is looked for without a path, in order. Names without a folder go to the loader path.
[[nodiscard]] std::vector<std::filesystem::path> places_of(const SoughtLibrary& sought);

/// True for a file of this library's name, and for a folder that has one.
[[nodiscard]] bool names(const SoughtLibrary& sought, const std::filesystem::path& path);

/// Gives `attempt` the file at `path` (a file or a folder), else the one that the environment
/// names, else one after another of places_of() until one succeeds.
/// Errors: kUnavailable with every place that was looked at and why it was not that.
[[nodiscard]] Status find_library(
    const SoughtLibrary& sought, const std::filesystem::path& path,
    const std::function<Status(const std::filesystem::path& file)>& attempt);

/// The file that a symbol of a loaded library comes from; `asked` if that is not known.
[[nodiscard]] std::filesystem::path path_of_symbol(void* symbol,
                                                   const std::filesystem::path& asked);

/// Loads a library for ever: its threads and static objects outlive every handle.
/// Errors: kUnavailable with what the loader says, or the architecture it was built for.
[[nodiscard]] Result<void*> load_for_ever(const std::filesystem::path& file);

}  // namespace tessera
