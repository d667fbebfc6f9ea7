// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/runtime/record.h"

namespace tessera::runtime {

/// An inference library loaded at run time. Shared by the sessions made from it, which is why it
/// is handed around as a shared_ptr: the library must outlive the last of them.
///
/// Every inference library is a class of its own behind this door, and what is handed around may
/// stand for several: who opens a session asks named() for the one that runs its format.
class Library {
 public:
  /// Loads ONNX Runtime: `path` (file or folder) if given, else the environment variable
  /// TESSERA_ONNXRUNTIME, else beside the program, else the cache of scripts/setup, else the
  /// system's loader path.
  /// Errors: kUnavailable with every place that was looked at, or the version found if it is
  /// older than the API this build needs.
  ///
  /// `custom_ops` are shared libraries with operators of other domains; every session gets them.
  /// Errors: kNotFound for one that is not there; what it is good for is seen when a session opens.
  [[nodiscard]] static Result<std::shared_ptr<const Library>> load(
      const std::filesystem::path& path = {},
      const std::vector<std::filesystem::path>& custom_ops = {});
  /// Where load() looks when no path is given, in order. Names without a folder go to the system's
  /// loader path.
  [[nodiscard]] static std::vector<std::filesystem::path> search_places();
  virtual ~Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  /// As it stands in records: "onnxruntime".
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual const std::string& version() const noexcept = 0;
  [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
  /// Execution providers the library was built with, "CPUExecutionProvider" among them; plugins are
  /// no part of it.
  [[nodiscard]] virtual const std::vector<std::string>& providers() const noexcept = 0;
  /// The choice as sessions of this library know it, after setting the provider up once. For ONNX
  /// Runtime a name is, in this order: the path of a provider library (a plugin; ONNX Runtime from
  /// 1.23 on), which is loaded now; a provider that the library was built with, by its short or
  /// long name; the name of a provider library beside the runtime or in the cache of scripts/setup.
  /// Of a plugin `ep` names the provider, if it has several, and `device` the kind of device
  /// ("cpu", "gpu", "npu"; the first it has, a CPU before others); the result says which one it is.
  /// Errors: kUnavailable if it is absent or does not start, with what to install; kNotFound for a
  /// path that is not there.
  [[nodiscard]] virtual Result<ProviderChoice> resolve(const ProviderChoice& choice) const = 0;
  /// The library of that name: this one, or one that it brings along. Null if there is none. It
  /// lives as long as this one.
  [[nodiscard]] virtual const Library* named(std::string_view wanted) const noexcept {
    return wanted == name() ? this : nullptr;
  }
  [[nodiscard]] RuntimeInfo info() const { return {std::string(name()), version(), providers()}; }

 protected:
  Library() = default;
};

/// An execution provider that builds of the runtime may have, by its short name.
struct ProviderAdvice {
  std::string_view name;  ///< "openvino"
  std::string_view how;   ///< what to install to have it
  /// What must be on the machine besides, for a library that has the provider.
  std::string_view beside;
};
[[nodiscard]] std::span<const ProviderAdvice> known_providers() noexcept;
/// A provider that a plugin beside the runtime has, or one that was loaded.
struct PluginProvider {
  std::filesystem::path file;
  std::string name;    ///< short: "openvino"
  std::string device;  ///< "cpu", "gpu", "npu"
  std::string vendor;  ///< of the device
};
/// Loads every provider library beside ONNX Runtime. Those that cannot be loaded are left out.
[[nodiscard]] std::vector<PluginProvider> find_plugins(const Library& library);
/// True if this provider computes on the CPU with as many threads as the session has: its CPU time
/// says how long it takes. "cpu" itself, and those that have kernels of their own for it.
[[nodiscard]] bool runs_on_cpu(const ProviderChoice& choice);

}  // namespace tessera::runtime
