// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/providers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "runtime/plugins.h"

namespace tessera::runtime {
namespace {

constexpr std::string_view kSuffix = "executionprovider";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

constexpr std::array kAdvice = {
    ProviderAdvice{
        "cuda", "an ONNX Runtime built for CUDA, such as the package onnxruntime-gpu",
        "an NVIDIA GPU with its driver, CUDA and cuDNN of the versions it was built for"},
    ProviderAdvice{"tensorrt",
                   "an ONNX Runtime built for TensorRT, such as the package onnxruntime-gpu",
                   "an NVIDIA GPU with its driver, CUDA, cuDNN and TensorRT (libnvinfer)"},
    ProviderAdvice{
        "openvino",
        "an ONNX Runtime built with OpenVINO, the package onnxruntime-openvino "
        "(scripts/setup provider-openvino), or the provider library of the package "
        "onnxruntime-ep-openvino (scripts/setup plugin-openvino; --provider PATH)",
        "libopenvino.so and its plugins beside libonnxruntime.so, and a device_type that "
        "this machine has"},
    ProviderAdvice{"rocm", "an ONNX Runtime built for ROCm, the package onnxruntime-rocm",
                   "an AMD GPU with its driver and ROCm"},
    ProviderAdvice{"migraphx",
                   "an ONNX Runtime built for MIGraphX, the package onnxruntime-migraphx",
                   "an AMD GPU with its driver, ROCm and MIGraphX"},
    ProviderAdvice{"qnn", "an ONNX Runtime built for Qualcomm NPUs, the package onnxruntime-qnn",
                   "a Qualcomm NPU and the QNN libraries (backend_path=libQnnHtp.so)"},
    ProviderAdvice{"xnnpack", "an ONNX Runtime built with --use_xnnpack", {}},
    ProviderAdvice{"dnnl", "an ONNX Runtime built with --use_dnnl",
                   "libonnxruntime_providers_dnnl.so and libdnnl.so beside libonnxruntime.so"},
    ProviderAdvice{"acl", "an ONNX Runtime built with --use_acl", "the Arm Compute Library"},
    ProviderAdvice{"coreml", "macOS or iOS, where ONNX Runtime brings it along", {}},
};

std::string advice_for(const std::string& provider) {
  for (const auto& [name, how, beside] : kAdvice) {
    if (name == provider) {
      return fmt::format("it needs {}; then --runtime FOLDER, where libonnxruntime.so lies", how);
    }
  }
  return "use --provider with one of those, or --runtime PATH with a build that has it";
}

/// Keys and values as the C API takes them, two parallel arrays.
struct OptionArrays {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  explicit OptionArrays(const std::map<std::string, std::string>& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
};

std::string pairs_of(const std::map<std::string, std::string>& options) {
  std::string text;
  for (const auto& [key, value] : options) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  }
  return text;
}

/// Libraries that providers need, by how their names begin, and what brings them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kBringers = {{
    {"libcuda.so", "the driver of an NVIDIA GPU"},
    {"libcudnn", "NVIDIA cuDNN"},
    {"libnvinfer", "NVIDIA TensorRT"},
    {"libnvonnxparser", "NVIDIA TensorRT"},
    {"libopenvino", "OpenVINO"},
    {"libcu", "NVIDIA CUDA"},
}};

/// What to see to when the library has a provider and the provider does not start.
std::string start_hint(const std::string& provider, std::string_view reason,
                       const std::map<std::string, std::string>& options) {
  auto hint = missing_library_hint(reason);
  const auto wanted = short_provider_name(provider);
  for (const auto& [name, how, beside] : kAdvice) {
    if (name == wanted && !beside.empty()) {
      hint += fmt::format("{}it needs {}", hint.empty() ? "" : "; ", beside);
    }
  }
  if (!options.empty()) {
    hint += fmt::format("{}check its options: {}", hint.empty() ? "" : "; ", pairs_of(options));
  }
  return hint.empty() ? "use another --provider, or another build by --runtime PATH" : hint;
}

/// Providers older than the generic call have an options object of their own:
/// make, fill, append, release.
template <class Options>
struct Dedicated {
  OrtStatus*(ORT_API_CALL* create)(Options**);
  OrtStatus*(ORT_API_CALL* update)(Options*, const char* const*, const char* const*, size_t);
  OrtStatus*(ORT_API_CALL* append)(OrtSessionOptions*, const Options*);
  void(ORT_API_CALL* release)(Options*);
};

template <class Options>
Status append_dedicated(const OrtApi& api, OrtSessionOptions* session_options,
                        const Dedicated<Options>& functions, const OptionArrays& options) {
  constexpr std::string_view kDoing = "set up the provider";
  Owned<Options> object(functions.release);
  TESSERA_CHECK(checked(api, functions.create(object.slot()), kDoing));
  TESSERA_CHECK(checked(api,
                        functions.update(object.get(), options.keys.data(), options.values.data(),
                                         options.keys.size()),
                        kDoing));
  return checked(api, functions.append(session_options, object.get()), kDoing);
}

/// The call that the provider has: one of its own if it is older than the generic one.
Status append(const OrtApi& api, OrtSessionOptions* session_options, const std::string& provider,
              const OptionArrays& arrays) {
  if (provider == "CUDAExecutionProvider") {
    return append_dedicated<OrtCUDAProviderOptionsV2>(
        api, session_options,
        {api.CreateCUDAProviderOptions, api.UpdateCUDAProviderOptions,
         api.SessionOptionsAppendExecutionProvider_CUDA_V2, api.ReleaseCUDAProviderOptions},
        arrays);
  }
  if (provider == "TensorrtExecutionProvider") {
    return append_dedicated<OrtTensorRTProviderOptionsV2>(
        api, session_options,
        {api.CreateTensorRTProviderOptions, api.UpdateTensorRTProviderOptions,
         api.SessionOptionsAppendExecutionProvider_TensorRT_V2, api.ReleaseTensorRTProviderOptions},
        arrays);
  }
  if (provider == "ROCMExecutionProvider") {
    return append_dedicated<OrtROCMProviderOptions>(
        api, session_options,
        {api.CreateROCMProviderOptions, api.UpdateROCMProviderOptions,
         api.SessionOptionsAppendExecutionProvider_ROCM, api.ReleaseROCMProviderOptions},
        arrays);
  }
  if (provider == "DnnlExecutionProvider") {
    return append_dedicated<OrtDnnlProviderOptions>(
        api, session_options,
        {api.CreateDnnlProviderOptions, api.UpdateDnnlProviderOptions,
         api.SessionOptionsAppendExecutionProvider_Dnnl, api.ReleaseDnnlProviderOptions},
        arrays);
  }
  const auto generic = provider.substr(0, provider.size() - kSuffix.size());
  return checked(api,
                 api.SessionOptionsAppendExecutionProvider(session_options, generic.c_str(),
                                                           arrays.keys.data(), arrays.values.data(),
                                                           arrays.keys.size()),
                 "set up the provider");
}

}  // namespace

std::span<const ProviderAdvice> known_providers() noexcept {
  return kAdvice;
}

std::string short_provider_name(std::string_view name) {
  auto text = lower(name);
  // A plugin may have several: "OpenVINOExecutionProvider.AUTO" is "openvino.auto".
  const auto at = text.find(kSuffix);
  if (at != std::string::npos &&
      (at + kSuffix.size() == text.size() || text[at + kSuffix.size()] == '.')) {
    text.erase(at, kSuffix.size());
  }
  return text;
}

std::string missing_library_hint(std::string_view reason) {
  constexpr std::string_view kAbsent = ": cannot open shared object file";
  const auto end = reason.find(kAbsent);
  if (end == std::string_view::npos) {
    return {};
  }
  const auto start = reason.find_last_of(" /", end);
  const auto library = reason.substr(start == std::string_view::npos ? 0 : start + 1,
                                     end - (start == std::string_view::npos ? 0 : start + 1));
  for (const auto& [prefix, bringer] : kBringers) {
    if (library.starts_with(prefix)) {
      return fmt::format("{} is not on the loader's path: it comes with {}", library, bringer);
    }
  }
  return fmt::format("{} is not on the loader's path", library);
}

Result<ProviderChoice> parse_provider(std::string_view text) {
  ProviderChoice choice;
  auto colon = text.find(':');
  choice.name = text.substr(0, colon);
  if (choice.name.empty()) {
    return fail(ErrorCode::kInvalidArgument, "provider '{}' has no name", text)
        .hint("write --provider NAME:key=value:key=value");
  }
  std::string* last = nullptr;
  for (auto rest = text; colon != std::string_view::npos;) {
    rest = rest.substr(colon + 1);
    colon = rest.find(':');
    const auto part = rest.substr(0, colon);
    const auto equals = part.find('=');
    if (equals == std::string_view::npos && last != nullptr) {
      *last += fmt::format(":{}", part);
      continue;
    }
    if (equals == std::string_view::npos || equals == 0) {
      return fail(ErrorCode::kInvalidArgument, "provider option '{}' is not KEY=VALUE", part)
          .hint("write --provider NAME:key=value:key=value");
    }
    const auto [entry, added] = choice.options.emplace(part.substr(0, equals), std::string());
    if (!added) {
      return fail(ErrorCode::kInvalidArgument, "provider option '{}' is given twice", entry->first)
          .hint("write each key once");
    }
    last = &entry->second;
    *last = part.substr(equals + 1);
  }
  return choice;
}

std::string to_string(const ProviderChoice& choice) {
  auto text = short_provider_name(choice.name);
  for (const auto& [key, value] : choice.options) {
    text += fmt::format(":{}={}", key, value);
  }
  return text;
}

bool runs_on_cpu(const ProviderChoice& choice) {
  const auto name = short_provider_name(choice.name);
  const auto chosen = choice.options.find(std::string(kDeviceOption));
  if (chosen != choice.options.end() && lower(chosen->second) != "cpu") {
    return false;
  }
  if (name == "openvino") {
    const auto device = choice.options.find("device_type");
    const auto threads = choice.options.find("num_of_threads");
    return (device == choice.options.end() || lower(device->second).starts_with("cpu")) &&
           (threads == choice.options.end() || threads->second == "1") &&
           !choice.options.contains("load_config");
  }
  return name == "cpu" || name == "dnnl" || name == "acl" || name == "xnnpack";
}

namespace {

/// A provider of this process: built into the runtime, or of a plugin.
struct Located {
  std::string name;  ///< long
  std::optional<PluginDevice> device;
};

Error absent(const OnnxRuntime& library, std::string_view name) {
  std::string available;
  for (const auto& provider : library.providers()) {
    available += fmt::format("{}{}", available.empty() ? "" : ", ", short_provider_name(provider));
  }
  auto hint = advice_for(short_provider_name(name));
  return fail(ErrorCode::kUnavailable,
              "execution provider '{}' is not in ONNX Runtime {} at '{}'; it has {}", name,
              library.version(), library.path().string(), available)
      .hint("{}", hint)
      .error();
}

Result<Located> located_in(const OnnxRuntime& library, const std::filesystem::path& file,
                           const std::map<std::string, std::string>& options) {
  TESSERA_TRY(const auto* plugin, register_plugin(library, file));
  TESSERA_TRY(auto device, choose_device(*plugin, options));
  return Located{device.provider, device};
}

Result<Located> locate(const OnnxRuntime& library, const ProviderChoice& choice) {
  if (is_library_path(choice.name)) {
    return located_in(library, choice.name, choice.options);
  }
  const auto wanted = short_provider_name(choice.name);
  const auto loaded = find_plugin_device(library, wanted, choice.options);
  // What resolve() gave names its device: it is no provider that was built in.
  if (loaded && choice.options.contains(std::string(kDeviceOption))) {
    return Located{loaded->provider, loaded};
  }
  for (const auto& provider : library.providers()) {
    if (short_provider_name(provider) == wanted) {
      return Located{provider, std::nullopt};
    }
  }
  if (loaded) {
    return Located{loaded->provider, loaded};
  }
  if (const auto file = plugin_beside(library.path(), wanted); !file.empty()) {
    return located_in(library, file, choice.options);
  }
  return tl::unexpected(absent(library, choice.name));
}

/// As the provider itself is given them.
std::map<std::string, std::string> complete_options(const Located& located,
                                                    std::map<std::string, std::string> options,
                                                    int threads) {
  // OpenVINO has a thread pool of its own, by default on all processors.
  const bool openvino = short_provider_name(located.name).starts_with("openvino");
  if (!located.device) {
    if (openvino && !options.contains("load_config")) {
      options.emplace("num_of_threads", std::to_string(threads));
    }
    return options;
  }
  options.erase(std::string(kEpOption));
  options.erase(std::string(kDeviceOption));
  if (openvino && located.device->type == "cpu") {
    options.emplace("load_config",
                    fmt::format(R"({{"CPU":{{"INFERENCE_NUM_THREADS":"{}"}}}})", threads));
  }
  return options;
}

Status append_located(const OnnxRuntime& library, OrtSessionOptions* session_options,
                      const Located& located, const OptionArrays& arrays) {
  if (!located.device) {
    return append(*library.state().api, session_options, located.name, arrays);
  }
  // Options that it does not know are mentioned as warnings, and nowhere else.
  (void)take_ignored();
  TESSERA_ORT(*library.state().api,
              SetSessionLogSeverityLevel(session_options, ORT_LOGGING_LEVEL_WARNING));
  return append_plugin_device(library, session_options, *located.device, arrays.keys,
                              arrays.values);
}

}  // namespace

Status refuse_ignored_options() {
  const auto ignored = take_ignored();
  if (ignored.empty()) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "the provider does not take what it was given: {}",
              clean_message(ignored.front()))
      .hint("leave the option out, or write it as the provider's documentation says");
}

Result<bool> append_provider(const OnnxRuntime& library, OrtSessionOptions* session_options,
                             const ProviderChoice& choice, int threads) {
  TESSERA_TRY(const auto located, locate(library, choice));
  if (located.name == "CPUExecutionProvider") {
    if (!choice.options.empty()) {
      return fail(ErrorCode::kInvalidArgument, "provider 'cpu' takes no options, '{}' was given",
                  choice.options.begin()->first)
          .hint("leave it out; --threads sets the threads of every provider on the CPU");
    }
    return false;
  }
  const auto options = complete_options(located, choice.options, threads);
  (void)take_log();
  TESSERA_CHECK(append_located(library, session_options, located, OptionArrays(options))
                    .map_error([&](Error error) {
                      // The status says that it failed; why, only the log.
                      if (const auto reason = clean_message(take_log()); !reason.empty()) {
                        error.message += fmt::format(" ({})", reason);
                      }
                      error.hint = start_hint(located.name, error.message, choice.options);
                      return error;
                    }));
  return located.device.has_value();
}

Result<ProviderChoice> OnnxRuntime::resolve(const ProviderChoice& choice) const {
  TESSERA_TRY(const auto located, locate(*this, choice));
  const auto& api = *state_->api;
  Owned<OrtSessionOptions> trial(api.ReleaseSessionOptions);
  TESSERA_ORT(api, CreateSessionOptions(trial.slot()));
  TESSERA_CHECK(append_provider(*this, trial.get(), choice, 1));
  if (!located.device) {
    return choice;
  }
  ProviderChoice resolved{short_provider_name(located.name), choice.options};
  resolved.options.erase(std::string(kEpOption));
  resolved.options[std::string(kDeviceOption)] = located.device->type;
  return resolved;
}

std::vector<PluginProvider> find_plugins(const Library& library) {
  std::vector<PluginProvider> found;
  const auto runtime = OnnxRuntime::in(library);
  if (!runtime) {
    return found;
  }
  for (const auto& file : plugins_beside((*runtime)->path())) {
    const auto plugin = register_plugin(**runtime, file);
    if (!plugin) {
      continue;
    }
    for (const auto& device : (*plugin)->devices) {
      found.push_back({file, short_provider_name(device.provider), device.type, device.vendor});
    }
  }
  return found;
}

}  // namespace tessera::runtime
