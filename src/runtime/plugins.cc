// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/plugins.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>

#include "runtime/providers.h"
#include "tessera/core/shared_library.h"

namespace tessera::runtime {

namespace fs = std::filesystem;

struct HardwareDevice;

namespace {

/// What the runtime's table of functions holds beyond the headers that we build against. The table
/// only ever grows at its end, so a function is known by its place. Source: onnxruntime_c_api.h of
/// 1.23, and the slow tests, which load a plugin by it.
struct PluginApi {
  static constexpr std::size_t kRegister = 301;
  static constexpr std::size_t kDevices = 303;
  static constexpr std::size_t kAppend = 304;
  static constexpr std::size_t kDeviceType = 307;
  static constexpr std::size_t kDeviceVendor = 309;
  static constexpr std::size_t kEpName = 312;
  static constexpr std::size_t kEpDevice = 316;

  OrtStatus*(ORT_API_CALL* register_library)(OrtEnv*, const char* name, const char* path);
  OrtStatus*(ORT_API_CALL* devices)(const OrtEnv*, const EpDevice* const** list, std::size_t*);
  OrtStatus*(ORT_API_CALL* append)(OrtSessionOptions*, OrtEnv*, const EpDevice* const* devices,
                                   std::size_t, const char* const* keys, const char* const* values,
                                   std::size_t);
  int(ORT_API_CALL* device_type)(const HardwareDevice*);
  const char*(ORT_API_CALL* device_vendor)(const HardwareDevice*);
  const char*(ORT_API_CALL* ep_name)(const EpDevice*);
  const HardwareDevice*(ORT_API_CALL* device_of)(const EpDevice*);

  explicit PluginApi(const OrtApi& table) {
    read(table, kRegister, register_library);
    read(table, kDevices, devices);
    read(table, kAppend, append);
    read(table, kDeviceType, device_type);
    read(table, kDeviceVendor, device_vendor);
    read(table, kEpName, ep_name);
    read(table, kEpDevice, device_of);
  }

 private:
  template <class Function>
  static void read(const OrtApi& table, std::size_t place, Function& function) {
    static_assert(sizeof(Function) == sizeof(void*));
    std::memcpy(&function, reinterpret_cast<const char*>(&table) + place * sizeof(void*),
                sizeof(Function));
  }
};

#if ORT_API_VERSION >= 22
static_assert(offsetof(OrtApi, RegisterExecutionProviderLibrary) ==
              PluginApi::kRegister * sizeof(void*));
static_assert(offsetof(OrtApi, EpDevice_Device) == PluginApi::kEpDevice * sizeof(void*));
#endif

std::string type_name(int type) {
  constexpr std::array kNames = {"cpu", "gpu", "npu"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : fmt::format("type{}", type);
}

/// Of the whole process and for ever, like the runtime's environment, which holds the libraries.
struct Registry {
  std::mutex mutex;
  std::map<std::pair<const OrtEnv*, fs::path>, Plugin> plugins;
};
Registry& registry() {
  static auto* all = new Registry;
  return *all;
}

Result<std::vector<const EpDevice*>> all_devices(const OnnxRuntime& library, const PluginApi& api) {
  const EpDevice* const* list = nullptr;
  std::size_t count = 0;
  TESSERA_CHECK(checked(*library.state().api, api.devices(library.state().env, &list, &count),
                        "list the devices of its providers"));
  return std::vector<const EpDevice*>(list, list + count);
}

Status refuse_old(const OnnxRuntime& library) {
  if (library.state().newer_api != nullptr) {
    return {};
  }
  return fail(ErrorCode::kUnavailable,
              "ONNX Runtime {} at '{}' loads no provider libraries: that came with 1.{}",
              library.version(), library.path().string(), kPluginApiVersion)
      .hint("name a newer runtime by --runtime PATH");
}

/// One more holder of the environment, never let go: it would take the libraries with it.
Status keep_environment(const OnnxRuntime::State& state) {
  OrtEnv* env = nullptr;
  TESSERA_ORT(*state.api, CreateEnv(ORT_LOGGING_LEVEL_ERROR, "tessera", &env));
  return {};
}

Result<Plugin> load_plugin(const OnnxRuntime& library, const fs::path& file) {
  const PluginApi api(*library.state().newer_api);
  TESSERA_TRY(const auto before, all_devices(library, api));
  (void)take_log();
  const auto registered = checked(
      *library.state().api, api.register_library(library.state().env, file.c_str(), file.c_str()),
      "load the provider");
  if (!registered) {
    const auto& reason = registered.error().message;
    const auto missing = missing_library_hint(reason);
    return fail(ErrorCode::kUnavailable, "'{}' is no provider library that can be loaded: {}",
                file.string(), reason)
        .hint("{}", missing.empty() ? "it must be a shared library for this machine that exports "
                                      "CreateEpFactories, with all that it needs beside it"
                                    : missing);
  }
  TESSERA_CHECK(keep_environment(library.state()));
  TESSERA_TRY(const auto after, all_devices(library, api));
  Plugin plugin{file, {}};
  for (const auto* device : after) {
    if (std::find(before.begin(), before.end(), device) != before.end()) {
      continue;
    }
    const auto* hardware = api.device_of(device);
    plugin.devices.push_back({api.ep_name(device), type_name(api.device_type(hardware)),
                              api.device_vendor(hardware), device});
  }
  return plugin;
}

std::string devices_text(const Plugin& plugin) {
  std::string text;
  for (const auto& device : plugin.devices) {
    text += fmt::format("{}{} on {}", text.empty() ? "" : ", ",
                        short_provider_name(device.provider), device.type);
  }
  return text;
}

std::string option(const std::map<std::string, std::string>& options, std::string_view key) {
  const auto found = options.find(std::string(key));
  return found == options.end() ? std::string() : short_provider_name(found->second);
}

/// Of `devices`, those that the options name.
std::vector<PluginDevice> matching(const std::vector<PluginDevice>& devices,
                                   const std::string& provider, const std::string& type) {
  std::vector<PluginDevice> found;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(found),
               [&](const PluginDevice& device) {
                 return short_provider_name(device.provider) == provider &&
                        (type.empty() || device.type == type);
               });
  // The CPU first: there the answer does not depend on what the loader finds.
  std::stable_partition(found.begin(), found.end(),
                        [](const PluginDevice& device) { return device.type == "cpu"; });
  return found;
}

/// libNAME of a provider library: "libonnxruntime_providers_openvino_plugin.so" -> "openvino".
std::optional<std::string> plugin_name(const fs::path& file) {
  const auto text = file.filename().string();
  for (const auto& [prefix, suffix] :
       {std::pair<std::string_view, std::string_view>("libonnxruntime_providers_", "_plugin.so"),
        std::pair<std::string_view, std::string_view>("libonnxruntime_ep_", ".so")}) {
    if (text.size() > prefix.size() + suffix.size() && text.starts_with(prefix) &&
        text.ends_with(suffix)) {
      return text.substr(prefix.size(), text.size() - prefix.size() - suffix.size());
    }
  }
  return std::nullopt;
}

void add_plugins_of(const fs::path& folder, std::vector<fs::path>& found) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (plugin_name(entry.path()) && fs::is_regular_file(entry.path(), error)) {
      found.push_back(entry.path());
    }
  }
}

}  // namespace

bool is_library_path(std::string_view name) {
  return name.find('/') != std::string_view::npos || name.ends_with(".so") ||
         name.find(".so.") != std::string_view::npos;
}

std::vector<fs::path> plugins_beside(const fs::path& runtime) {
  std::vector<fs::path> found;
  const auto folder = runtime.parent_path();
  add_plugins_of(folder, found);
  // site-packages/onnxruntime/capi/libonnxruntime.so and site-packages/onnxruntime_ep_NAME
  const auto packages = (folder / "../..").lexically_normal();
  for (const auto& [place, prefix] :
       {std::pair(packages, "onnxruntime_ep_"), std::pair(cache_folder(), "plugin-")}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(place, error)) {
      if (entry.path().filename().string().starts_with(prefix)) {
        add_plugins_of(entry.path(), found);
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path plugin_beside(const fs::path& runtime, std::string_view name) {
  const auto all = plugins_beside(runtime);
  const auto found = std::find_if(all.begin(), all.end(), [&](const fs::path& file) {
    return plugin_name(file) == short_provider_name(name);
  });
  return found == all.end() ? fs::path() : *found;
}

Result<const Plugin*> register_plugin(const OnnxRuntime& library, const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::kNotFound, "no provider library at '{}'", file.string())
        .hint("give the shared library of the provider, or the name of one beside the runtime");
  }
  TESSERA_CHECK(refuse_old(library));
  const auto absolute = fs::canonical(file, error);
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  const std::pair<const OrtEnv*, fs::path> key(library.state().env, absolute);
  if (const auto known = all.plugins.find(key); known != all.plugins.end()) {
    return &known->second;
  }
  TESSERA_TRY(auto plugin, load_plugin(library, absolute));
  return &all.plugins.emplace(key, std::move(plugin)).first->second;
}

std::optional<PluginDevice> find_plugin_device(const OnnxRuntime& library,
                                               std::string_view provider,
                                               const std::map<std::string, std::string>& options) {
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& [key, plugin] : all.plugins) {
    if (key.first != library.state().env) {
      continue;
    }
    const auto found =
        matching(plugin.devices, short_provider_name(provider), option(options, kDeviceOption));
    if (!found.empty()) {
      return found.front();
    }
  }
  return std::nullopt;
}

Result<PluginDevice> choose_device(const Plugin& plugin,
                                   const std::map<std::string, std::string>& options) {
  if (plugin.devices.empty()) {
    return fail(ErrorCode::kUnavailable,
                "the provider library '{}' finds no device on this machine", plugin.file.string())
        .hint("its provider needs a device, or a driver, that is not here");
  }
  const auto wanted = option(options, kEpOption);
  const auto provider =
      wanted.empty() ? short_provider_name(plugin.devices.front().provider) : wanted;
  const auto found = matching(plugin.devices, provider, option(options, kDeviceOption));
  if (found.empty()) {
    return fail(ErrorCode::kUnavailable, "the provider library '{}' has no such device here",
                plugin.file.string())
        .hint("it has {}; choose by ep=NAME and device=TYPE", devices_text(plugin));
  }
  return found.front();
}

Status append_plugin_device(const OnnxRuntime& library, OrtSessionOptions* session_options,
                            const PluginDevice& device, const std::vector<const char*>& keys,
                            const std::vector<const char*>& values) {
  const PluginApi api(*library.state().newer_api);
  return checked(*library.state().api,
                 api.append(session_options, library.state().env, &device.handle, 1, keys.data(),
                            values.data(), keys.size()),
                 "set up the provider");
}

}  // namespace tessera::runtime
