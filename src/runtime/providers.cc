// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/providers.h"

#include <algorithm>
#include <array>
#include <cctype>

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
        "(scripts/setup provider-openvino)",
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

/// What to see to when the library has a provider and the provider does not start.
std::string start_hint(const std::string& provider,
                       const std::map<std::string, std::string>& options) {
  std::string hint;
  const auto wanted = short_provider_name(provider);
  for (const auto& [name, how, beside] : kAdvice) {
    if (name == wanted && !beside.empty()) {
      hint = fmt::format("it needs {}", beside);
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
  if (text.ends_with(kSuffix)) {
    text.resize(text.size() - kSuffix.size());
  }
  return text;
}

Result<std::string> find_provider(const Library& library, std::string_view name) {
  const auto wanted = short_provider_name(name);
  std::string available;
  for (const auto& provider : library.providers()) {
    if (short_provider_name(provider) == wanted) {
      return provider;
    }
    available += fmt::format("{}{}", available.empty() ? "" : ", ", short_provider_name(provider));
  }
  auto hint = advice_for(wanted);
  return fail(ErrorCode::kUnavailable,
              "execution provider '{}' is not in ONNX Runtime {} at '{}'; it has {}", name,
              library.version(), library.path().string(), available)
      .hint("{}", hint);
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

Status check_provider(const Library& library, const ProviderChoice& choice) {
  return find_provider(library, choice.name).map([](const auto&) {});
}

bool runs_on_cpu(const ProviderChoice& choice) {
  const auto name = short_provider_name(choice.name);
  if (name == "openvino") {
    const auto device = choice.options.find("device_type");
    const auto threads = choice.options.find("num_of_threads");
    return (device == choice.options.end() || lower(device->second).starts_with("cpu")) &&
           (threads == choice.options.end() || threads->second == "1") &&
           !choice.options.contains("load_config");
  }
  return name == "cpu" || name == "dnnl" || name == "acl" || name == "xnnpack";
}

Status append_provider(const Library& library, OrtSessionOptions* session_options,
                       const std::string& provider,
                       const std::map<std::string, std::string>& options, int threads) {
  if (provider == "CPUExecutionProvider") {
    if (!options.empty()) {
      return fail(ErrorCode::kInvalidArgument, "provider 'cpu' takes no options, '{}' was given",
                  options.begin()->first)
          .hint("leave it out; --threads sets the threads of every provider on the CPU");
    }
    return {};
  }
  auto complete = options;
  if (provider == "OpenVINOExecutionProvider" && !options.contains("load_config")) {
    // It has a thread pool of its own, by default on all processors.
    complete.emplace("num_of_threads", std::to_string(threads));
  }
  (void)take_log();
  return append(*library.state().api, session_options, provider, OptionArrays(complete))
      .map_error([&](Error error) {
        // The status says that it failed; why, only the log.
        if (const auto reason = clean_message(take_log()); !reason.empty()) {
          error.message += fmt::format(" ({})", reason);
        }
        error.hint = start_hint(provider, options);
        return error;
      });
}

}  // namespace tessera::runtime
