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
    ProviderAdvice{"cuda", "an ONNX Runtime built for CUDA, such as the package onnxruntime-gpu"},
    ProviderAdvice{"tensorrt",
                   "an ONNX Runtime built for TensorRT, such as the package onnxruntime-gpu"},
    ProviderAdvice{"openvino",
                   "an ONNX Runtime built with OpenVINO, the package onnxruntime-openvino"},
    ProviderAdvice{"rocm", "an ONNX Runtime built for ROCm, the package onnxruntime-rocm"},
    ProviderAdvice{"migraphx",
                   "an ONNX Runtime built for MIGraphX, the package onnxruntime-migraphx"},
    ProviderAdvice{"qnn", "an ONNX Runtime built for Qualcomm NPUs, the package onnxruntime-qnn"},
    ProviderAdvice{"xnnpack", "an ONNX Runtime built with --use_xnnpack"},
    ProviderAdvice{"dnnl", "an ONNX Runtime built with --use_dnnl"},
    ProviderAdvice{"acl", "an ONNX Runtime built with --use_acl"},
    ProviderAdvice{"coreml", "macOS or iOS, where ONNX Runtime brings it along"},
};

std::string advice_for(const std::string& provider) {
  for (const auto& [name, how] : kAdvice) {
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

Status append_provider(const OrtApi& api, OrtSessionOptions* session_options,
                       const std::string& provider,
                       const std::map<std::string, std::string>& options) {
  const OptionArrays arrays(options);
  if (provider == "CPUExecutionProvider") {
    if (!options.empty()) {
      return fail(ErrorCode::kInvalidArgument, "provider 'cpu' takes no options, '{}' was given",
                  options.begin()->first);
    }
    return {};
  }
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

}  // namespace tessera::runtime
