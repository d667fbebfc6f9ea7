// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/ort.h"

namespace tessera::runtime {

/// The runtime's handle of one provider on one device. Its headers of the version that we build
/// against do not know it.
struct EpDevice;

/// One device that a provider library can compute on.
struct PluginDevice {
  std::string provider;  ///< long name: "OpenVINOExecutionProvider"
  std::string type;      ///< "cpu", "gpu" or "npu"
  std::string vendor;    ///< of the device: "Intel"
  const EpDevice* handle = nullptr;
};

struct Plugin {
  std::filesystem::path file;
  std::vector<PluginDevice> devices;
};

/// `--provider` with a folder in it or ending as a shared library does.
[[nodiscard]] bool is_library_path(std::string_view name);

/// The provider library of that short name beside the runtime: in its folder, in the Python package
/// onnxruntime_ep_NAME next to the runtime's, or from scripts/setup. Empty if there is none.
[[nodiscard]] std::filesystem::path plugin_beside(const std::filesystem::path& runtime,
                                                  std::string_view name);
/// All of them, for a list.
[[nodiscard]] std::vector<std::filesystem::path> plugins_beside(
    const std::filesystem::path& runtime);

/// Has the runtime load a provider library, once in a process and for ever: devices are handles
/// into it. Errors: kNotFound; kUnavailable if the runtime is older than 1.23, or if the library
/// cannot be loaded (with what the loader lacks), is no provider library or finds no device.
[[nodiscard]] Result<const Plugin*> register_plugin(const OnnxRuntime& library,
                                                    const std::filesystem::path& file);

/// A device of the libraries registered so far, by the long or short name of its provider.
[[nodiscard]] std::optional<PluginDevice> find_plugin_device(
    const OnnxRuntime& library, std::string_view provider,
    const std::map<std::string, std::string>& options);

/// The device of `plugin` that the options `ep` and `device` name: by default of its first
/// provider, and the CPU if that is among its devices. Errors: kUnavailable with those that it has.
[[nodiscard]] Result<PluginDevice> choose_device(const Plugin& plugin,
                                                 const std::map<std::string, std::string>& options);

/// Options that choose among a plugin's devices; the provider itself does not see them.
inline constexpr std::string_view kEpOption = "ep";
inline constexpr std::string_view kDeviceOption = "device";

/// Asks the session to place nodes on this device first.
[[nodiscard]] Status append_plugin_device(const OnnxRuntime& library,
                                          OrtSessionOptions* session_options,
                                          const PluginDevice& device,
                                          const std::vector<const char*>& keys,
                                          const std::vector<const char*>& values);

}  // namespace tessera::runtime
