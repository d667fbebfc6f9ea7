// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/library.h"
#include "tessera/runtime/kernels_library.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "runtime/ort.h"
#include "tessera/core/shared_library.h"

namespace tessera::runtime {
namespace {

namespace fs = std::filesystem;

/// The newest API this program was compiled against. Later libraries serve it unchanged.
constexpr unsigned kApi = ORT_API_VERSION;

constexpr std::array<std::string_view, 3> kBelow = {"lib", "capi", "onnxruntime/capi"};
constexpr std::array<std::string_view, 2> kByLoader = {"libonnxruntime.so.1", "libonnxruntime.so"};

SoughtLibrary sought() {
  static const std::string wanted =
      fmt::format("any ONNX Runtime from 1.{} on for this architecture works", kApi);
  return {.title = "ONNX Runtime",
          .stem = "libonnxruntime",
          .variable = "TESSERA_ONNXRUNTIME",
          .cached = "onnxruntime-",
          .below = kBelow,
          .by_loader = kByLoader,
          .example = "onnxruntime/capi",
          .wanted = wanted};
}

SoughtLibrary kernels_sought() {
  return {.title = "library of kernels",
          .stem = "libtessera_kernels",
          .variable = kKernelsVariable,
          .cached = "kernels-",
          .below = kBelow,
          .by_loader = {},
          .example = "lib",
          .wanted = "the one that was built with this program is right",
          .installed = TESSERA_KERNELS_FOLDER};
}

/// Empty where there is none: most models run without it.
/// Errors: kUnavailable for one that the environment names and that is not there.
Result<fs::path> find_kernels() {
  fs::path found;
  const auto status = find_library(kernels_sought(), {}, [&](const fs::path& file) -> Status {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
      return fail(ErrorCode::kUnavailable, "none");
    }
    found = fs::absolute(file);
    return {};
  });
  if (!status && std::getenv(kKernelsVariable.data()) != nullptr) {
    return tl::unexpected(status.error());
  }
  return found;
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
  TESSERA_TRY(auto* handle, load_for_ever(file));
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
  return places_of(sought());
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

Result<fs::path> kernels_library() {
  TESSERA_TRY(auto file, find_kernels());
  if (file.empty()) {
    return fail(ErrorCode::kUnavailable, "libtessera_kernels.so is not beside the program")
        .hint("install it, or set {} to its path", kKernelsVariable);
  }
  return file;
}

Result<std::shared_ptr<const Library>> Library::load(const fs::path& path,
                                                     const std::vector<fs::path>& custom_ops) {
  TESSERA_TRY(auto operators, existing(custom_ops));
  std::unique_ptr<OnnxRuntime::State> state;
  TESSERA_CHECK(find_library(sought(), path, [&](const fs::path& file) -> Status {
    TESSERA_TRY(state, open_library(file));
    return {};
  }));
  state->custom_ops = std::move(operators);
  TESSERA_TRY(state->kernels, find_kernels());
  return std::make_shared<const OnnxRuntime>(std::move(state));
}

}  // namespace tessera::runtime
