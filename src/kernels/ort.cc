// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/ort.h"

#include <exception>
#include <limits>
#include <new>

namespace tessera::kernels {
namespace {

/// Nothing, or what the runtime says went wrong.
Outcome<void> checked(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) {
    return {};
  }
  std::string message = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  return Problem(std::move(message));
}

bool succeeded(const OrtApi& api, OrtStatus* status) {
  if (status != nullptr) {
    api.ReleaseStatus(status);
  }
  return status == nullptr;
}

Outcome<TensorIn> tensor_of(const OrtApi& api, const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  TESSERA_KERNELS_CHECK(checked(api, api.GetTensorTypeAndShape(value, &raw)));
  const std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)> info(
      raw, api.ReleaseTensorTypeAndShapeInfo);
  TensorIn tensor;
  std::size_t rank = 0;
  TESSERA_KERNELS_CHECK(checked(api, api.GetDimensionsCount(raw, &rank)));
  tensor.shape.resize(rank);
  TESSERA_KERNELS_CHECK(checked(api, api.GetDimensions(raw, tensor.shape.data(), rank)));
  TESSERA_KERNELS_CHECK(checked(api, api.GetTensorElementType(raw, &tensor.type)));
  void* data = nullptr;
  // Read only: the runtime has no function for that in versions that we take.
  TESSERA_KERNELS_CHECK(
      checked(api, api.GetTensorMutableData(const_cast<OrtValue*>(value), &data)));
  tensor.data = data;
  return tensor;
}

OrtStatus* status_of(const OrtApi& api, OrtErrorCode code, const std::string& message) {
  return api.CreateStatus(code, message.c_str());
}

/// What `body` returns; no exception gets past it.
template <class Body>
OrtStatus* guarded(const OrtApi& api, const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return api.CreateStatus(ORT_RUNTIME_EXCEPTION, "tessera kernels: out of memory");
  } catch (const std::exception& e) {
    return api.CreateStatus(ORT_RUNTIME_EXCEPTION, e.what());
  }
}

/// The callbacks of the C interface. They return statuses, of which null means success.
struct Callbacks {
  /// What the runtime holds as a kernel.
  struct Held {
    const Operator* op;
    std::string phrase;
    std::unique_ptr<Kernel> kernel;
  };

  static const Operator& self(const OrtCustomOp* op) { return *static_cast<const Operator*>(op); }

  static OrtStatus* create(const OrtCustomOp* raw, const OrtApi*, const OrtKernelInfo* info,
                           void** kernel) {
    const auto& op = self(raw);
    return guarded(*op.api, [&]() -> OrtStatus* {
      const Node node(*op.api, info);
      const auto phrase = node.phrase() + " of type ai.tessera." + op.description.name;
      auto made = op.description.create(node, op.target);
      if (!made) {
        return status_of(*op.api, ORT_INVALID_ARGUMENT, phrase + ": " + made.error());
      }
      *kernel = new Held{&op, phrase, *std::move(made)};
      return nullptr;
    });
  }

  static void destroy(void* kernel) { delete static_cast<Held*>(kernel); }

  static OrtStatus* compute(void* raw, OrtKernelContext* context) {
    const auto& held = *static_cast<const Held*>(raw);
    const auto& api = *held.op->api;
    return guarded(api, [&]() -> OrtStatus* {
      const auto done = held.kernel->run(Run(api, context));
      return done ? nullptr
                  : status_of(api, ORT_INVALID_ARGUMENT, held.phrase + ": " + done.error());
    });
  }

  static OrtStatus* infer(const OrtCustomOp* raw, OrtShapeInferContext* context) {
    const auto& op = self(raw);
    return guarded(*op.api, [&]() -> OrtStatus* {
      const Inference inference(*op.api, context);
      const auto extents = op.description.infer(inference);
      const auto type = inference.type(op.description.type_from);
      return extents ? inference.set_output(*extents, type) : nullptr;
    });
  }

  static std::size_t in_place(int** inputs, int** outputs) {
    *inputs = new int(0);
    *outputs = new int(0);
    return 1;
  }
  static void release_in_place(int* inputs, int* outputs) {
    delete inputs;
    delete outputs;
  }
};

}  // namespace

Outcome<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    return problem("axis ", axis, " is none of tensors of rank ", rank);
  }
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

std::string text_of(const Shape& shape) {
  std::string text;
  for (const auto extent : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return shape.empty() ? "scalar" : text;
}

std::size_t count_of(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

// --- a node -------------------------------------------------------------------------------------

std::string Node::phrase() const {
  std::size_t size = 0;
  // The first call fails for want of room, and says how much is needed.
  (void)succeeded(api_, api_.KernelInfo_GetNodeName(info_, nullptr, &size));
  std::string name(size, '\0');
  if (size <= 1 || !succeeded(api_, api_.KernelInfo_GetNodeName(info_, name.data(), &size))) {
    return "an unnamed node";
  }
  name.resize(size - 1);
  return "node '" + name + "'";
}

Outcome<std::size_t> Node::input_count() const {
  std::size_t count = 0;
  TESSERA_KERNELS_CHECK(checked(api_, api_.KernelInfo_GetInputCount(info_, &count)));
  return count;
}

Outcome<bool> Node::has_input(std::size_t index) const {
  TESSERA_KERNELS_TRY(const auto count, input_count());
  if (index >= count) {
    return false;
  }
  std::size_t size = 0;
  (void)succeeded(api_, api_.KernelInfo_GetInputName(info_, index, nullptr, &size));
  return size > 1;
}

Outcome<std::optional<TensorIn>> Node::constant(std::size_t index) const {
  const OrtValue* value = nullptr;
  int is_constant = 0;
  TESSERA_KERNELS_CHECK(
      checked(api_, api_.KernelInfoGetConstantInput_tensor(info_, index, &is_constant, &value)));
  if (is_constant == 0 || value == nullptr) {
    return std::optional<TensorIn>();
  }
  TESSERA_KERNELS_TRY(auto tensor, tensor_of(api_, value));
  return std::optional<TensorIn>(std::move(tensor));
}

Outcome<std::optional<Shape>> Node::declared_shape(std::size_t index) const {
  OrtTypeInfo* raw = nullptr;
  TESSERA_KERNELS_CHECK(checked(api_, api_.KernelInfo_GetInputTypeInfo(info_, index, &raw)));
  const std::unique_ptr<OrtTypeInfo, void (*)(OrtTypeInfo*)> type(raw, api_.ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the type
  TESSERA_KERNELS_CHECK(checked(api_, api_.CastTypeInfoToTensorInfo(raw, &info)));
  std::size_t rank = 0;
  if (info == nullptr || !succeeded(api_, api_.GetDimensionsCount(info, &rank)) || rank == 0) {
    return std::optional<Shape>();
  }
  Shape shape(rank);
  TESSERA_KERNELS_CHECK(checked(api_, api_.GetDimensions(info, shape.data(), rank)));
  return std::optional<Shape>(std::move(shape));
}

std::optional<std::int64_t> Node::integer(const char* name) const {
  std::int64_t value = 0;
  if (!succeeded(api_, api_.KernelInfoGetAttribute_int64(info_, name, &value))) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<std::int64_t>> Node::integers(const char* name) const {
  std::size_t size = 0;
  if (!succeeded(api_, api_.KernelInfoGetAttributeArray_int64(info_, name, nullptr, &size))) {
    return std::nullopt;
  }
  std::vector<std::int64_t> values(size);
  if (!succeeded(api_, api_.KernelInfoGetAttributeArray_int64(info_, name, values.data(), &size))) {
    return std::nullopt;
  }
  return values;
}

std::optional<std::string> Node::string(const char* name) const {
  std::size_t size = 0;
  (void)succeeded(api_, api_.KernelInfoGetAttribute_string(info_, name, nullptr, &size));
  std::string text(size, '\0');
  if (size == 0 ||
      !succeeded(api_, api_.KernelInfoGetAttribute_string(info_, name, text.data(), &size))) {
    return std::nullopt;
  }
  text.resize(size - 1);
  return text;
}

// --- a run --------------------------------------------------------------------------------------

Outcome<std::size_t> Run::input_count() const {
  std::size_t count = 0;
  TESSERA_KERNELS_CHECK(checked(api_, api_.KernelContext_GetInputCount(context_, &count)));
  return count;
}

Outcome<TensorIn> Run::input(std::size_t index) const {
  const OrtValue* value = nullptr;
  TESSERA_KERNELS_CHECK(checked(api_, api_.KernelContext_GetInput(context_, index, &value)));
  if (value == nullptr) {
    return problem("input ", index, " is missing");
  }
  return tensor_of(api_, value);
}

Outcome<void*> Run::output(const Shape& shape) const {
  OrtValue* value = nullptr;
  TESSERA_KERNELS_CHECK(
      checked(api_, api_.KernelContext_GetOutput(context_, 0, shape.data(), shape.size(), &value)));
  void* data = nullptr;
  TESSERA_KERNELS_CHECK(checked(api_, api_.GetTensorMutableData(value, &data)));
  return data;
}

Outcome<void> Run::each_of(std::size_t count, void (*body)(void*, std::size_t), void* data) const {
  return checked(api_, api_.KernelContext_ParallelFor(context_, body, count, 0, data));
}

// --- shape inference ----------------------------------------------------------------------------

std::size_t Inference::input_count() const {
  std::size_t count = 0;
  return succeeded(api_, api_.ShapeInferContext_GetInputCount(context_, &count)) ? count : 0;
}

std::optional<Inference::Extents> Inference::input(std::size_t index) const {
  OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the context
  std::size_t rank = 0;
  if (index >= input_count() ||
      !succeeded(api_, api_.ShapeInferContext_GetInputTypeShape(context_, index, &info)) ||
      info == nullptr || !succeeded(api_, api_.GetDimensionsCount(info, &rank)) || rank == 0) {
    return std::nullopt;
  }
  Shape values(rank);
  std::vector<const char*> symbols(rank);
  if (!succeeded(api_, api_.GetDimensions(info, values.data(), rank)) ||
      !succeeded(api_, api_.GetSymbolicDimensions(info, symbols.data(), rank))) {
    return std::nullopt;
  }
  Extents extents(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    extents[i] = {values[i], symbols[i] == nullptr ? "" : symbols[i]};
  }
  return extents;
}

ONNXTensorElementDataType Inference::type(std::size_t index) const {
  OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the context
  auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (index < input_count() &&
      succeeded(api_, api_.ShapeInferContext_GetInputTypeShape(context_, index, &info)) &&
      info != nullptr) {
    (void)succeeded(api_, api_.GetTensorElementType(info, &type));
  }
  return type;
}

const OrtOpAttr* Inference::attribute(const char* name) const {
  const OrtOpAttr* attribute = nullptr;
  return succeeded(api_, api_.ShapeInferContext_GetAttribute(context_, name, &attribute))
             ? attribute
             : nullptr;
}

std::optional<std::int64_t> Inference::integer(const char* name) const {
  const auto* const found = attribute(name);
  std::int64_t value = 0;
  std::size_t size = 0;
  if (found == nullptr ||
      !succeeded(api_, api_.ReadOpAttr(found, ORT_OP_ATTR_INT, &value, sizeof value, &size))) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<std::int64_t>> Inference::integers(const char* name) const {
  const auto* const found = attribute(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  std::size_t size = 0;
  (void)succeeded(api_, api_.ReadOpAttr(found, ORT_OP_ATTR_INTS, nullptr, 0, &size));
  std::vector<std::int64_t> values(size / sizeof(std::int64_t));
  if (!succeeded(api_, api_.ReadOpAttr(found, ORT_OP_ATTR_INTS, values.data(), size, &size))) {
    return std::nullopt;
  }
  return values;
}

std::optional<std::string> Inference::string(const char* name) const {
  const auto* const found = attribute(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  std::size_t size = 0;
  (void)succeeded(api_, api_.ReadOpAttr(found, ORT_OP_ATTR_STRING, nullptr, 0, &size));
  std::string text(size, '\0');
  if (!succeeded(api_, api_.ReadOpAttr(found, ORT_OP_ATTR_STRING, text.data(), size, &size))) {
    return std::nullopt;
  }
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

OrtStatus* Inference::set_output(const Extents& extents, ONNXTensorElementDataType type) const {
  if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED) {
    return nullptr;
  }
  Shape values;
  std::vector<const char*> symbols;
  for (const auto& extent : extents) {
    if (!extent.is_known()) {
      return nullptr;
    }
    values.push_back(extent.value);
    symbols.push_back(extent.symbol.c_str());
  }
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  if (auto* status = api_.CreateTensorTypeAndShapeInfo(&raw)) {
    return status;
  }
  const std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)> info(
      raw, api_.ReleaseTensorTypeAndShapeInfo);
  if (auto* status = api_.SetTensorElementType(raw, type)) {
    return status;
  }
  if (auto* status = api_.SetDimensions(raw, values.data(), values.size())) {
    return status;
  }
  if (auto* status = api_.SetSymbolicDimensions(raw, symbols.data(), symbols.size())) {
    return status;
  }
  return api_.ShapeInferContext_SetOutputTypeShape(context_, 0, raw);
}

// --- an operator --------------------------------------------------------------------------------

Operator::Operator(const OrtApi& runtime, std::uint32_t api_version, Target chosen,
                   Description what)
    : OrtCustomOp{}, api(&runtime), target(chosen), description(std::move(what)) {
  version = api_version;
  GetName = [](const OrtCustomOp* op) { return Callbacks::self(op).description.name; };
  GetExecutionProviderType = [](const OrtCustomOp*) { return "CPUExecutionProvider"; };
  GetInputTypeCount = [](const OrtCustomOp* op) {
    return Callbacks::self(op).description.inputs.size();
  };
  GetInputType = [](const OrtCustomOp* op, std::size_t i) {
    return Callbacks::self(op).description.inputs[i].type;
  };
  GetInputCharacteristic = [](const OrtCustomOp* op, std::size_t i) {
    return Callbacks::self(op).description.inputs[i].presence;
  };
  GetOutputTypeCount = [](const OrtCustomOp*) { return std::size_t{1}; };
  GetOutputType = [](const OrtCustomOp* op, std::size_t) {
    return Callbacks::self(op).description.output;
  };
  GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_REQUIRED; };
  GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
  GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
  GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 0; };
  GetVariadicOutputMinArity = GetVariadicInputMinArity;
  GetVariadicOutputHomogeneity = GetVariadicInputHomogeneity;
  GetStartVersion = [](const OrtCustomOp*) { return 1; };
  GetEndVersion = [](const OrtCustomOp*) { return std::numeric_limits<int>::max(); };
  CreateKernelV2 = Callbacks::create;
  KernelComputeV2 = Callbacks::compute;
  KernelDestroy = Callbacks::destroy;
  InferOutputShapeFn = Callbacks::infer;
  if (description.in_place) {
    GetMayInplace = Callbacks::in_place;
    ReleaseMayInplace = Callbacks::release_in_place;
  }
}

}  // namespace tessera::kernels
