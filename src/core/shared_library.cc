// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/shared_library.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "tessera/core/host.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

bool is_library_name(const SoughtLibrary& sought, std::string_view name) {
  return name.starts_with(fmt::format("{}.so", sought.stem)) ||
         name == fmt::format("{}.dylib", sought.stem);
}

/// Newest library of a folder; empty if there is none.
fs::path newest_in(const SoughtLibrary& sought, const fs::path& folder) {
  fs::path newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (!is_library_name(sought, name) || !fs::is_regular_file(entry.path(), error)) {
      continue;
    }
    if (newest.empty() || version_numbers(newest.filename().string()) < version_numbers(name)) {
      newest = entry.path();
    }
  }
  return newest;
}

/// A file is itself; of a folder, the library in it or where packages keep it.
fs::path library_at(const SoughtLibrary& sought, const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return path;
  }
  if (auto found = newest_in(sought, path); !found.empty()) {
    return found;
  }
  for (const auto below : sought.below) {
    if (auto found = newest_in(sought, path / below); !found.empty()) {
      return found;
    }
  }
  return {};
}

/// NAME-*/lib of the cache, newest first.
std::vector<fs::path> cached_folders(const SoughtLibrary& sought) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache_folder(), error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(sought.cached) && fs::is_directory(entry.path() / "lib", error)) {
      folders.push_back(entry.path() / "lib");
    }
  }
  std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
    const auto left = version_numbers(a.parent_path().filename().string());
    const auto right = version_numbers(b.parent_path().filename().string());
    return left != right ? left > right : a < b;
  });
  return folders;
}

/// The library the user named, by option or environment: no other one will do.
Status try_named(const SoughtLibrary& sought, const fs::path& path, std::string_view origin,
                 const std::function<Status(const fs::path&)>& attempt) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return fail(ErrorCode::kUnavailable, "no {} at '{}' ({}): no such file or folder", sought.title,
                path.string(), origin)
        .hint("give the library file or the folder that holds {}.so", sought.stem);
  }
  const auto file = library_at(sought, path);
  if (file.empty()) {
    return fail(ErrorCode::kUnavailable, "no {}.so in '{}' ({})", sought.stem, path.string(),
                origin)
        .hint("give the library file or the folder that holds it, such as .../{}", sought.example);
  }
  return attempt(fs::absolute(file)).map_error([&](const Error& cause) {
    return fail(ErrorCode::kUnavailable, "cannot use '{}' ({}): {}", file.string(), origin,
                cause.message)
        .hint("{}", sought.wanted)
        .error();
  });
}

Status try_places(const SoughtLibrary& sought,
                  const std::function<Status(const fs::path&)>& attempt) {
  std::string looked;
  for (const auto& place : places_of(sought)) {
    const bool by_loader = !place.has_parent_path();
    const auto file = by_loader ? place : library_at(sought, place);
    std::string reason = "none";
    if (!file.empty()) {
      const auto tried = attempt(file);
      if (tried) {
        return {};
      }
      reason = by_loader ? "not on the loader path" : tried.error().message;
    }
    looked += fmt::format("{}{}: {}", looked.empty() ? "" : "; ", place.string(), reason);
  }
  return fail(ErrorCode::kUnavailable, "no {} found (looked at {})", sought.title, looked)
      .hint(
          "run scripts/setup once, or name a library by {} PATH or {}; the folder {} of the Python "
          "package will do",
          sought.option, sought.variable, sought.example);
}

constexpr std::uint16_t native_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#else
  return EM_NONE;
#endif
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_386:
      return "32-bit x86";
    case EM_ARM:
      return "32-bit Arm";
    default:
      return fmt::format("processor type {}", machine);
  }
}

/// The loader says of a library for another processor that there is no such file.
std::optional<std::uint16_t> other_machine(const fs::path& file) {
  Elf64_Ehdr header{};
  std::ifstream stream(file, std::ios::binary);
  // The place of the machine is the same in 32-bit files.
  if (!stream.read(reinterpret_cast<char*>(&header), sizeof header) ||
      !std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG)) {
    return std::nullopt;
  }
  const bool is_other = native_machine() != EM_NONE && header.e_machine != native_machine();
  return is_other ? std::optional(header.e_machine) : std::nullopt;
}

}  // namespace

fs::path cache_folder() {
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) {
    return fs::path(cache) / "tessera";
  }
  const std::string home = environment("HOME");
  return fs::path(home.empty() ? "/" : home) / ".cache/tessera";
}

std::vector<int> version_numbers(std::string_view text) {
  std::vector<int> numbers;
  const auto* end = text.data() + text.size();
  for (const auto* at = text.data(); at < end;) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc{} && number >= 0) {
      numbers.push_back(number);
      at = next;
    } else {
      ++at;
    }
  }
  return numbers;
}

std::vector<fs::path> places_of(const SoughtLibrary& sought) {
  std::vector<fs::path> places;
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error) {
    places = {program, (program / sought.installed).lexically_normal()};
  }
  for (auto& folder : cached_folders(sought)) {
    places.push_back(std::move(folder));
  }
  places.insert(places.end(), sought.by_loader.begin(), sought.by_loader.end());
  return places;
}

bool names(const SoughtLibrary& sought, const fs::path& path) {
  return is_library_name(sought, library_at(sought, path).filename().string());
}

Status find_library(const SoughtLibrary& sought, const fs::path& path,
                    const std::function<Status(const fs::path&)>& attempt) {
  if (!path.empty()) {
    return try_named(sought, path, sought.option, attempt);
  }
  const auto named = environment(std::string(sought.variable).c_str());
  return named.empty() ? try_places(sought, attempt)
                       : try_named(sought, named, sought.variable, attempt);
}

fs::path path_of_symbol(void* symbol, const fs::path& asked) {
  Dl_info info{};
  if (::dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) {
    return asked;
  }
  return info.dli_fname;
}

Result<void*> load_for_ever(const fs::path& file) {
  if (const auto machine = other_machine(file)) {
    return fail(ErrorCode::kUnavailable, "it is built for {}, this machine is {}",
                machine_name(*machine), machine_name(native_machine()));
  }
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each thread has its own
    const char* reason = ::dlerror();
    return fail(ErrorCode::kUnavailable, "{}", reason == nullptr ? "cannot be loaded" : reason);
  }
  return handle;
}

}  // namespace tessera
