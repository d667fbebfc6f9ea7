// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnxruntime_c_api.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/library.h"

namespace tessera::runtime {

/// Owns an object of the C API, which has one release function per type.
template <class T>
class Owned {
 public:
  using Release = void(ORT_API_CALL*)(T*);
  Owned() = default;
  explicit Owned(Release release) : object_(nullptr, release) {}
  Owned(T* object, Release release) : object_(object, release) {}
  [[nodiscard]] T* get() const noexcept { return object_.get(); }
  /// Where the C API writes the object it makes; what was owned before is released.
  class Slot {
   public:
    explicit Slot(Owned& owner) : owner_(owner) {}
    ~Slot() { owner_.object_.reset(object_); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    operator T**() noexcept { return &object_; }  // NOLINT(google-explicit-constructor): out slot

   private:
    Owned& owner_;
    T* object_ = nullptr;
  };
  [[nodiscard]] Slot slot() { return Slot(*this); }

 private:
  struct Deleter {
    Release release = nullptr;
    Deleter() = default;
    Deleter(Release function) : release(function) {}  // NOLINT(google-explicit-constructor)
    void operator()(T* object) const noexcept {
      if (release != nullptr) {
        release(object);
      }
    }
  };
  std::unique_ptr<T, Deleter> object_;
};

/// The first version whose provider libraries can be used; its table is asked for where it is
/// served.
inline constexpr unsigned kPluginApiVersion = 23;

/// Names the library of kernels to be used instead of the one beside the program.
inline constexpr std::string_view kKernelsVariable = "TESSERA_KERNELS";

/// ONNX Runtime.
class OnnxRuntime final : public Library {
 public:
  struct State {
    void* handle = nullptr;
    const OrtApi* api = nullptr;
    /// The table of kPluginApiVersion, behind whose known part newer functions stand; null if the
    /// library is older.
    const OrtApi* newer_api = nullptr;
    OrtEnv* env = nullptr;
    std::string version;
    std::filesystem::path path;
    std::vector<std::string> providers;
    std::vector<std::filesystem::path> custom_ops;
    std::filesystem::path kernels;  ///< libtessera_kernels; empty if there is none
  };
  explicit OnnxRuntime(std::unique_ptr<State> state) : state_(std::move(state)) {}
  ~OnnxRuntime() override;
  /// Errors: kFailedPrecondition if it is not among what is given.
  [[nodiscard]] static Result<const OnnxRuntime*> in(const Library& given);

  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] const std::string& version() const noexcept override { return state_->version; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return state_->path; }
  [[nodiscard]] const std::vector<std::string>& providers() const noexcept override {
    return state_->providers;
  }
  [[nodiscard]] Result<ProviderChoice> resolve(const ProviderChoice& choice) const override;
  [[nodiscard]] const State& state() const noexcept { return *state_; }

 private:
  static constexpr std::string_view kName = "onnxruntime";
  std::unique_ptr<State> state_;
};

/// What a runtime of this process last logged as an error, and forgets it. Some failures say why
/// only there.
[[nodiscard]] std::string take_log();
/// What a runtime said to ignore, and forgets it: options of providers, for one.
[[nodiscard]] std::vector<std::string> take_ignored();

/// One readable line from a message of ONNX Runtime: source locations, nested repetitions and line
/// breaks go, the text stays.
[[nodiscard]] std::string clean_message(std::string_view message);

/// What the runtime said while it opened a model, in the toolkit's terms; names the node and the
/// type wherever the message has them.
[[nodiscard]] Error open_error(OrtErrorCode code, std::string_view message);

/// kUnavailable with what the runtime said while `doing` ("run the model").
[[nodiscard]] Error call_error(std::string_view message, std::string_view doing);

/// Turns a status of the C API into a Status and releases it.
[[nodiscard]] Status checked(const OrtApi& api, OrtStatus* status, std::string_view doing);

#define TESSERA_ORT(api, call) \
  TESSERA_CHECK(::tessera::runtime::checked((api), (api).call, "use ONNX Runtime"))

}  // namespace tessera::runtime
