// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/litert_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

#include "runtime/tflite_library.h"
#include "tessera/core/shared_library.h"
#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace litert {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kBelow = {"lib", "ai_edge_litert"};
constexpr std::array<std::string_view, 1> kByLoader = {"libLiteRt.so"};
constexpr std::string_view kCached = "litert-";
constexpr std::string_view kPackage = "ai_edge_litert-";

constexpr SoughtLibrary kSought = {
    .title = "LiteRT",
    .stem = "libLiteRt",
    .variable = "TESSERA_LITERT",
    .cached = kCached,
    .below = kBelow,
    .by_loader = kByLoader,
    .example = "ai_edge_litert",
    .wanted = "libLiteRt.so of the Python package ai-edge-litert works from version 2.1.6 on"};

/// What is between `prefix` and the end, or `end`; empty if the name does not begin so.
std::string behind(const std::string& name, std::string_view prefix, std::string_view end) {
  if (!name.starts_with(prefix) || !name.ends_with(end)) {
    return {};
  }
  return name.substr(prefix.size(), name.size() - prefix.size() - end.size());
}

/// Numbers of a version whose first two are those of `known`, which the library itself tells.
bool agrees(std::string_view version, std::string_view known) {
  const auto a = version_numbers(version);
  const auto b = version_numbers(known);
  return a.size() >= 2 && b.size() >= 2 && std::equal(b.begin(), b.begin() + 2, a.begin());
}

/// The library has no function for it; each version exported something that the one before had not.
std::string version_by_symbols(void* handle) {
  if (::dlsym(handle, "LiteRtCompiledModelIsNonCpuFullyAccelerated") != nullptr) {
    return "2.3 or newer";
  }
  return ::dlsym(handle, "kLiteRtRuntimeBuiltin") != nullptr ? "2.2" : "2.1.6";
}

std::string version_of(void* handle, const fs::path& file) {
  const auto known = version_by_symbols(handle);
  auto told = version_by_place(file);
  const bool newer = known.ends_with("newer") && version_numbers(told) > version_numbers(known);
  return agrees(told, known) || newer ? told : known;
}

/// False where the library does not have it.
template <class F>
bool take(void* handle, const char* name, F*& function) {
  function = reinterpret_cast<F*>(::dlsym(handle, name));
  return function != nullptr;
}

Status refuse_others(void* handle) {
  if (::dlsym(handle, "LiteRtCreateEnvironment") == nullptr) {
    const bool is_tflite = ::dlsym(handle, "TfLiteInterpreterCreate") != nullptr;
    return fail(
        ErrorCode::kUnavailable, "not LiteRT: {}",
        is_tflite ? "it is the older TFLite C library" : "it has no LiteRtCreateEnvironment");
  }
  // Since this came, models are made with their environment: the same names, other parameters.
  if (::dlsym(handle, "LiteRtCreateModelFromFd") == nullptr) {
    return fail(ErrorCode::kUnavailable, "this LiteRT is too old; 2.1.6 or newer is needed");
  }
  return {};
}

Result<Functions> functions_of(void* handle) {
  Functions functions;
#define TESSERA_LITERT_TAKE(name, result, parameters)                                       \
  if (!take(handle, "LiteRt" #name, functions.name)) {                                      \
    return fail(ErrorCode::kUnavailable, "this LiteRT lacks the function LiteRt{}", #name); \
  }
  TESSERA_LITERT_FUNCTIONS(TESSERA_LITERT_TAKE)
#undef TESSERA_LITERT_TAKE
  functions.has_observer = true;
#define TESSERA_LITERT_TAKE(name, result, parameters) \
  functions.has_observer &= take(handle, "LiteRt" #name, functions.name);
  TESSERA_LITERT_OBSERVER_FUNCTIONS(TESSERA_LITERT_TAKE)
#undef TESSERA_LITERT_TAKE
  return functions;
}

Result<std::shared_ptr<const Library>> open_library(const fs::path& file) {
  TESSERA_TRY(auto* handle, load_for_ever(file));
  if (tflite::is_tflite(handle)) {
    return tflite::library_of(handle, file);
  }
  TESSERA_CHECK(refuse_others(handle));
  LitertLibrary::State state;
  TESSERA_TRY(state.functions, functions_of(handle));
  state.path = path_of_symbol(reinterpret_cast<void*>(state.functions.CreateCompiledModel), file);
  state.version = version_of(handle, state.path);
  return std::make_shared<const LitertLibrary>(std::move(state));
}

}  // namespace

std::string version_by_place(const fs::path& file) {
  std::error_code error;
  const auto real = fs::canonical(file, error);
  const auto folder = (error ? file : real).parent_path();
  const auto parent = folder.parent_path();
  if (auto version = behind(parent.filename().string(), kCached, ""); !version.empty()) {
    return version;
  }
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    auto version = behind(entry.path().filename().string(), kPackage, ".dist-info");
    if (folder.filename() == "ai_edge_litert" && !version.empty()) {
      return version;
    }
  }
  return {};
}

Result<const LitertLibrary*> LitertLibrary::in(const Library& given) {
  const auto* const found = dynamic_cast<const LitertLibrary*>(given.named(kName));
  if (found == nullptr) {
    return fail(ErrorCode::kFailedPrecondition, "LiteRT is needed; {} {} is what there is",
                given.name(), given.version())
        .hint("load it, too: runtime::load_litert()");
  }
  return found;
}

Result<ProviderChoice> LitertLibrary::resolve(const ProviderChoice& choice) const {
  if (tflite::is_delegate_path(choice.name)) {
    return fail(ErrorCode::kUnavailable, "LiteRT takes no delegate from a library, such as '{}'",
                choice.name)
        .hint(
            "the TFLite C library does: get it by scripts/setup tflite, and name its "
            "libtensorflowlite_c.so by --runtime or TESSERA_LITERT");
  }
  if (choice.name != "cpu") {
    return fail(ErrorCode::kUnavailable, "LiteRT has no provider '{}' here; 'cpu' is what it has",
                choice.name)
        .hint("which kernels run on the CPU is said by the optimization level: disabled or all");
  }
  if (!choice.options.empty()) {
    return fail(ErrorCode::kInvalidArgument, "provider 'cpu' of LiteRT has no option '{}'",
                choice.options.begin()->first);
  }
  return choice;
}

}  // namespace litert

Result<std::shared_ptr<const Library>> load_litert(const std::filesystem::path& path) {
  std::shared_ptr<const Library> library;
  TESSERA_CHECK(
      find_library(litert::kSought, path, [&](const std::filesystem::path& file) -> Status {
        TESSERA_TRY(library, litert::open_library(file));
        return {};
      }));
  return library;
}

bool names_litert(const std::filesystem::path& path) {
  return names(litert::kSought, path) ||
         path.filename().string().starts_with("libtensorflowlite_c");
}

std::vector<std::filesystem::path> litert_search_places() {
  return places_of(litert::kSought);
}

}  // namespace tessera::runtime
