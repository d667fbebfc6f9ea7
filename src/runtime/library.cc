// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <utility>

#include "runtime/ort.h"
#include "tessera/core/host.h"

namespace tessera::runtime {
namespace {

namespace fs = std::filesystem;

/// The newest API this program was compiled against. Later libraries serve it unchanged.
constexpr unsigned kApi = ORT_API_VERSION;

/// "1.32.0" as numbers, from a version or a file name ending in one.
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

bool is_library_name(const std::string& name) {
  return name.starts_with("libonnxruntime.so") || name == "libonnxruntime.dylib";
}

/// Newest libonnxruntime.so* of a folder; empty if there is none.
fs::path newest_in(const fs::path& folder) {
  fs::path newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (!is_library_name(name) || !fs::is_regular_file(entry.path(), error)) {
      continue;
    }
    if (newest.empty() || version_numbers(newest.filename().string()) < version_numbers(name)) {
      newest = entry.path();
    }
  }
  return newest;
}

/// A file is itself; of a folder, the library in it or where packages keep it.
fs::path library_at(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return path;
  }
  for (const auto* below : {"", "lib", "capi", "onnxruntime/capi"}) {
    if (const auto found = newest_in(path / below); !found.empty()) {
      return found;
    }
  }
  return {};
}

}  // namespace

fs::path cache_folder() {
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) {
    return fs::path(cache) / "tessera";
  }
  const std::string home = environment("HOME");
  return fs::path(home.empty() ? "/" : home) / ".cache/tessera";
}

namespace {

/// onnxruntime-*/lib of the cache, newest first.
std::vector<fs::path> cached_folders() {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache_folder(), error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("onnxruntime-") && fs::is_directory(entry.path() / "lib", error)) {
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

/// Of the whole process and for ever: a runtime has one environment, which remembers the logger of
/// whoever made it first.
struct KeptLog {
  std::mutex mutex;
  std::string last;
  std::vector<std::string> ignored;
};
KeptLog& kept_log() {
  static auto* log = new KeptLog;
  return *log;
}

/// ONNX Runtime prints what it logs unless it is given a function; most of what matters comes back
/// as a status anyway.
void ORT_API_CALL keep_log(void* kept, OrtLoggingLevel level, const char*, const char*, const char*,
                           const char* message) {
  auto& log = *static_cast<KeptLog*>(kept);
  const std::string text = message == nullptr ? "" : message;
  const std::lock_guard lock(log.mutex);
  if (level >= ORT_LOGGING_LEVEL_ERROR) {
    log.last = text;
  } else if (text.find("ignored") != std::string::npos) {
    log.ignored.push_back(text);
  }
}

Status read_providers(OnnxRuntime::State& state) {
  char** names = nullptr;
  int count = 0;
  TESSERA_ORT(*state.api, GetAvailableProviders(&names, &count));
  state.providers.assign(names, names + count);
  TESSERA_ORT(*state.api, ReleaseAvailableProviders(names, count));
  return {};
}

fs::path path_of_symbol(void* symbol, const fs::path& asked) {
  Dl_info info{};
  if (::dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) {
    return asked;
  }
  return info.dli_fname;
}

/// A library older than the headers would print to stderr when asked for the API: ask its version.
bool serves(const std::string& version, unsigned api) {
  const auto numbers = version_numbers(version);
  return numbers.size() >= 2 && numbers[0] == 1 && numbers[1] >= static_cast<int>(api);
}

Status check_version(const std::string& version) {
  if (serves(version, kApi)) {
    return {};
  }
  return fail(ErrorCode::kUnavailable, "ONNX Runtime {} is too old; 1.{} or newer is needed",
              version, kApi);
}

/// One arena for all sessions that ask for it (`session.use_env_allocators`). It grows by what is
/// asked, so that hundreds of small sessions take little more than the largest of them.
Status add_shared_arena(const OnnxRuntime::State& state) {
  const auto& api = *state.api;
  constexpr int kAsRequested = 1;
  constexpr int kDefault = -1;
  Owned<OrtArenaCfg> arena(api.ReleaseArenaCfg);
  TESSERA_ORT(api, CreateArenaCfg(0, kAsRequested, kDefault, kDefault, arena.slot()));
  Owned<OrtMemoryInfo> memory(api.ReleaseMemoryInfo);
  TESSERA_ORT(api, CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, memory.slot()));
  TESSERA_ORT(api, CreateAndRegisterAllocator(state.env, memory.get(), arena.get()));
  return {};
}

Result<std::unique_ptr<OnnxRuntime::State>> open_library(const fs::path& file) {
  // Never unloaded: its worker threads and static objects outlive our handle.
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each thread has its own
    const char* reason = ::dlerror();
    return fail(ErrorCode::kUnavailable, "{}", reason == nullptr ? "cannot be loaded" : reason);
  }
  void* symbol = ::dlsym(handle, "OrtGetApiBase");
  if (symbol == nullptr) {
    return fail(ErrorCode::kUnavailable, "not ONNX Runtime: it has no OrtGetApiBase");
  }
  const auto* base = reinterpret_cast<const OrtApiBase*(ORT_API_CALL*)()>(symbol)();
  auto state = std::make_unique<OnnxRuntime::State>();
  state->handle = handle;
  state->version = base->GetVersionString();
  state->path = path_of_symbol(symbol, file);
  TESSERA_CHECK(check_version(state->version));
  state->api = base->GetApi(kApi);
  if (state->api == nullptr) {
    return fail(ErrorCode::kUnavailable, "ONNX Runtime {} does not serve API {}", state->version,
                kApi);
  }
  if (serves(state->version, kPluginApiVersion)) {
    state->newer_api = base->GetApi(kPluginApiVersion);
  }
  TESSERA_ORT(*state->api, CreateEnvWithCustomLogger(keep_log, &kept_log(), ORT_LOGGING_LEVEL_ERROR,
                                                     "tessera", &state->env));
  // Released builds of 1.32 carry a telemetry client; nothing that runs here is reported anywhere.
  TESSERA_ORT(*state->api, DisableTelemetryEvents(state->env));
  TESSERA_CHECK(add_shared_arena(*state));
  TESSERA_CHECK(read_providers(*state));
  return state;
}

/// The library the user named, by option or environment: no other one will do.
Result<std::unique_ptr<OnnxRuntime::State>> open_named(const fs::path& path,
                                                       std::string_view origin) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return fail(ErrorCode::kUnavailable, "no ONNX Runtime at '{}' ({}): no such file or folder",
                path.string(), origin)
        .hint("give the library file or the folder that holds libonnxruntime.so");
  }
  const auto file = library_at(path);
  if (file.empty()) {
    return fail(ErrorCode::kUnavailable, "no libonnxruntime.so in '{}' ({})", path.string(), origin)
        .hint("give the library file or the folder that holds it, such as .../onnxruntime/capi");
  }
  return open_library(fs::absolute(file)).map_error([&](Error cause) {
    return fail(ErrorCode::kUnavailable, "cannot use '{}' ({}): {}", file.string(), origin,
                cause.message)
        .hint("any ONNX Runtime from 1.{} on for this architecture works", kApi)
        .error();
  });
}

Result<std::unique_ptr<OnnxRuntime::State>> open_first(const std::vector<fs::path>& places) {
  std::string looked;
  for (const auto& place : places) {
    const bool by_loader = !place.has_parent_path();
    const auto file = by_loader ? place : library_at(place);
    std::string reason = "none";
    if (!file.empty()) {
      auto state = open_library(file);
      if (state) {
        return state;
      }
      reason = by_loader ? "not on the loader path" : state.error().message;
    }
    looked += fmt::format("{}{}: {}", looked.empty() ? "" : "; ", place.string(), reason);
  }
  return fail(ErrorCode::kUnavailable, "no ONNX Runtime found (looked at {})", looked)
      .hint(
          "run scripts/setup once, or name a library by --runtime PATH or TESSERA_ONNXRUNTIME; "
          "the folder onnxruntime/capi of the Python package will do");
}

/// Absolute, so that the loader does not search for a bare name elsewhere.
Result<std::vector<fs::path>> existing(const std::vector<fs::path>& custom_ops) {
  std::vector<fs::path> files;
  for (const auto& file : custom_ops) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
      return fail(ErrorCode::kNotFound, "no library of custom operators at '{}'", file.string())
          .hint("give the shared library that exports RegisterCustomOps");
    }
    files.push_back(fs::absolute(file));
  }
  return files;
}

}  // namespace

std::vector<fs::path> Library::search_places() {
  std::vector<fs::path> places;
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error) {
    places = {program, (program / "../lib/tessera").lexically_normal()};
  }
  for (auto& folder : cached_folders()) {
    places.push_back(std::move(folder));
  }
  places.insert(places.end(), {"libonnxruntime.so.1", "libonnxruntime.so"});
  return places;
}

std::string take_log() {
  auto& log = kept_log();
  const std::lock_guard lock(log.mutex);
  return std::exchange(log.last, {});
}

std::vector<std::string> take_ignored() {
  auto& log = kept_log();
  const std::lock_guard lock(log.mutex);
  return std::exchange(log.ignored, {});
}

OnnxRuntime::~OnnxRuntime() {
  if (state_ != nullptr && state_->env != nullptr) {
    state_->api->ReleaseEnv(state_->env);
  }
}

Result<const OnnxRuntime*> OnnxRuntime::in(const Library& given) {
  const auto* const found = dynamic_cast<const OnnxRuntime*>(given.named(kName));
  if (found == nullptr) {
    return fail(ErrorCode::kFailedPrecondition, "ONNX Runtime is needed; {} {} is what there is",
                given.name(), given.version())
        .hint("load it, too: runtime::Library::load()");
  }
  return found;
}

Result<std::shared_ptr<const Library>> Library::load(const fs::path& path,
                                                     const std::vector<fs::path>& custom_ops) {
  TESSERA_TRY(auto operators, existing(custom_ops));
  const std::string variable = environment("TESSERA_ONNXRUNTIME");
  auto state = !path.empty()       ? open_named(path, "--runtime")
               : !variable.empty() ? open_named(variable, "TESSERA_ONNXRUNTIME")
                                   : open_first(Library::search_places());
  if (!state) {
    return tl::unexpected(std::move(state).error());
  }
  (*state)->custom_ops = std::move(operators);
  return std::make_shared<const OnnxRuntime>(std::move(*state));
}

}  // namespace tessera::runtime
