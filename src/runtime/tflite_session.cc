// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "runtime/litert_errors.h"
#include "runtime/litert_open.h"
#include "runtime/litert_types.h"
#include "runtime/overheard.h"
#include "runtime/tflite_library.h"
#include "runtime/watch.h"
#include "tessera/runtime/backend.h"

namespace tessera::runtime {
namespace tflite {
namespace {

using litert::dtype_of;
using litert::Observer;

template <class T>
using Held = std::unique_ptr<T, void (*)(T*)>;

/// The library has no status that tells one failure from another.
constexpr litert::Code kFailed = 3;
constexpr std::string_view kDescribe = "describe the model's inputs and outputs";

/// Keeps what the library reports, and what its kernels print.
void keep_report(void* kept, const char* format, std::va_list arguments) {
  std::array<char, 1024> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  auto& text = *static_cast<std::string*>(kept);
  constexpr std::size_t kMost = std::size_t{64} << 10U;
  if (text.size() < kMost) {
    text.append(line.data()).append("\n");
  }
}

class CopiedOutputs final : public OutputTensors {
 public:
  explicit CopiedOutputs(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
    for (const auto& tensor : tensors_) {
      views_.push_back(tensor.view());
    }
  }
  [[nodiscard]] std::span<const TensorView> views() const noexcept override { return views_; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<TensorView> views_;
};

class TfliteSession final : public SessionBackend {
 public:
  TfliteSession(std::shared_ptr<const Library> library, const Functions& api,
                const SessionOptions& options, std::uint64_t key)
      : library_(std::move(library)),
        api_(api),
        tap_(options.tap),
        key_(key),
        model_(nullptr, api.ModelDelete),
        external_(nullptr, nullptr),
        xnnpack_(nullptr, api.XNNPackDelegateDelete),
        interpreter_(nullptr, api.InterpreterDelete) {}
  [[nodiscard]] Status create(std::string_view bytes, const SessionOptions& options,
                              const LitertModel& known);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept override { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept override { return outputs_; }
  [[nodiscard]] Result<Outputs> run(std::span<const TensorView> tensors) override;
  [[nodiscard]] Result<std::vector<KernelTime>> end_profile() override;

 private:
  [[nodiscard]] Status add_delegates(OptionsT* native, const SessionOptions& options,
                                     const LitertSettings& settings);
  [[nodiscard]] Status describe_inputs(const LitertModel& known);
  [[nodiscard]] Status describe_outputs(const LitertModel& known);
  [[nodiscard]] Result<ValueInfo> describe(const TfLiteTensor* tensor, std::int32_t index,
                                           const LitertModel& known) const;
  [[nodiscard]] std::string take_words(const Overheard& overheard) {
    return overheard.text() + std::exchange(reported_, {});
  }

  std::shared_ptr<const Library> library_;
  const Functions& api_;
  TensorTap* tap_;
  std::uint64_t key_;  // see watch.h
  Tensor bytes_;       // of the model; aligned, as the library wants it
  std::string reported_;
  std::unique_ptr<Observer> observer_;
  Held<ModelT> model_;
  HeldDelegate external_;
  HeldDelegate xnnpack_;
  Held<InterpreterT> interpreter_;  // goes before its delegates
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;
  std::vector<std::int32_t> input_tensors_;
  std::vector<std::pair<std::size_t, std::int64_t>> input_taps_;
};

Status TfliteSession::create(std::string_view bytes, const SessionOptions& options,
                             const LitertModel& known) {
  TESSERA_TRY(const auto settings, litert_settings(options));
  if (!known.signature.empty()) {
    return fail(ErrorCode::kUnimplemented, "TFLite {} knows no signatures, such as '{}'",
                library_->version(), known.signature)
        .hint("LiteRT does; without a signature the first graph is run");
  }
  TESSERA_CHECK(refuse_fatal(key_));
  const Inside inside(key_);
  const Overheard overheard;
  bytes_ = Tensor(DType::kUInt8, {std::ssize(bytes)});
  std::memcpy(bytes_.bytes().data(), bytes.data(), bytes.size());
  model_.reset(api_.ModelCreate(bytes_.bytes().data(), bytes.size()));
  if (model_ == nullptr) {
    return fail(ErrorCode::kDataLoss, "the runtime cannot open the model: it is damaged");
  }
  const Held<OptionsT> native(api_.InterpreterOptionsCreate(), api_.InterpreterOptionsDelete);
  api_.InterpreterOptionsSetNumThreads(native.get(), options.threads);
  api_.InterpreterOptionsSetErrorReporter(native.get(), keep_report, &reported_);
  TESSERA_CHECK(add_delegates(native.get(), options, settings));
  if (wants_observer(options, known)) {
    observer_ = std::make_unique<Observer>(observer_plan(options, known, 0));
    api_.InterpreterOptionsAddDelegate(native.get(), observer_->delegate());
  }
  const Observer::Scope scope(observer_.get());
  interpreter_.reset(api_.InterpreterCreate(model_.get(), native.get()));
  if (interpreter_ == nullptr) {
    return tl::unexpected(litert::open_error(kFailed, take_words(overheard)));
  }
  TESSERA_CHECK(describe_inputs(known));
  if (api_.InterpreterAllocateTensors(interpreter_.get()) != litert::kOk) {
    return tl::unexpected(litert::open_error(kFailed, take_words(overheard)));
  }
  TESSERA_CHECK(describe_outputs(known));
  if (observer_ != nullptr) {
    TESSERA_TRY(input_taps_, taps_of_inputs(*observer_, input_tensors_, known));
  }
  return {};
}

/// In the order in which they take operators: the one that was asked for, XNNPACK for the rest.
Status TfliteSession::add_delegates(OptionsT* native, const SessionOptions& options,
                                    const LitertSettings& settings) {
  if (settings.kernel_mode == "reference") {
    return fail(ErrorCode::kUnimplemented, "TFLite {} has no reference kernels",
                library_->version());
  }
  if (is_delegate_path(options.provider)) {
    TESSERA_TRY(external_, external_delegate({options.provider, options.provider_options}));
    api_.InterpreterOptionsAddDelegate(native, external_.get());
  }
  if (options.opt_level == OptLevel::kAll && settings.kernel_mode.empty()) {
    const XnnpackOptions xnnpack{.threads = options.threads,
                                 .flags = settings.flags.value_or(kXnnpackQuantized)};
    xnnpack_.reset(api_.XNNPackDelegateCreate(&xnnpack));
    if (xnnpack_ == nullptr) {
      return fail(ErrorCode::kUnavailable, "XNNPACK of TFLite {} does not start",
                  library_->version());
    }
    api_.InterpreterOptionsAddDelegate(native, xnnpack_.get());
  }
  return {};
}

Result<ValueInfo> TfliteSession::describe(const TfLiteTensor* tensor, std::int32_t index,
                                          const LitertModel& known) const {
  const char* const name = tensor == nullptr ? nullptr : api_.TensorName(tensor);
  ValueInfo info{.name = name == nullptr ? "" : name};
  if (tensor == nullptr) {
    return fail(ErrorCode::kUnavailable, "the runtime failed to {}", kDescribe);
  }
  if (index >= 0 && static_cast<std::size_t>(index) < known.tensors.size()) {
    info.name = known.tensors[static_cast<std::size_t>(index)];
  }
  info.quantization = quantization_of(known, index);
  const int type = api_.TensorType(tensor);
  info.dtype = dtype_of(type);
  TESSERA_CHECK(check_value_type(info.name, info.dtype, type));
  const auto* const signature = tensor->signature;
  const auto rank = api_.TensorNumDims(tensor);
  for (std::int32_t i = 0; i < rank; ++i) {
    const bool open = signature != nullptr && signature->size == rank && signature->data[i] < 0;
    info.shape.push_back(open ? -1 : api_.TensorDim(tensor, i));
  }
  info.symbols.resize(info.shape.size());
  return info;
}

Status TfliteSession::describe_inputs(const LitertModel& known) {
  const auto count = api_.InterpreterGetInputTensorCount(interpreter_.get());
  for (std::int32_t i = 0; i < count; ++i) {
    const auto index = api_.InterpreterGetInputTensorIndex(interpreter_.get(), i);
    TESSERA_TRY(auto info,
                describe(api_.InterpreterGetInputTensor(interpreter_.get(), i), index, known));
    TESSERA_TRY(const auto shape, closed_extents(info.name, info.shape, known.shapes));
    const std::vector<int> extents(shape.begin(), shape.end());
    if (shape != info.shape && api_.InterpreterResizeInputTensor(
                                   interpreter_.get(), i, extents.data(),
                                   static_cast<std::int32_t>(extents.size())) != litert::kOk) {
      return fail(ErrorCode::kUnavailable, "the runtime failed to set the extents of input '{}'",
                  info.name);
    }
    info.shape = shape;
    inputs_.push_back(std::move(info));
    input_tensors_.push_back(index);
  }
  return {};
}

Status TfliteSession::describe_outputs(const LitertModel& known) {
  const auto count = api_.InterpreterGetOutputTensorCount(interpreter_.get());
  for (std::int32_t i = 0; i < count; ++i) {
    const auto* const tensor = api_.InterpreterGetOutputTensor(interpreter_.get(), i);
    const auto index = api_.InterpreterGetOutputTensorIndex(interpreter_.get(), i);
    TESSERA_TRY(auto info, describe(tensor, index, known));
    for (std::size_t axis = 0; axis < info.shape.size(); ++axis) {
      info.shape[axis] = api_.TensorDim(tensor, static_cast<std::int32_t>(axis));
    }
    outputs_.push_back(std::move(info));
  }
  return {};
}

Result<Outputs> TfliteSession::run(std::span<const TensorView> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto* const tensor =
        api_.InterpreterGetInputTensor(interpreter_.get(), static_cast<std::int32_t>(i));
    std::memcpy(api_.TensorData(tensor), tensors[i].bytes.data(),
                std::min(tensors[i].bytes.size(), api_.TensorByteSize(tensor)));
  }
  if (tap_ != nullptr) {
    for (const auto& [input, tag] : input_taps_) {
      auto* const tensor =
          api_.InterpreterGetInputTensor(interpreter_.get(), static_cast<std::int32_t>(input));
      tap_->visit(tag, inputs_[input].dtype, inputs_[input].shape,
                  {static_cast<std::byte*>(api_.TensorData(tensor)), api_.TensorByteSize(tensor)});
    }
  }
  if (observer_ != nullptr) {
    observer_->begin_run();
  }
  const Observer::Scope scope(observer_.get());
  const Inside inside(key_);
  const Overheard overheard;
  if (api_.InterpreterInvoke(interpreter_.get()) != litert::kOk) {
    return tl::unexpected(litert::call_error(kFailed, take_words(overheard), "run the model"));
  }
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto* const tensor =
        api_.InterpreterGetOutputTensor(interpreter_.get(), static_cast<std::int32_t>(i));
    Shape shape;
    for (std::int32_t axis = 0; axis < api_.TensorNumDims(tensor); ++axis) {
      shape.push_back(api_.TensorDim(tensor, axis));
    }
    outputs.push_back(Tensor(TensorView{
        outputs_[i].dtype,
        shape,
        {static_cast<const std::byte*>(api_.TensorData(tensor)), api_.TensorByteSize(tensor)}}));
  }
  return Outputs(std::make_unique<const CopiedOutputs>(std::move(outputs)));
}

Result<std::vector<KernelTime>> TfliteSession::end_profile() {
  if (observer_ == nullptr) {
    return tl::unexpected(not_profiled());
  }
  return observer_->end_profile();
}

}  // namespace
}  // namespace tflite

Result<Session> open_tflite(std::shared_ptr<const Library> library, std::string_view model,
                            const SessionOptions& options, const LitertModel& known,
                            std::uint64_t key) {
  const auto* const tflite =
      dynamic_cast<const tflite::TfliteLibrary*>(library->named(tflite::TfliteLibrary::kName));
  if (tflite == nullptr) {
    return fail(ErrorCode::kFailedPrecondition, "TFLite is needed; {} {} is what there is",
                library->name(), library->version());
  }
  if (!tflite::is_delegate_path(options.provider)) {  // a delegate is loaded by the session
    TESSERA_CHECK(
        tflite->resolve({options.provider, options.provider_options}).map([](const auto&) {}));
  }
  auto session = std::make_unique<tflite::TfliteSession>(std::move(library), tflite->functions(),
                                                         options, key);
  TESSERA_CHECK(session->create(model, options, known));
  return Session(std::move(session));
}

}  // namespace tessera::runtime
