// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/session.h"

#include <algorithm>
#include <array>

#include "runtime/ort.h"
#include "runtime/profile.h"
#include "runtime/providers.h"
#include "runtime/tap.h"
#include "runtime/watch.h"
#include "tessera/core/file.h"

namespace tessera::runtime {
namespace {

struct LevelName {
  OptLevel level;
  std::string_view name;
  GraphOptimizationLevel native;
};
constexpr std::array kLevels = {LevelName{OptLevel::kDisabled, "disabled", ORT_DISABLE_ALL},
                                LevelName{OptLevel::kBasic, "basic", ORT_ENABLE_BASIC},
                                LevelName{OptLevel::kExtended, "extended", ORT_ENABLE_EXTENDED},
                                LevelName{OptLevel::kAll, "all", ORT_ENABLE_ALL}};

const LevelName& entry_of(OptLevel level) noexcept {
  return kLevels[static_cast<std::size_t>(level)];
}

/// What "[1, 3, ?, ?]" looks like: -1 is an extent that may take any value.
std::string describe(DType dtype, std::span<const std::int64_t> shape) {
  std::string text(to_string(dtype));
  text += " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += i == 0 ? "" : ",";
    text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

bool shape_fits(std::span<const std::int64_t> actual, const ValueInfo& expected) {
  if (expected.shape.empty()) {  // a scalar, or an unknown rank: the runtime will check
    return true;
  }
  return std::equal(actual.begin(), actual.end(), expected.shape.begin(), expected.shape.end(),
                    [](std::int64_t a, std::int64_t e) { return e < 0 || a == e; });
}

Status check_feed(const Feed& feed, const ValueInfo& expected) {
  const auto& tensor = feed.tensor;
  if (!expected.is_tensor || bits_of(expected.dtype) == 0) {
    return fail(ErrorCode::kUnimplemented, "input '{}' is not a numeric tensor; it cannot be fed",
                expected.name);
  }
  const bool shape_ok = shape_fits(tensor.shape, expected);
  if (tensor.dtype != expected.dtype || !shape_ok) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' is given {}; the model expects {}",
                expected.name, describe(tensor.dtype, tensor.shape),
                describe(expected.dtype, expected.shape));
  }
  const auto needed = bytes_of(tensor.dtype, tensor.size());
  if (static_cast<std::int64_t>(tensor.bytes.size()) != needed) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' has {} bytes; {} needs {}", expected.name,
                tensor.bytes.size(), describe(tensor.dtype, tensor.shape), needed);
  }
  return {};
}

std::string names_of(const std::vector<ValueInfo>& values) {
  std::string names;
  for (const auto& value : values) {
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", value.name);
  }
  return names;
}

Status read_tensor_info(const OrtApi& api, const OrtTensorTypeAndShapeInfo* info,
                        ValueInfo& value) {
  auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  TESSERA_ORT(api, GetTensorElementType(info, &type));
  value.dtype = static_cast<DType>(type);
  std::size_t rank = 0;
  TESSERA_ORT(api, GetDimensionsCount(info, &rank));
  value.shape.resize(rank);
  std::vector<const char*> symbols(rank);
  TESSERA_ORT(api, GetDimensions(info, value.shape.data(), rank));
  TESSERA_ORT(api, GetSymbolicDimensions(info, symbols.data(), rank));
  value.symbols.assign(symbols.begin(), symbols.end());
  return {};
}

using GetCount = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t*);
using GetName = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t, OrtAllocator*, char**);
using GetType = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t, OrtTypeInfo**);

/// The inputs or the outputs of a session, depending on the functions.
Result<std::vector<ValueInfo>> read_values(const OrtApi& api, const OrtSession* session,
                                           GetCount get_count, GetName get_name, GetType get_type) {
  constexpr std::string_view kDoing = "describe the model's inputs and outputs";
  OrtAllocator* allocator = nullptr;  // the runtime's own, not released
  TESSERA_ORT(api, GetAllocatorWithDefaultOptions(&allocator));
  std::size_t count = 0;
  TESSERA_CHECK(checked(api, get_count(session, &count), kDoing));
  std::vector<ValueInfo> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    TESSERA_CHECK(checked(api, get_name(session, i, allocator, &name), kDoing));
    values[i].name = name;
    TESSERA_ORT(api, AllocatorFree(allocator, name));
    Owned<OrtTypeInfo> type(api.ReleaseTypeInfo);
    TESSERA_CHECK(checked(api, get_type(session, i, type.slot()), kDoing));
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // belongs to `type`
    TESSERA_ORT(api, CastTypeInfoToTensorInfo(type.get(), &tensor));
    values[i].is_tensor = tensor != nullptr;
    if (tensor != nullptr) {
      TESSERA_CHECK(read_tensor_info(api, tensor, values[i]));
    }
  }
  return values;
}

/// Options in the runtime's own form, and what must live as long as the session.
struct NativeOptions {
  Owned<OrtSessionOptions> options;
  std::unique_ptr<TapDomain> tap;
  std::optional<TemporaryDirectory> profile_folder;
  bool plugin = false;  ///< the provider came out of a library of its own
};

Status add_config(const OrtApi& api, OrtSessionOptions* native,
                  const std::map<std::string, std::string>& config) {
  for (const auto& [key, value] : config) {
    TESSERA_ORT(api, AddSessionConfigEntry(native, key.c_str(), value.c_str()));
  }
  return {};
}

Status add_custom_ops(const Library::State& library, OrtSessionOptions* native) {
  for (const auto& file : library.custom_ops) {
    // The runtime keeps the library open as long as the session needs it.
    auto added =
        checked(*library.api, library.api->RegisterCustomOpsLibrary_V2(native, file.c_str()),
                "register custom operators");
    if (!added) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is no library of custom operators: {}",
                  file.string(), added.error().message)
          .hint("it must be a shared library for this architecture that exports RegisterCustomOps");
    }
  }
  return {};
}

Result<NativeOptions> make_options(const Library& library, const SessionOptions& options) {
  if (options.threads < 1) {
    return fail(ErrorCode::kInvalidArgument, "{} threads; at least 1 was expected",
                options.threads);
  }
  const auto& api = *library.state().api;
  NativeOptions result;
  result.options = Owned<OrtSessionOptions>(api.ReleaseSessionOptions);
  TESSERA_ORT(api, CreateSessionOptions(result.options.slot()));
  auto* native = result.options.get();
  TESSERA_ORT(api, SetSessionGraphOptimizationLevel(native, entry_of(options.opt_level).native));
  TESSERA_ORT(api, SetIntraOpNumThreads(native, options.threads));
  TESSERA_ORT(api, SetInterOpNumThreads(native, 1));
  TESSERA_ORT(api, SetSessionExecutionMode(native, ORT_SEQUENTIAL));
  if (!options.memory_arena) {
    TESSERA_ORT(api, DisableCpuMemArena(native));
  }
  if (options.profile) {
    TESSERA_TRY(result.profile_folder, TemporaryDirectory::create("tessera-profile"));
    TESSERA_ORT(api, EnableProfiling(native, (result.profile_folder->path() / "run").c_str()));
  }
  if (!options.optimized_model.empty()) {
    TESSERA_ORT(api, SetOptimizedModelFilePath(native, options.optimized_model.c_str()));
  }
  TESSERA_CHECK(add_config(api, native, options.config));
  TESSERA_CHECK(add_custom_ops(library.state(), native));
  if (options.tap != nullptr) {
    TESSERA_TRY(result.tap, TapDomain::add_to(api, native, *options.tap));
  }
  TESSERA_TRY(result.plugin,
              append_provider(library, native, {options.provider, options.provider_options},
                              options.threads));
  return result;
}

}  // namespace

std::string_view to_string(OptLevel level) noexcept {
  return entry_of(level).name;
}

Result<OptLevel> opt_level_from_string(std::string_view name) {
  for (const auto& entry : kLevels) {
    if (entry.name == name) {
      return entry.level;
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not an optimization level; disabled, basic, extended or all was expected",
              name);
}

struct Outputs::State {
  std::shared_ptr<const Library> library;
  std::vector<OrtValue*> values;
  std::vector<Shape> shapes;
  std::vector<TensorView> views;  // of `shapes` and of the runtime's memory

  State(std::shared_ptr<const Library> owner, std::size_t count)
      : library(std::move(owner)), values(count, nullptr), shapes(count), views(count) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (auto* value : values) {
      if (value != nullptr) {
        library->state().api->ReleaseValue(value);
      }
    }
  }
  [[nodiscard]] Status look_at(std::size_t index);
};

/// Fills shape and view. What is no tensor, or has no bytes (strings), stays an undefined view.
Status Outputs::State::look_at(std::size_t index) {
  const auto& api = *library->state().api;
  int is_tensor = 0;
  TESSERA_ORT(api, IsTensor(values[index], &is_tensor));
  if (is_tensor == 0) {
    return {};
  }
  Owned<OrtTensorTypeAndShapeInfo> info(api.ReleaseTensorTypeAndShapeInfo);
  TESSERA_ORT(api, GetTensorTypeAndShape(values[index], info.slot()));
  auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  TESSERA_ORT(api, GetTensorElementType(info.get(), &type));
  std::size_t rank = 0;
  TESSERA_ORT(api, GetDimensionsCount(info.get(), &rank));
  auto& shape = shapes[index];
  shape.resize(rank);
  TESSERA_ORT(api, GetDimensions(info.get(), shape.data(), rank));
  auto& view = views[index];
  view.shape = shape;
  const auto dtype = static_cast<DType>(type);
  if (bits_of(dtype) == 0) {
    return {};
  }
  void* data = nullptr;
  TESSERA_ORT(api, GetTensorMutableData(values[index], &data));
  view.dtype = dtype;
  view.bytes = {static_cast<const std::byte*>(data),
                static_cast<std::size_t>(bytes_of(dtype, element_count(shape)))};
  return {};
}

Outputs::Outputs(std::unique_ptr<State> state) : state_(std::move(state)) {}
Outputs::Outputs(Outputs&&) noexcept = default;
Outputs& Outputs::operator=(Outputs&&) noexcept = default;
Outputs::~Outputs() = default;

std::size_t Outputs::size() const noexcept {
  return state_->views.size();
}
TensorView Outputs::operator[](std::size_t index) const {
  return state_->views[index];
}

struct Session::State {
  std::shared_ptr<const Library> library;
  NativeOptions native;
  Owned<OrtMemoryInfo> cpu_memory;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<const char*> input_names;
  std::vector<const char*> output_names;
  bool profiling = false;
  std::uint64_t key = 0;      // see watch.h
  Owned<OrtSession> session;  // last, so that it goes first

  [[nodiscard]] const OrtApi& api() const noexcept { return *library->state().api; }
  [[nodiscard]] Status create(const std::filesystem::path& file, std::string_view bytes);
  [[nodiscard]] Status describe();
  [[nodiscard]] Result<std::vector<Owned<OrtValue>>> wrap(std::span<const Feed> feeds) const;
};

/// Opens `file`, or `bytes` if there is none.
Status Session::State::create(const std::filesystem::path& file, std::string_view bytes) {
  auto* options = native.options.get();
  auto* env = library->state().env;
  TESSERA_CHECK(refuse_fatal(key));
  const Inside inside(key);
  session = Owned<OrtSession>(api().ReleaseSession);
  const Owned<OrtStatus> status(
      file.empty()
          ? api().CreateSessionFromArray(env, bytes.data(), bytes.size(), options, session.slot())
          : api().CreateSession(env, file.c_str(), options, session.slot()),
      api().ReleaseStatus);
  if (status.get() != nullptr) {
    return tl::unexpected(
        open_error(api().GetErrorCode(status.get()), api().GetErrorMessage(status.get())));
  }
  if (native.plugin) {
    TESSERA_CHECK(refuse_ignored_options());
  }
  return describe();
}

Status Session::State::describe() {
  TESSERA_TRY(inputs, read_values(api(), session.get(), api().SessionGetInputCount,
                                  api().SessionGetInputName, api().SessionGetInputTypeInfo));
  TESSERA_TRY(outputs, read_values(api(), session.get(), api().SessionGetOutputCount,
                                   api().SessionGetOutputName, api().SessionGetOutputTypeInfo));
  for (const auto& input : inputs) {
    input_names.push_back(input.name.c_str());
  }
  for (const auto& output : outputs) {
    output_names.push_back(output.name.c_str());
  }
  cpu_memory = Owned<OrtMemoryInfo>(api().ReleaseMemoryInfo);
  TESSERA_ORT(api(), CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, cpu_memory.slot()));
  return {};
}

/// The feeds as values of the runtime over the caller's memory, in the order of the inputs.
Result<std::vector<Owned<OrtValue>>> Session::State::wrap(std::span<const Feed> feeds) const {
  std::vector<Owned<OrtValue>> values;
  for (const auto& input : inputs) {
    const auto feed = std::find_if(feeds.begin(), feeds.end(),
                                   [&](const Feed& f) { return f.name == input.name; });
    if (feed == feeds.end()) {
      return fail(ErrorCode::kInvalidArgument, "input '{}' is not fed; the model expects {}",
                  input.name, names_of(inputs));
    }
    TESSERA_CHECK(check_feed(*feed, input));
    const auto& tensor = feed->tensor;
    // The C API has no type for read-only tensors; the runtime does not write into its inputs.
    auto* data = const_cast<std::byte*>(tensor.bytes.data());
    auto& value = values.emplace_back(api().ReleaseValue);
    TESSERA_ORT(api(), CreateTensorWithDataAsOrtValue(
                           cpu_memory.get(), data, tensor.bytes.size(), tensor.shape.data(),
                           tensor.shape.size(),
                           static_cast<ONNXTensorElementDataType>(tensor.dtype), value.slot()));
  }
  for (const auto& feed : feeds) {
    const bool known = std::any_of(inputs.begin(), inputs.end(),
                                   [&](const ValueInfo& input) { return input.name == feed.name; });
    if (!known) {
      return fail(ErrorCode::kInvalidArgument, "the model has no input '{}'; it has {}", feed.name,
                  names_of(inputs));
    }
  }
  return values;
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::open(std::shared_ptr<const Library> library,
                              const std::filesystem::path& model, const SessionOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model, error)) {
    return fail(ErrorCode::kNotFound, "no model file '{}'", model.string());
  }
  TESSERA_TRY(auto native, make_options(*library, options));
  auto state = std::make_unique<State>();
  state->library = std::move(library);
  state->native = std::move(native);
  state->profiling = options.profile;
  state->key = session_key(model, options);
  TESSERA_CHECK(state->create(model, {}).map_error(in_file(model.string())));
  return Session(std::move(state));
}

Result<Session> Session::open(std::shared_ptr<const Library> library, std::string_view model,
                              const std::filesystem::path& folder, const SessionOptions& options) {
  auto with_folder = options;
  if (!folder.empty()) {
    with_folder.config.emplace("session.model_external_initializers_file_folder_path",
                               std::filesystem::absolute(folder).string());
  }
  TESSERA_TRY(auto native, make_options(*library, with_folder));
  auto state = std::make_unique<State>();
  state->library = std::move(library);
  state->native = std::move(native);
  state->profiling = options.profile;
  state->key = session_key(model, options);
  TESSERA_CHECK(state->create({}, model));
  return Session(std::move(state));
}

const std::vector<ValueInfo>& Session::inputs() const noexcept {
  return state_->inputs;
}
const std::vector<ValueInfo>& Session::outputs() const noexcept {
  return state_->outputs;
}

Result<Outputs> Session::run(std::span<const Feed> feeds) {
  auto& state = *state_;
  TESSERA_TRY(const auto inputs, state.wrap(feeds));
  std::vector<const OrtValue*> values;
  for (const auto& input : inputs) {
    values.push_back(input.get());
  }
  auto outputs = std::make_unique<Outputs::State>(state.library, state.outputs.size());
  const Inside inside(state.key);
  TESSERA_CHECK(checked(state.api(),
                        state.api().Run(state.session.get(), nullptr, state.input_names.data(),
                                        values.data(), values.size(), state.output_names.data(),
                                        state.output_names.size(), outputs->values.data()),
                        "run the model"));
  for (std::size_t i = 0; i < outputs->values.size(); ++i) {
    TESSERA_CHECK(outputs->look_at(i));
  }
  return Outputs(std::move(outputs));
}

Result<std::vector<KernelTime>> Session::end_profile() {
  auto& state = *state_;
  if (!state.profiling) {
    return fail(ErrorCode::kInvalidArgument,
                "the session is not being profiled; open it with SessionOptions::profile, and end "
                "the profile once");
  }
  state.profiling = false;
  OrtAllocator* allocator = nullptr;
  TESSERA_ORT(state.api(), GetAllocatorWithDefaultOptions(&allocator));
  char* file = nullptr;
  TESSERA_ORT(state.api(), SessionEndProfiling(state.session.get(), allocator, &file));
  const std::filesystem::path path = file;
  TESSERA_ORT(state.api(), AllocatorFree(allocator, file));
  return read_profile(path);
}

}  // namespace tessera::runtime
