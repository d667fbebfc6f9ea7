// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// The part of the C interface of LiteRT that is used here, declared by ourselves: its headers are
/// in no package. Everything is checked against a loaded library: symbols by name when it is
/// loaded, layouts by the tests.
namespace tessera::runtime::litert {

// NOLINTBEGIN(readability-identifier-naming): the names of the library
/// 0 is success.
using Code = int;
constexpr Code kOk = 0;

struct EnvironmentT;
struct ModelT;
struct SignatureT;
struct SubgraphT;
struct TensorT;
struct OptionsT;
struct OpaqueOptionsT;
struct CompiledModelT;
struct RequirementsT;
struct TensorBufferT;
struct AcceleratorT;
struct DelegateWrapperT;
struct RuntimeContextT;
using Environment = EnvironmentT*;
using Model = ModelT*;
using Signature = SignatureT*;
using Subgraph = SubgraphT*;
using Value = TensorT*;
using Options = OptionsT*;
using OpaqueOptions = OpaqueOptionsT*;
using CompiledModel = CompiledModelT*;
using Requirements = RequirementsT*;
using TensorBuffer = TensorBufferT*;
using Accelerator = AcceleratorT*;
using DelegateWrapper = DelegateWrapperT*;

/// A value and its kind.
struct AnyValue {
  int kind = 0;  ///< kKindInteger
  union {
    std::int64_t integer = 0;
    const char* text;
  };
};
/// A setting of an environment: which (kTag...), and a value.
struct EnvironmentOption {
  int tag = 0;
  AnyValue value;
};
static_assert(sizeof(EnvironmentOption) == 24 && offsetof(EnvironmentOption, value) == 8);
constexpr int kKindInteger = 2;
/// Which accelerators an environment registers by itself: a mask.
constexpr int kTagAccelerators = 24;
constexpr int kTagLeastSeverity = 25;
constexpr std::int64_t kSeverityError = 3;
constexpr int kCpu = 1;

/// Extents of a tensor.
struct Layout {
  static constexpr std::size_t kMostExtents = 8;
  std::uint32_t rank_and_flags = 0;  ///< 7 bits of rank, then whether there are strides
  std::int32_t extents[kMostExtents] = {};
  std::uint32_t strides[kMostExtents] = {};
  [[nodiscard]] std::size_t rank() const noexcept { return rank_and_flags & 0x7fU; }
};
static_assert(sizeof(Layout) == 68);
/// Element type, as TfLiteType numbers them, and layout.
struct TensorType {
  int element = 0;
  Layout layout;
};
static_assert(sizeof(TensorType) == 72);

/// Tensors with a known rank, the kind that has a TensorType.
constexpr int kRanked = 0;
constexpr int kLockRead = 0;
constexpr int kLockWrite = 1;

// --- TFLite, inside of it: what a delegate is shown ------------------------------------------
// These structures only ever grow at their ends; objects of them are never made or copied here,
// but for the delegate, which has room to spare.

struct IntArray {
  int size;
  int data[1];  ///< `size` of them
};
struct Delegate;
struct TfLiteTensor {
  int type;
  void* data;
  IntArray* dims;
  float scale;
  std::int32_t zero_point;
  int allocation;
  std::size_t bytes;
  void* more[7];
  const IntArray* signature;  ///< extents, -1 where the file leaves them open; may be null
};
static_assert(offsetof(TfLiteTensor, data) == 8 && offsetof(TfLiteTensor, dims) == 16 &&
              offsetof(TfLiteTensor, bytes) == 40 && offsetof(TfLiteTensor, signature) == 104 &&
              sizeof(TfLiteTensor) == 112);
struct Node {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;  ///< DelegateParams where a delegate computes it
};
struct DelegateParams {
  Delegate* delegate;
  IntArray* nodes_to_replace;
};
struct Context;
struct Registration {
  void* (*init)(Context*, const char*, std::size_t);
  void (*free)(Context*, void*);
  int (*prepare)(Context*, Node*);
  int (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  std::int32_t builtin_code;
  const char* custom_name;
};
static_assert(offsetof(Registration, invoke) == 24 && offsetof(Registration, builtin_code) == 40 &&
              offsetof(Registration, custom_name) == 48);
/// Registration::builtin_code of what a delegate made of several nodes.
constexpr std::int32_t kDelegateCode = 51;
struct Context {
  std::size_t tensors_size;
  int (*GetExecutionPlan)(Context*, IntArray**);
  TfLiteTensor* tensors;
  void* impl;
  void* resize_tensor;
  void* report_error;
  void* add_tensors;
  int (*GetNodeAndRegistration)(Context*, int node, Node**, Registration**);
};
static_assert(offsetof(Context, GetExecutionPlan) == 8 && offsetof(Context, tensors) == 16 &&
              offsetof(Context, GetNodeAndRegistration) == 56);
struct Delegate {
  void* data;
  int (*Prepare)(Context*, Delegate*);
  void* handles[3];
  std::int64_t flags;
  void* more[32];  ///< of what grows behind
};
/// Delegate::flags: values of unknown extents may be there.
constexpr std::int64_t kAllowDynamicTensors = 1;
static_assert(offsetof(Delegate, Prepare) == 8 && offsetof(Delegate, flags) == 40);

// --- functions -------------------------------------------------------------------------------

using Free = void (*)(void*);
using GetHardware = Code (*)(const AcceleratorT*, int*);
using IsCompiling = Code (*)(const AcceleratorT*, bool*);
using CreateDelegate = Code (*)(RuntimeContextT*, Environment, const AcceleratorT*, Options,
                                DelegateWrapper*);
using GetName = Code (*)(const AcceleratorT*, const char**);

// What is always needed: name behind "LiteRt", result, parameters.
#define TESSERA_LITERT_FUNCTIONS(X)                                               \
  X(CreateEnvironment, Code, (int, const EnvironmentOption*, Environment*))       \
  X(DestroyEnvironment, void, (Environment))                                      \
  X(CreateModelFromFile, Code, (Environment, const char*, Model*))                \
  X(CreateModelFromBuffer, Code, (Environment, const void*, std::size_t, Model*)) \
  X(DestroyModel, void, (Model))                                                  \
  X(GetNumModelSubgraphs, Code, (Model, std::size_t*))                            \
  X(GetModelSubgraph, Code, (Model, std::size_t, Subgraph*))                      \
  X(GetNumModelSignatures, Code, (Model, std::size_t*))                           \
  X(GetModelSignature, Code, (Model, std::size_t, Signature*))                    \
  X(GetSignatureKey, Code, (Signature, const char**))                             \
  X(GetSignatureSubgraph, Code, (Signature, Subgraph*))                           \
  X(GetNumSignatureInputs, Code, (Signature, std::size_t*))                       \
  X(GetSignatureInputName, Code, (Signature, std::size_t, const char**))          \
  X(GetSignatureInputTensorByIndex, Code, (Signature, std::size_t, Value*))       \
  X(GetNumSignatureOutputs, Code, (Signature, std::size_t*))                      \
  X(GetSignatureOutputName, Code, (Signature, std::size_t, const char**))         \
  X(GetSignatureOutputTensorByIndex, Code, (Signature, std::size_t, Value*))      \
  X(GetTensorIndex, Code, (Value, std::uint32_t*))                                \
  X(GetTensorTypeId, Code, (Value, int*))                                         \
  X(GetRankedTensorType, Code, (Value, TensorType*))                              \
  X(CreateOptions, Code, (Options*))                                              \
  X(DestroyOptions, void, (Options))                                              \
  X(SetOptionsHardwareAccelerators, Code, (Options, int))                         \
  X(CreateOpaqueOptions, Code, (const char*, void*, Free, OpaqueOptions*))        \
  X(AddOpaqueOptions, Code, (Options, OpaqueOptions))                             \
  X(CreateCompiledModel, Code, (Environment, Model, Options, CompiledModel*))     \
  X(DestroyCompiledModel, void, (CompiledModel))                                  \
  X(CompiledModelResizeInputTensor, Code,                                         \
    (CompiledModel, std::size_t, std::size_t, const int*, std::size_t))           \
  X(GetCompiledModelInputBufferRequirements, Code,                                \
    (CompiledModel, std::size_t, std::size_t, Requirements*))                     \
  X(GetCompiledModelOutputBufferRequirements, Code,                               \
    (CompiledModel, std::size_t, std::size_t, Requirements*))                     \
  X(GetCompiledModelOutputTensorLayouts, Code,                                    \
    (CompiledModel, std::size_t, std::size_t, Layout*, bool))                     \
  X(CreateManagedTensorBufferFromRequirements, Code,                              \
    (Environment, const TensorType*, Requirements, TensorBuffer*))                \
  X(LockTensorBuffer, Code, (TensorBuffer, void**, int))                          \
  X(UnlockTensorBuffer, Code, (TensorBuffer))                                     \
  X(DestroyTensorBuffer, void, (TensorBuffer))                                    \
  X(RunCompiledModel, Code,                                                       \
    (CompiledModel, std::size_t, std::size_t, TensorBuffer*, std::size_t, TensorBuffer*))

// What the observer needs besides; a library without them serves everything else.
#define TESSERA_LITERT_OBSERVER_FUNCTIONS(X)                                                \
  X(CreateAccelerator, Code, (Accelerator*))                                                \
  X(DestroyAccelerator, Code, (Accelerator))                                                \
  X(SetAcceleratorGetName, Code, (Accelerator, GetName))                                    \
  X(SetAcceleratorGetHardwareSupport, Code, (Accelerator, GetHardware))                     \
  X(SetDelegateFunction, Code, (Accelerator, CreateDelegate))                               \
  X(SetIsAcceleratorDelegateResponsibleForJitCompilation, Code, (Accelerator, IsCompiling)) \
  X(RegisterAccelerator, Code, (Environment, Accelerator, void*, Free))                     \
  X(WrapDelegate, Code, (Delegate*, void (*)(Delegate*), DelegateWrapper*))

/// The functions of a loaded library.
struct Functions {
#define TESSERA_LITERT_MEMBER(name, result, parameters) result(*name) parameters = nullptr;
  TESSERA_LITERT_FUNCTIONS(TESSERA_LITERT_MEMBER)
  TESSERA_LITERT_OBSERVER_FUNCTIONS(TESSERA_LITERT_MEMBER)
#undef TESSERA_LITERT_MEMBER
  bool has_observer = false;
};
// NOLINTEND(readability-identifier-naming)

}  // namespace tessera::runtime::litert
