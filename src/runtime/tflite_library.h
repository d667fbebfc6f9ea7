// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/litert_abi.h"
#include "tessera/core/result.h"
#include "tessera/runtime/library.h"

/// The TFLite C library, which came before LiteRT. It takes delegates from libraries of their own.
namespace tessera::runtime::tflite {

// NOLINTBEGIN(readability-identifier-naming): the names of the library
struct ModelT;
struct OptionsT;
struct InterpreterT;
using litert::Delegate;
using litert::TfLiteTensor;
using Report = void (*)(void*, const char*, std::va_list);

/// The head of what its XNNPACK delegate is told; what may follow is zero, which is the default.
struct XnnpackOptions {
  std::int32_t threads = 0;
  std::uint32_t flags = 0;
  void* more[16] = {};
};

// Name behind "TfLite", result, parameters.
#define TESSERA_TFLITE_FUNCTIONS(X)                                                             \
  X(Version, const char*, ())                                                                   \
  X(ModelCreate, ModelT*, (const void*, std::size_t))                                           \
  X(ModelDelete, void, (ModelT*))                                                               \
  X(InterpreterOptionsCreate, OptionsT*, ())                                                    \
  X(InterpreterOptionsDelete, void, (OptionsT*))                                                \
  X(InterpreterOptionsSetNumThreads, void, (OptionsT*, std::int32_t))                           \
  X(InterpreterOptionsAddDelegate, void, (OptionsT*, Delegate*))                                \
  X(InterpreterOptionsSetErrorReporter, void, (OptionsT*, Report, void*))                       \
  X(InterpreterCreate, InterpreterT*, (const ModelT*, const OptionsT*))                         \
  X(InterpreterDelete, void, (InterpreterT*))                                                   \
  X(InterpreterGetInputTensorCount, std::int32_t, (const InterpreterT*))                        \
  X(InterpreterGetInputTensor, TfLiteTensor*, (const InterpreterT*, std::int32_t))              \
  X(InterpreterGetInputTensorIndex, std::int32_t, (const InterpreterT*, std::int32_t))          \
  X(InterpreterResizeInputTensor, int, (InterpreterT*, std::int32_t, const int*, std::int32_t)) \
  X(InterpreterAllocateTensors, int, (InterpreterT*))                                           \
  X(InterpreterInvoke, int, (InterpreterT*))                                                    \
  X(InterpreterGetOutputTensorCount, std::int32_t, (const InterpreterT*))                       \
  X(InterpreterGetOutputTensor, const TfLiteTensor*, (const InterpreterT*, std::int32_t))       \
  X(InterpreterGetOutputTensorIndex, std::int32_t, (const InterpreterT*, std::int32_t))         \
  X(TensorType, int, (const TfLiteTensor*))                                                     \
  X(TensorNumDims, std::int32_t, (const TfLiteTensor*))                                         \
  X(TensorDim, std::int32_t, (const TfLiteTensor*, std::int32_t))                               \
  X(TensorByteSize, std::size_t, (const TfLiteTensor*))                                         \
  X(TensorData, void*, (const TfLiteTensor*))                                                   \
  X(TensorName, const char*, (const TfLiteTensor*))                                             \
  X(XNNPackDelegateCreate, Delegate*, (const XnnpackOptions*))                                  \
  X(XNNPackDelegateDelete, void, (Delegate*))

/// The functions of a loaded library.
struct Functions {
#define TESSERA_TFLITE_MEMBER(name, result, parameters) result(*name) parameters = nullptr;
  TESSERA_TFLITE_FUNCTIONS(TESSERA_TFLITE_MEMBER)
#undef TESSERA_TFLITE_MEMBER
};
// NOLINTEND(readability-identifier-naming)

class TfliteLibrary final : public Library {
 public:
  TfliteLibrary(const Functions& functions, std::filesystem::path path)
      : functions_(functions), version_(functions.Version()), path_(std::move(path)) {}

  static constexpr std::string_view kName = "tflite";
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] const std::string& version() const noexcept override { return version_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }
  [[nodiscard]] const std::vector<std::string>& providers() const noexcept override {
    return providers_;
  }
  /// "cpu", or the path of a delegate's library, which is loaded.
  [[nodiscard]] Result<ProviderChoice> resolve(const ProviderChoice& choice) const override;
  [[nodiscard]] const Functions& functions() const noexcept { return functions_; }

 private:
  Functions functions_;
  std::string version_;
  std::filesystem::path path_;
  std::vector<std::string> providers_ = {"cpu"};
};

/// True if a loaded library is one.
[[nodiscard]] bool is_tflite(void* handle);
/// Errors: kUnavailable naming a function that it lacks.
[[nodiscard]] Result<std::shared_ptr<const Library>> library_of(void* handle,
                                                                const std::filesystem::path& file);

/// A delegate out of a library of its own, made and ended by that library.
using HeldDelegate = std::unique_ptr<Delegate, void (*)(Delegate*)>;
/// Errors: kNotFound for a file that is not there; kUnavailable for one that has no delegate, or
/// whose delegate does not start, with what it says.
[[nodiscard]] Result<HeldDelegate> external_delegate(const ProviderChoice& choice);
/// True if a provider's name is the path of such a library.
[[nodiscard]] bool is_delegate_path(std::string_view provider);

}  // namespace tessera::runtime::tflite
