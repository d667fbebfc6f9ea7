// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include "runtime/litert_errors.h"
#include "runtime/litert_library.h"
#include "runtime/litert_observer.h"
#include "runtime/litert_open.h"
#include "runtime/litert_types.h"
#include "runtime/overheard.h"
#include "runtime/tflite_library.h"
#include "runtime/watch.h"
#include "tessera/core/file.h"
#include "tessera/runtime/backend.h"
#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace litert {
namespace {

/// An object of the library, with the function that ends it.
template <class T>
using Held = std::unique_ptr<T, void (*)(T*)>;

template <class T>
Held<T> held(void (*end)(T*)) {
  return Held<T>(nullptr, end);
}

/// Calls a function whose last parameter is where it writes what it makes.
template <class T, class Function, class... Arguments>
Code make(Held<T>& object, Function function, Arguments... arguments) {
  T* made = nullptr;
  const Code code = function(arguments..., &made);
  object.reset(made);
  return code == kOk && made == nullptr ? -1 : code;
}

Status checked(Code code, std::string_view doing) {
  if (code == kOk) {
    return {};
  }
  return tl::unexpected(call_error(code, {}, doing));
}
constexpr std::string_view kDescribe = "describe the model's inputs and outputs";

// --- options ---------------------------------------------------------------------------------

/// What the library is told of kernels and threads: lines of TOML.
std::string cpu_settings(const SessionOptions& options, const LitertSettings& settings) {
  const bool builtin = settings.kernel_mode.empty() && options.opt_level == OptLevel::kDisabled;
  const auto mode = builtin ? "builtin" : settings.kernel_mode;
  auto lines = fmt::format("num_threads = {}\n", options.threads);
  if (!mode.empty()) {
    lines += fmt::format("kernel_mode = \"{}\"\n", mode);
  }
  if (settings.flags) {
    lines += fmt::format("flags = {}\n", *settings.flags);
  }
  return lines;
}

Result<Held<OptionsT>> make_options(const Functions& api, const std::string& settings) {
  auto options = held(api.DestroyOptions);
  TESSERA_CHECK(checked(make(options, api.CreateOptions), "make options"));
  TESSERA_CHECK(
      checked(api.SetOptionsHardwareAccelerators(options.get(), kCpu), "choose the processor"));
  OpaqueOptions cpu = nullptr;
  // The library releases the text, by the function that comes with it.
  TESSERA_CHECK(
      checked(api.CreateOpaqueOptions("xnnpack", ::strdup(settings.c_str()), std::free, &cpu),
              "make options"));
  TESSERA_CHECK(checked(api.AddOpaqueOptions(options.get(), cpu), "add options"));
  return options;
}

/// One for each session: the observer is registered in it.
Result<std::shared_ptr<EnvironmentT>> make_environment(std::shared_ptr<const Library> library,
                                                       const Functions& api) {
  const auto setting = [](int tag, std::int64_t value) {
    EnvironmentOption option{.tag = tag};
    option.value.kind = kKindInteger;
    option.value.integer = value;
    return option;
  };
  const std::array options = {setting(kTagAccelerators, kCpu),
                              setting(kTagLeastSeverity, kSeverityError)};
  auto environment = held(api.DestroyEnvironment);
  const auto code = make(environment, [&](Environment* made) {
    return api.CreateEnvironment(static_cast<int>(options.size()), options.data(), made);
  });
  TESSERA_CHECK(checked(code, "start"));
  const auto end = api.DestroyEnvironment;
  return std::shared_ptr<EnvironmentT>(
      environment.release(), [library = std::move(library), end](Environment all) { end(all); });
}

// --- values ----------------------------------------------------------------------------------

/// An input or output as the library has it.
struct Slot {
  std::int32_t tensor = -1;
  TensorType type;
  DType dtype = DType::kUndefined;
  std::string name;
  std::optional<AffineQuantization> quantization;
  bool was_open = false;  ///< the file leaves an extent of it open
};

Shape shape_of(const Layout& layout) {
  return {layout.extents, layout.extents + std::min(layout.rank(), Layout::kMostExtents)};
}

using NameAt = Code (*)(Signature, std::size_t, const char**);
using ValueAt = Code (*)(Signature, std::size_t, Value*);

Result<Slot> read_slot(const Functions& api, Signature signature, std::size_t index, NameAt name_at,
                       ValueAt value_at, const LitertModel& known) {
  Slot slot;
  const char* name = nullptr;
  TESSERA_CHECK(checked(name_at(signature, index, &name), kDescribe));
  slot.name = name == nullptr ? "" : name;
  Value value = nullptr;
  TESSERA_CHECK(checked(value_at(signature, index, &value), kDescribe));
  std::uint32_t tensor = 0;
  TESSERA_CHECK(checked(api.GetTensorIndex(value, &tensor), kDescribe));
  slot.tensor = static_cast<std::int32_t>(tensor);
  if (tensor < known.tensors.size()) {
    slot.name = known.tensors[tensor];
  }
  slot.quantization = quantization_of(known, slot.tensor);
  int kind = kRanked;
  TESSERA_CHECK(checked(api.GetTensorTypeId(value, &kind), kDescribe));
  if (kind != kRanked) {
    return fail(ErrorCode::kUnimplemented, "the number of dimensions of '{}' is not known",
                slot.name);
  }
  TESSERA_CHECK(checked(api.GetRankedTensorType(value, &slot.type), kDescribe));
  slot.dtype = dtype_of(slot.type.element);
  TESSERA_CHECK(check_value_type(slot.name, slot.dtype, slot.type.element));
  return slot;
}

Status close_extents(Slot& slot, const std::map<std::string, Shape>& wanted) {
  const auto declared = shape_of(slot.type.layout);
  TESSERA_TRY(const auto shape, closed_extents(slot.name, declared, wanted));
  slot.was_open = shape != declared;
  std::transform(shape.begin(), shape.end(), slot.type.layout.extents,
                 [](std::int64_t extent) { return static_cast<std::int32_t>(extent); });
  return {};
}

ValueInfo info_of(const Slot& slot) {
  ValueInfo info{.name = slot.name,
                 .dtype = slot.dtype,
                 .shape = shape_of(slot.type.layout),
                 .quantization = slot.quantization};
  info.symbols.resize(info.shape.size());
  return info;
}

/// Memory of the library for one input or output.
struct Buffer {
  Held<TensorBufferT> handle;
  std::span<std::byte> bytes;
};

Result<Buffer> make_buffer(const Functions& api, Environment environment, const Slot& slot,
                           Requirements requirements) {
  Buffer buffer{held(api.DestroyTensorBuffer), {}};
  constexpr std::string_view kDoing = "hold inputs and outputs";
  TESSERA_CHECK(checked(make(buffer.handle, api.CreateManagedTensorBufferFromRequirements,
                             environment, &slot.type, requirements),
                        kDoing));
  void* memory = nullptr;
  // Memory of the host stays where it is, locked or not.
  TESSERA_CHECK(checked(api.LockTensorBuffer(buffer.handle.get(), &memory, kLockWrite), kDoing));
  TESSERA_CHECK(checked(api.UnlockTensorBuffer(buffer.handle.get()), kDoing));
  const auto count = bytes_of(slot.dtype, element_count(shape_of(slot.type.layout)));
  if (memory == nullptr || count < 0) {
    return fail(ErrorCode::kUnavailable, "the runtime gives no memory for '{}'", slot.name);
  }
  buffer.bytes = {static_cast<std::byte*>(memory), static_cast<std::size_t>(count)};
  return buffer;
}

/// Where one run puts what it makes. A session keeps those that nobody looks at any more for the
/// next run.
struct OutputSet {
  std::shared_ptr<EnvironmentT> environment;  // goes last
  std::vector<Buffer> buffers;
  std::vector<TensorBuffer> handles;
  std::vector<Shape> shapes;
  std::vector<TensorView> views;
};

constexpr std::byte kFirstMark{0xA5};
constexpr std::byte kSecondMark{0x5A};

void fill(const OutputSet& outputs, std::byte mark) {
  for (const auto& buffer : outputs.buffers) {
    std::ranges::fill(buffer.bytes, mark);
  }
}

/// The first output that has nothing but this byte.
std::optional<std::size_t> left_alone(const OutputSet& outputs, std::byte mark) {
  const auto is_marked = [&](const Buffer& buffer) {
    return !buffer.bytes.empty() &&
           std::ranges::all_of(buffer.bytes, [&](std::byte byte) { return byte == mark; });
  };
  const auto found = std::ranges::find_if(outputs.buffers, is_marked);
  return found == outputs.buffers.end()
             ? std::nullopt
             : std::optional(static_cast<std::size_t>(found - outputs.buffers.begin()));
}

class LitertOutputs final : public OutputTensors {
 public:
  explicit LitertOutputs(std::shared_ptr<const OutputSet> set) : set_(std::move(set)) {}
  [[nodiscard]] std::span<const TensorView> views() const noexcept override { return set_->views; }

 private:
  std::shared_ptr<const OutputSet> set_;
};

// --- session ---------------------------------------------------------------------------------

class LitertSession final : public SessionBackend {
 public:
  LitertSession(std::shared_ptr<const Library> library, const Functions& api,
                const SessionOptions& options, std::uint64_t key)
      : library_(std::move(library)),
        api_(api),
        tap_(options.tap),
        key_(key),
        model_(held(api.DestroyModel)),
        compiled_(held(api.DestroyCompiledModel)) {}

  /// Opens `file`, or `bytes` if there is none.
  [[nodiscard]] Status create(const std::filesystem::path& file, std::string_view bytes,
                              const SessionOptions& options, const LitertModel& known);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept override { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept override { return outputs_; }
  [[nodiscard]] Result<Outputs> run(std::span<const TensorView> tensors) override;
  [[nodiscard]] Result<std::vector<KernelTime>> end_profile() override;

 private:
  [[nodiscard]] Status read(const std::filesystem::path& file, std::string_view bytes);
  [[nodiscard]] Status find_signature(const LitertModel& known);
  [[nodiscard]] Result<std::size_t> subgraph_of_signature() const;
  [[nodiscard]] Status add_observer(const SessionOptions& options, const LitertModel& known);
  [[nodiscard]] Status compile(const std::string& settings);
  [[nodiscard]] Status describe_inputs(const LitertModel& known);
  [[nodiscard]] Status describe_outputs(const LitertModel& known);
  [[nodiscard]] Status make_buffers();
  [[nodiscard]] Status check_taps(const LitertModel& known);
  [[nodiscard]] Result<std::shared_ptr<OutputSet>> make_outputs();
  [[nodiscard]] Result<std::shared_ptr<OutputSet>> free_outputs();
  [[nodiscard]] Status call_library(const OutputSet& outputs);
  [[nodiscard]] Status check_written(const OutputSet& outputs);

  std::shared_ptr<const Library> library_;
  const Functions& api_;
  TensorTap* tap_;
  std::uint64_t key_;  // see watch.h
  Tensor bytes_;       // of the model; aligned, as the library wants it
  std::unique_ptr<Observer> observer_;
  std::shared_ptr<EnvironmentT> environment_;
  Held<ModelT> model_;
  Held<CompiledModelT> compiled_;
  Signature signature_ = nullptr;  // the model's
  std::size_t signature_index_ = 0;
  std::vector<Slot> input_slots_;
  std::vector<Slot> output_slots_;
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;
  std::vector<Buffer> input_buffers_;
  std::vector<TensorBuffer> input_handles_;
  /// Inputs that are tapped, and their tags.
  std::vector<std::pair<std::size_t, std::int64_t>> input_taps_;
  std::vector<std::shared_ptr<OutputSet>> output_sets_;
  bool outputs_are_written_ = false;  ///< known from the first run on
};

Status LitertSession::create(const std::filesystem::path& file, std::string_view bytes,
                             const SessionOptions& options, const LitertModel& known) {
  TESSERA_TRY(const auto settings, litert_settings(options));
  TESSERA_CHECK(refuse_fatal(key_));
  const Inside inside(key_);
  TESSERA_TRY(environment_, make_environment(library_, api_));
  TESSERA_CHECK(read(file, bytes));
  TESSERA_CHECK(find_signature(known));
  if (wants_observer(options, known)) {
    TESSERA_CHECK(add_observer(options, known));
  }
  const Observer::Scope scope(observer_.get());
  TESSERA_CHECK(compile(cpu_settings(options, settings)));
  TESSERA_CHECK(describe_inputs(known));
  TESSERA_CHECK(describe_outputs(known));
  TESSERA_CHECK(make_buffers());
  return check_taps(known);
}

Status LitertSession::read(const std::filesystem::path& file, std::string_view bytes) {
  const Overheard overheard;
  auto code = kOk;
  if (!file.empty()) {
    code = make(model_, api_.CreateModelFromFile, environment_.get(), file.c_str());
  } else {
    bytes_ = Tensor(DType::kUInt8, {std::ssize(bytes)});
    std::memcpy(bytes_.bytes().data(), bytes.data(), bytes.size());
    code = make(model_, api_.CreateModelFromBuffer, environment_.get(),
                static_cast<const void*>(bytes_.bytes().data()), bytes.size());
  }
  if (code != kOk) {
    return tl::unexpected(open_error(code, overheard.text()));
  }
  return {};
}

Status LitertSession::find_signature(const LitertModel& known) {
  std::size_t count = 0;
  TESSERA_CHECK(checked(api_.GetNumModelSignatures(model_.get(), &count), kDescribe));
  std::string keys;
  for (std::size_t i = 0; i < count; ++i) {
    TESSERA_CHECK(checked(api_.GetModelSignature(model_.get(), i, &signature_), kDescribe));
    const char* key = nullptr;
    TESSERA_CHECK(checked(api_.GetSignatureKey(signature_, &key), kDescribe));
    if (known.signature.empty() || (key != nullptr && known.signature == key)) {
      signature_index_ = i;
      return {};
    }
    keys += fmt::format("{}'{}'", keys.empty() ? "" : ", ", key == nullptr ? "" : key);
  }
  return fail(ErrorCode::kNotFound, "the model has no signature '{}'", known.signature)
      .hint("it has {}", keys.empty() ? "none" : keys);
}

Result<std::size_t> LitertSession::subgraph_of_signature() const {
  Subgraph wanted = nullptr;
  TESSERA_CHECK(checked(api_.GetSignatureSubgraph(signature_, &wanted), kDescribe));
  std::size_t count = 0;
  TESSERA_CHECK(checked(api_.GetNumModelSubgraphs(model_.get(), &count), kDescribe));
  for (std::size_t i = 0; i < count; ++i) {
    Subgraph subgraph = nullptr;
    TESSERA_CHECK(checked(api_.GetModelSubgraph(model_.get(), i, &subgraph), kDescribe));
    if (subgraph == wanted) {
      return i;
    }
  }
  return fail(ErrorCode::kDataLoss, "the signature has no subgraph");
}

Status LitertSession::add_observer(const SessionOptions& options, const LitertModel& known) {
  if (!api_.has_observer) {
    return fail(ErrorCode::kFailedPrecondition,
                "LiteRT {} takes no observer: values inside of a model and times of operators are "
                "not to be had",
                library_->version())
        .hint("make the values outputs of the model, or use another LiteRT by TESSERA_LITERT");
  }
  TESSERA_TRY(const auto subgraph, subgraph_of_signature());
  observer_ = std::make_unique<Observer>(observer_plan(options, known, subgraph));
  return join(api_, environment_.get());
}

Status LitertSession::compile(const std::string& settings) {
  TESSERA_TRY(const auto options, make_options(api_, settings));
  const Overheard overheard;
  const auto code =
      make(compiled_, api_.CreateCompiledModel, environment_.get(), model_.get(), options.get());
  if (code != kOk) {
    return tl::unexpected(open_error(code, overheard.text()));
  }
  return {};
}

Status LitertSession::describe_inputs(const LitertModel& known) {
  std::size_t count = 0;
  TESSERA_CHECK(checked(api_.GetNumSignatureInputs(signature_, &count), kDescribe));
  for (std::size_t i = 0; i < count; ++i) {
    TESSERA_TRY(auto slot, read_slot(api_, signature_, i, api_.GetSignatureInputName,
                                     api_.GetSignatureInputTensorByIndex, known));
    TESSERA_CHECK(close_extents(slot, known.shapes));
    inputs_.push_back(info_of(slot));
    if (slot.was_open) {
      const auto& layout = slot.type.layout;
      const Overheard overheard;
      const auto code = api_.CompiledModelResizeInputTensor(compiled_.get(), signature_index_, i,
                                                            layout.extents, layout.rank());
      if (code != kOk) {
        return tl::unexpected(call_error(code, overheard.text(), "set the extents of inputs"));
      }
    }
    input_slots_.push_back(std::move(slot));
  }
  return {};
}

/// Their extents follow from the inputs'; the library computes them when it plans its memory, and
/// some operators are refused only then.
Status LitertSession::describe_outputs(const LitertModel& known) {
  std::size_t count = 0;
  TESSERA_CHECK(checked(api_.GetNumSignatureOutputs(signature_, &count), kDescribe));
  std::vector<Layout> layouts(count);
  {
    const Overheard overheard;
    const auto code = api_.GetCompiledModelOutputTensorLayouts(compiled_.get(), signature_index_,
                                                               count, layouts.data(), true);
    if (code != kOk) {
      return tl::unexpected(open_error(code, overheard.text()));
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    TESSERA_TRY(auto slot, read_slot(api_, signature_, i, api_.GetSignatureOutputName,
                                     api_.GetSignatureOutputTensorByIndex, known));
    slot.type.layout = layouts[i];
    outputs_.push_back(info_of(slot));
    output_slots_.push_back(std::move(slot));
  }
  return {};
}

Status LitertSession::make_buffers() {
  for (std::size_t i = 0; i < input_slots_.size(); ++i) {
    Requirements requirements = nullptr;
    TESSERA_CHECK(checked(api_.GetCompiledModelInputBufferRequirements(
                              compiled_.get(), signature_index_, i, &requirements),
                          kDescribe));
    TESSERA_TRY(auto buffer, make_buffer(api_, environment_.get(), input_slots_[i], requirements));
    input_handles_.push_back(buffer.handle.get());
    input_buffers_.push_back(std::move(buffer));
  }
  TESSERA_TRY(auto outputs, make_outputs());
  output_sets_.push_back(std::move(outputs));
  return {};
}

Result<std::shared_ptr<OutputSet>> LitertSession::make_outputs() {
  auto set = std::make_shared<OutputSet>();
  set->environment = environment_;
  for (std::size_t i = 0; i < output_slots_.size(); ++i) {
    Requirements requirements = nullptr;
    TESSERA_CHECK(checked(api_.GetCompiledModelOutputBufferRequirements(
                              compiled_.get(), signature_index_, i, &requirements),
                          kDescribe));
    TESSERA_TRY(auto buffer, make_buffer(api_, environment_.get(), output_slots_[i], requirements));
    set->handles.push_back(buffer.handle.get());
    set->shapes.push_back(outputs_[i].shape);
    set->buffers.push_back(std::move(buffer));
  }
  for (std::size_t i = 0; i < output_slots_.size(); ++i) {
    set->views.push_back({output_slots_[i].dtype, set->shapes[i], set->buffers[i].bytes});
  }
  return set;
}

Result<std::shared_ptr<OutputSet>> LitertSession::free_outputs() {
  for (const auto& set : output_sets_) {
    if (set.use_count() == 1) {
      return set;
    }
  }
  TESSERA_TRY(auto set, make_outputs());
  output_sets_.push_back(set);
  return set;
}

Status LitertSession::check_taps(const LitertModel& known) {
  if (observer_ == nullptr) {
    return {};
  }
  std::vector<std::int32_t> inputs;
  for (const auto& slot : input_slots_) {
    inputs.push_back(slot.tensor);
  }
  TESSERA_TRY(input_taps_, taps_of_inputs(*observer_, inputs, known));
  return {};
}

Result<Outputs> LitertSession::run(std::span<const TensorView> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::memcpy(input_buffers_[i].bytes.data(), tensors[i].bytes.data(),
                std::min(tensors[i].bytes.size(), input_buffers_[i].bytes.size()));
  }
  if (tap_ != nullptr) {
    for (const auto& [input, tag] : input_taps_) {
      tap_->visit(tag, inputs_[input].dtype, inputs_[input].shape, input_buffers_[input].bytes);
    }
  }
  TESSERA_TRY(auto outputs, free_outputs());
  if (observer_ != nullptr) {
    observer_->begin_run();
  }
  if (!outputs_are_written_) {
    fill(*outputs, kFirstMark);
  }
  TESSERA_CHECK(call_library(*outputs));
  if (!outputs_are_written_) {
    TESSERA_CHECK(check_written(*outputs));
    outputs_are_written_ = true;
  }
  return Outputs(std::make_unique<const LitertOutputs>(std::move(outputs)));
}

Status LitertSession::call_library(const OutputSet& outputs) {
  auto handles = outputs.handles;
  const Observer::Scope scope(observer_.get());
  const Inside inside(key_);
  const Overheard overheard;
  const auto code = api_.RunCompiledModel(compiled_.get(), signature_index_, input_handles_.size(),
                                          input_handles_.data(), handles.size(), handles.data());
  if (code != kOk) {
    return tl::unexpected(call_error(code, overheard.text(), "run the model"));
  }
  return {};
}

/// A result that the library takes memory for while the model runs does not get into ours, and no
/// error says so. What still looks as before the first run was left alone, or has these bytes by
/// chance: then another run over other bytes tells.
Status LitertSession::check_written(const OutputSet& outputs) {
  if (!left_alone(outputs, kFirstMark)) {
    return {};
  }
  fill(outputs, kSecondMark);
  if (observer_ != nullptr) {
    observer_->look_away(true);
  }
  const auto status = call_library(outputs);
  if (observer_ != nullptr) {
    observer_->look_away(false);
  }
  TESSERA_CHECK(status);
  if (const auto left = left_alone(outputs, kSecondMark)) {
    return tl::unexpected(kept_output_error(outputs_[*left].name));
  }
  return {};
}

Result<std::vector<KernelTime>> LitertSession::end_profile() {
  if (observer_ == nullptr) {
    return tl::unexpected(not_profiled());
  }
  return observer_->end_profile();
}

/// Opens `file`, or `bytes` if there is none.
Result<Session> open(std::shared_ptr<const Library> library, const std::filesystem::path& file,
                     std::string_view bytes, const SessionOptions& options,
                     const LitertModel& known, std::uint64_t key) {
  TESSERA_TRY(const auto* litert, LitertLibrary::in(*library));
  TESSERA_CHECK(
      litert->resolve({options.provider, options.provider_options}).map([](const auto&) {}));
  auto session =
      std::make_unique<LitertSession>(std::move(library), litert->functions(), options, key);
  TESSERA_CHECK(session->create(file, bytes, options, known));
  return Session(std::move(session));
}

/// The TFLite library computes what LiteRT cannot: delegates out of libraries of their own.
bool is_for_tflite(const Library& library, const SessionOptions& options) {
  return library.named(tflite::TfliteLibrary::kName) != nullptr &&
         (library.named(LitertLibrary::kName) == nullptr ||
          tflite::is_delegate_path(options.provider));
}

/// The library takes anything for a model; what the head says is checked before.
Status check_head(std::string_view head) {
  constexpr std::string_view kIdentifier = "TFL3";
  if (head.size() < 8 || head.substr(4, 4) != kIdentifier) {
    return fail(ErrorCode::kDataLoss, "not a .tflite model: it does not begin as one");
  }
  return {};
}

}  // namespace
}  // namespace litert

Result<Session> open_litert_file(std::shared_ptr<const Library> library,
                                 const std::filesystem::path& model, const SessionOptions& options,
                                 const LitertModel& known) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model, error)) {
    return fail(ErrorCode::kNotFound, "no model file '{}'", model.string());
  }
  std::array<char, 8> head{};
  std::ifstream stream(model, std::ios::binary);
  stream.read(head.data(), head.size());
  TESSERA_CHECK(litert::check_head({head.data(), static_cast<std::size_t>(stream.gcount())})
                    .map_error(in_file(model.string())));
  const auto key = session_key(model, options);
  if (litert::is_for_tflite(*library, options)) {
    TESSERA_TRY(const auto bytes, read_file(model));
    return open_tflite(std::move(library), bytes, options, known, key)
        .map_error(in_file(model.string()));
  }
  return litert::open(std::move(library), model, {}, options, known, key)
      .map_error(in_file(model.string()));
}

Result<Session> open_litert(std::shared_ptr<const Library> library, std::string_view model,
                            const SessionOptions& options, const LitertModel& known) {
  TESSERA_CHECK(litert::check_head(model));
  const auto key = session_key(model, options);
  if (litert::is_for_tflite(*library, options)) {
    return open_tflite(std::move(library), model, options, known, key);
  }
  return litert::open(std::move(library), {}, model, options, known, key);
}

}  // namespace tessera::runtime
