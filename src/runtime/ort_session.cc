// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>

#include "runtime/ort.h"
#include "runtime/profile.h"
#include "runtime/providers.h"
#include "runtime/tap.h"
#include "runtime/watch.h"
#include "tessera/core/file.h"
#include "tessera/runtime/backend.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

GraphOptimizationLevel native_level(OptLevel level) noexcept {
  switch (level) {
    case OptLevel::kDisabled:
      return ORT_DISABLE_ALL;
    case OptLevel::kBasic:
      return ORT_ENABLE_BASIC;
    case OptLevel::kExtended:
      return ORT_ENABLE_EXTENDED;
    case OptLevel::kAll:
      break;
  }
  return ORT_ENABLE_ALL;
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

/// How the runtime begins the types of operators of libtessera_kernels.
constexpr std::string_view kKernelsPrefix = "ai.tessera:";

/// Options in the runtime's own form, and what must live as long as the session.
struct NativeOptions {
  Owned<OrtSessionOptions> options;
  std::unique_ptr<TapDomain> tap;
  std::optional<TemporaryDirectory> profile_folder;
  bool plugin = false;  ///< the provider came out of a library of its own
  /// Why the operators of libtessera_kernels are not there; empty if they are.
  std::string without_kernels;
};

Status add_config(const OrtApi& api, OrtSessionOptions* native,
                  const std::map<std::string, std::string>& config) {
  for (const auto& [key, value] : config) {
    TESSERA_ORT(api, AddSessionConfigEntry(native, key.c_str(), value.c_str()));
  }
  return {};
}

Status add_custom_ops(const OnnxRuntime::State& library, OrtSessionOptions* native) {
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

/// Says why the operators are not there; empty if they are. Only a model that has such needs them.
std::string add_kernels(const OnnxRuntime::State& library, OrtSessionOptions* native) {
  const auto& file = library.kernels;
  if (file.empty()) {
    return fmt::format("libtessera_kernels.so is not beside the program, and {} names none",
                       kKernelsVariable);
  }
  const auto given =
      std::any_of(library.custom_ops.begin(), library.custom_ops.end(),
                  [&](const auto& other) { return other.filename() == file.filename(); });
  if (given) {
    return {};
  }
  const auto added =
      checked(*library.api, library.api->RegisterCustomOpsLibrary_V2(native, file.c_str()),
              "register kernels");
  return added ? std::string() : fmt::format("'{}': {}", file.string(), added.error().message);
}

Result<NativeOptions> make_options(const OnnxRuntime& library, const SessionOptions& options) {
  if (options.threads < 1) {
    return fail(ErrorCode::kInvalidArgument, "{} threads; at least 1 was expected",
                options.threads);
  }
  const auto& api = *library.state().api;
  NativeOptions result;
  result.options = Owned<OrtSessionOptions>(api.ReleaseSessionOptions);
  TESSERA_ORT(api, CreateSessionOptions(result.options.slot()));
  auto* native = result.options.get();
  TESSERA_ORT(api, SetSessionGraphOptimizationLevel(native, native_level(options.opt_level)));
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
  auto config = options.config;
  if (options.shared_arena) {
    config.emplace("session.use_env_allocators", "1");
  }
  TESSERA_CHECK(add_config(api, native, config));
  TESSERA_CHECK(add_custom_ops(library.state(), native));
  result.without_kernels = add_kernels(library.state(), native);
  if (options.tap != nullptr) {
    TESSERA_TRY(result.tap, TapDomain::add_to(api, native, *options.tap));
  }
  TESSERA_TRY(result.plugin,
              append_provider(library, native, {options.provider, options.provider_options},
                              options.threads));
  return result;
}

/// What one run gave. `library` keeps the functions that release it.
class OrtOutputs final : public OutputTensors {
 public:
  OrtOutputs(std::shared_ptr<const Library> library, const OrtApi& api, std::size_t count)
      : library_(std::move(library)),
        api_(api),
        values_(count, nullptr),
        shapes_(count),
        views_(count) {}
  ~OrtOutputs() override {
    for (auto* value : values_) {
      if (value != nullptr) {
        api_.ReleaseValue(value);
      }
    }
  }
  [[nodiscard]] std::span<const TensorView> views() const noexcept override { return views_; }
  /// Where the runtime puts what it makes.
  [[nodiscard]] OrtValue** values() noexcept { return values_.data(); }
  [[nodiscard]] Status look();

 private:
  [[nodiscard]] Status look_at(std::size_t index);

  std::shared_ptr<const Library> library_;
  const OrtApi& api_;
  std::vector<OrtValue*> values_;
  std::vector<Shape> shapes_;
  std::vector<TensorView> views_;  // of `shapes_` and of the runtime's memory
};

Status OrtOutputs::look() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    TESSERA_CHECK(look_at(i));
  }
  return {};
}

/// Fills shape and view. What is no tensor, or has no bytes (strings), stays an undefined view.
Status OrtOutputs::look_at(std::size_t index) {
  int is_tensor = 0;
  TESSERA_ORT(api_, IsTensor(values_[index], &is_tensor));
  if (is_tensor == 0) {
    return {};
  }
  Owned<OrtTensorTypeAndShapeInfo> info(api_.ReleaseTensorTypeAndShapeInfo);
  TESSERA_ORT(api_, GetTensorTypeAndShape(values_[index], info.slot()));
  auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  TESSERA_ORT(api_, GetTensorElementType(info.get(), &type));
  std::size_t rank = 0;
  TESSERA_ORT(api_, GetDimensionsCount(info.get(), &rank));
  auto& shape = shapes_[index];
  shape.resize(rank);
  TESSERA_ORT(api_, GetDimensions(info.get(), shape.data(), rank));
  auto& view = views_[index];
  view.shape = shape;
  const auto dtype = static_cast<DType>(type);
  if (bits_of(dtype) == 0) {
    return {};
  }
  void* data = nullptr;
  TESSERA_ORT(api_, GetTensorMutableData(values_[index], &data));
  view.dtype = dtype;
  view.bytes = {static_cast<const std::byte*>(data),
                static_cast<std::size_t>(bytes_of(dtype, element_count(shape)))};
  return {};
}

class OnnxSession final : public SessionBackend {
 public:
  OnnxSession(std::shared_ptr<const Library> library, const OrtApi& api, NativeOptions native,
              bool profiling, std::uint64_t key)
      : library_(std::move(library)),
        api_(api),
        native_(std::move(native)),
        profiling_(profiling),
        key_(key) {}
  [[nodiscard]] Status create(const OnnxRuntime::State& runtime, const std::filesystem::path& file,
                              std::string_view bytes);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept override { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept override { return outputs_; }
  [[nodiscard]] Result<Outputs> run(std::span<const TensorView> tensors) override;
  [[nodiscard]] Result<std::vector<KernelTime>> end_profile() override;

 private:
  [[nodiscard]] Status describe();
  [[nodiscard]] Result<std::vector<Owned<OrtValue>>> wrap(
      std::span<const TensorView> tensors) const;

  std::shared_ptr<const Library> library_;
  const OrtApi& api_;
  NativeOptions native_;
  Owned<OrtMemoryInfo> cpu_memory_;
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  bool profiling_ = false;
  std::uint64_t key_ = 0;      // see watch.h
  Owned<OrtSession> session_;  // last, so that it goes first
};

/// Opens `file`, or `bytes` if there is none.
Status OnnxSession::create(const OnnxRuntime::State& runtime, const std::filesystem::path& file,
                           std::string_view bytes) {
  auto* options = native_.options.get();
  TESSERA_CHECK(refuse_fatal(key_));
  const Inside inside(key_);
  session_ = Owned<OrtSession>(api_.ReleaseSession);
  const Owned<OrtStatus> status(
      file.empty() ? api_.CreateSessionFromArray(runtime.env, bytes.data(), bytes.size(), options,
                                                 session_.slot())
                   : api_.CreateSession(runtime.env, file.c_str(), options, session_.slot()),
      api_.ReleaseStatus);
  if (status.get() != nullptr) {
    const std::string_view message = api_.GetErrorMessage(status.get());
    auto error = open_error(api_.GetErrorCode(status.get()), message);
    if (message.find(kKernelsPrefix) != std::string_view::npos &&
        !native_.without_kernels.empty()) {
      error.hint = fmt::format(
          "the model needs the kernels of tessera: {}; install the library, or "
          "make the model without --kernels",
          native_.without_kernels);
    }
    return tl::unexpected(std::move(error));
  }
  if (native_.plugin) {
    TESSERA_CHECK(refuse_ignored_options());
  }
  return describe();
}

Status OnnxSession::describe() {
  TESSERA_TRY(inputs_, read_values(api_, session_.get(), api_.SessionGetInputCount,
                                   api_.SessionGetInputName, api_.SessionGetInputTypeInfo));
  TESSERA_TRY(outputs_, read_values(api_, session_.get(), api_.SessionGetOutputCount,
                                    api_.SessionGetOutputName, api_.SessionGetOutputTypeInfo));
  for (const auto& input : inputs_) {
    input_names_.push_back(input.name.c_str());
  }
  for (const auto& output : outputs_) {
    output_names_.push_back(output.name.c_str());
  }
  cpu_memory_ = Owned<OrtMemoryInfo>(api_.ReleaseMemoryInfo);
  TESSERA_ORT(api_, CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, cpu_memory_.slot()));
  return {};
}

/// The tensors as values of the runtime over the caller's memory.
Result<std::vector<Owned<OrtValue>>> OnnxSession::wrap(std::span<const TensorView> tensors) const {
  std::vector<Owned<OrtValue>> values;
  for (const auto& tensor : tensors) {
    // The C API has no type for read-only tensors; the runtime does not write into its inputs.
    auto* data = const_cast<std::byte*>(tensor.bytes.data());
    auto& value = values.emplace_back(api_.ReleaseValue);
    TESSERA_ORT(api_, CreateTensorWithDataAsOrtValue(
                          cpu_memory_.get(), data, tensor.bytes.size(), tensor.shape.data(),
                          tensor.shape.size(), static_cast<ONNXTensorElementDataType>(tensor.dtype),
                          value.slot()));
  }
  return values;
}

Result<Outputs> OnnxSession::run(std::span<const TensorView> tensors) {
  TESSERA_TRY(const auto inputs, wrap(tensors));
  std::vector<const OrtValue*> values;
  for (const auto& input : inputs) {
    values.push_back(input.get());
  }
  auto outputs = std::make_unique<OrtOutputs>(library_, api_, outputs_.size());
  const Inside inside(key_);
  TESSERA_CHECK(
      checked(api_,
              api_.Run(session_.get(), nullptr, input_names_.data(), values.data(), values.size(),
                       output_names_.data(), output_names_.size(), outputs->values()),
              "run the model"));
  TESSERA_CHECK(outputs->look());
  return Outputs(std::move(outputs));
}

Result<std::vector<KernelTime>> OnnxSession::end_profile() {
  if (!profiling_) {
    return tl::unexpected(not_profiled());
  }
  profiling_ = false;
  OrtAllocator* allocator = nullptr;
  TESSERA_ORT(api_, GetAllocatorWithDefaultOptions(&allocator));
  char* file = nullptr;
  TESSERA_ORT(api_, SessionEndProfiling(session_.get(), allocator, &file));
  const std::filesystem::path path = file;
  TESSERA_ORT(api_, AllocatorFree(allocator, file));
  return read_profile(path);
}

/// Opens `file`, or `bytes` if there is none.
Result<Session> open(std::shared_ptr<const Library> library, const std::filesystem::path& file,
                     std::string_view bytes, const SessionOptions& options, std::uint64_t key) {
  TESSERA_TRY(const auto* runtime, OnnxRuntime::in(*library));
  TESSERA_TRY(auto native, make_options(*runtime, options));
  const auto& state = runtime->state();
  auto session = std::make_unique<OnnxSession>(std::move(library), *state.api, std::move(native),
                                               options.profile, key);
  auto created = session->create(state, file, bytes);
  if (!file.empty()) {
    created = std::move(created).map_error(in_file(file.string()));
  }
  TESSERA_CHECK(created);
  return Session(std::move(session));
}

}  // namespace

Result<Session> open_onnx(std::shared_ptr<const Library> library,
                          const std::filesystem::path& model, const SessionOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model, error)) {
    return fail(ErrorCode::kNotFound, "no model file '{}'", model.string());
  }
  return open(std::move(library), model, {}, options, session_key(model, options));
}

Result<Session> open_onnx(std::shared_ptr<const Library> library, std::string_view model,
                          const std::filesystem::path& folder, const SessionOptions& options) {
  auto with_folder = options;
  if (!folder.empty()) {
    with_folder.config.emplace("session.model_external_initializers_file_folder_path",
                               std::filesystem::absolute(folder).string());
  }
  return open(std::move(library), {}, model, with_folder, session_key(model, options));
}

}  // namespace tessera::runtime
