// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/tap.h"

#include <cstring>
#include <limits>
#include <vector>

namespace tessera::runtime {

struct TapDomain::Kernel {
  const OrtApi* api;
  TensorTap* tap;
  std::int64_t tag;
  std::vector<std::int64_t> shape;  // kept between calls, so that a call allocates nothing
};

/// The callbacks of the C API. They return its statuses, of which null means success.
struct TapCallbacks {
  using Kernel = TapDomain::Kernel;

  static const TapDomain::Operator& self(const OrtCustomOp* op) {
    return *static_cast<const TapDomain::Operator*>(op);
  }

  static OrtStatus* create(const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info,
                           void** kernel) {
    const auto& tap = self(op);
    std::int64_t tag = 0;
    if (auto* missing = tap.api->KernelInfoGetAttribute_int64(info, "tag", &tag)) {
      tap.api->ReleaseStatus(missing);  // an untagged tap has tag 0
    }
    *kernel = new Kernel{tap.api, tap.tap, tag, {}};
    return nullptr;
  }

  static void destroy(void* kernel) { delete static_cast<Kernel*>(kernel); }

  static OrtStatus* compute(void* opaque, OrtKernelContext* context) {
    auto& kernel = *static_cast<Kernel*>(opaque);
    const auto& api = *kernel.api;
    const OrtValue* input = nullptr;
    if (auto* status = api.KernelContext_GetInput(context, 0, &input)) {
      return status;
    }
    OrtTensorTypeAndShapeInfo* raw = nullptr;
    if (auto* status = api.GetTensorTypeAndShape(input, &raw)) {
      return status;
    }
    const Owned<OrtTensorTypeAndShapeInfo> info(raw, api.ReleaseTensorTypeAndShapeInfo);
    std::size_t rank = 0;
    if (auto* status = api.GetDimensionsCount(raw, &rank)) {
      return status;
    }
    kernel.shape.resize(rank);
    if (auto* status = api.GetDimensions(raw, kernel.shape.data(), rank)) {
      return status;
    }
    auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    if (auto* status = api.GetTensorElementType(raw, &type)) {
      return status;
    }
    OrtValue* output = nullptr;
    if (auto* status =
            api.KernelContext_GetOutput(context, 0, kernel.shape.data(), rank, &output)) {
      return status;
    }
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
      return copy_strings(api, input, output, kernel.shape);
    }
    return visit(kernel, input, output, static_cast<DType>(type));
  }

  /// The runtime gives the output the input's memory wherever it may; where the tensor is also a
  /// graph input or output it may not, and the bytes move.
  static OrtStatus* visit(Kernel& kernel, const OrtValue* input, OrtValue* output, DType dtype) {
    void* source = nullptr;
    void* target = nullptr;
    const auto& api = *kernel.api;
    if (auto* status = api.GetTensorMutableData(const_cast<OrtValue*>(input), &source)) {
      return status;
    }
    if (auto* status = api.GetTensorMutableData(output, &target)) {
      return status;
    }
    const auto size = static_cast<std::size_t>(bytes_of(dtype, element_count(kernel.shape)));
    if (source != target && size != 0) {
      std::memcpy(target, source, size);
    }
    kernel.tap->visit(kernel.tag, dtype, kernel.shape, {static_cast<std::byte*>(target), size});
    return nullptr;
  }

  /// Strings have no bytes to look at: they pass, unvisited.
  static OrtStatus* copy_strings(const OrtApi& api, const OrtValue* input, OrtValue* output,
                                 std::span<const std::int64_t> shape) {
    const auto count = static_cast<std::size_t>(element_count(shape));
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t length = 0;
      if (auto* status = api.GetStringTensorElementLength(input, i, &length)) {
        return status;
      }
      text.resize(length);
      if (auto* status = api.GetStringTensorElement(input, length, i, text.data())) {
        return status;
      }
      if (auto* status = api.FillStringTensorElement(output, text.c_str(), i)) {
        return status;
      }
    }
    return nullptr;
  }

  /// Without it the runtime does not know the output's size when it plans memory, and copies.
  static OrtStatus* infer(const OrtCustomOp* op, OrtShapeInferContext* context) {
    const auto& api = *self(op).api;
    OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the context
    if (auto* status = api.ShapeInferContext_GetInputTypeShape(context, 0, &info)) {
      return status;
    }
    std::size_t rank = 0;
    if (auto* status = api.GetDimensionsCount(info, &rank)) {
      return status;
    }
    if (rank == 0) {
      return nullptr;  // an unknown rank looks like this too, and must not become a scalar's
    }
    std::vector<std::int64_t> extents(rank);
    if (auto* status = api.GetDimensions(info, extents.data(), rank)) {
      return status;
    }
    std::vector<const char*> symbols(rank);
    if (auto* status = api.GetSymbolicDimensions(info, symbols.data(), rank)) {
      return status;
    }
    for (std::size_t i = 0; i < rank; ++i) {
      // Handed on, an unknown extent would be written down as the number -1.
      if (extents[i] < 0 && *symbols[i] == '\0') {
        return nullptr;
      }
    }
    return api.ShapeInferContext_SetOutputTypeShape(context, 0, info);
  }

  static std::size_t in_place(int** input, int** output) {
    *input = new int(0);
    *output = new int(0);
    return 1;
  }
  static void release_in_place(int* input, int* output) {
    delete input;
    delete output;
  }
};

Result<std::unique_ptr<TapDomain>> TapDomain::add_to(const OrtApi& api, OrtSessionOptions* options,
                                                     TensorTap& tap) {
  std::unique_ptr<TapDomain> domain(new TapDomain);
  auto& op = domain->operator_;
  op.api = &api;
  op.tap = &tap;
  op.version = ORT_API_VERSION;
  op.GetName = [](const OrtCustomOp*) { return kTapOp.data(); };
  op.GetExecutionProviderType = [](const OrtCustomOp*) { return "CPUExecutionProvider"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return std::size_t{1}; };
  op.GetOutputTypeCount = [](const OrtCustomOp*) { return std::size_t{1}; };
  // Undefined means any type, the same for input and output.
  op.GetInputType = [](const OrtCustomOp*, std::size_t) {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  };
  op.GetOutputType = op.GetInputType;
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_REQUIRED; };
  op.GetOutputCharacteristic = op.GetInputCharacteristic;
  op.GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
  op.GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
  op.GetVariadicInputHomogeneity = op.GetVariadicInputMinArity;
  op.GetVariadicOutputMinArity = op.GetVariadicInputMinArity;
  op.GetVariadicOutputHomogeneity = op.GetVariadicInputMinArity;
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return std::numeric_limits<int>::max(); };
  op.CreateKernelV2 = TapCallbacks::create;
  op.KernelComputeV2 = TapCallbacks::compute;
  op.KernelDestroy = TapCallbacks::destroy;
  op.InferOutputShapeFn = TapCallbacks::infer;
  op.GetMayInplace = TapCallbacks::in_place;
  op.ReleaseMayInplace = TapCallbacks::release_in_place;

  domain->domain_ = Owned<OrtCustomOpDomain>(api.ReleaseCustomOpDomain);
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the whole of a literal
  TESSERA_ORT(api, CreateCustomOpDomain(kTapDomain.data(), domain->domain_.slot()));
  TESSERA_ORT(api, CustomOpDomain_Add(domain->domain_.get(), &op));
  TESSERA_ORT(api, AddCustomOpDomain(options, domain->domain_.get()));
  return domain;
}

}  // namespace tessera::runtime
