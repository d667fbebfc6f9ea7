// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnxruntime_c_api.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/target.h"

/// What an operator needs of ONNX Runtime, in terms of values and Outcomes. The arithmetic knows
/// nothing of it.
namespace tessera::kernels {

/// The lowest version that has shape inference and loops on the session's threads for operators of
/// others (1.17). Names of nodes and constant inputs came with 1.15.
inline constexpr std::uint32_t kLowestApi = 17;

using Shape = std::vector<std::int64_t>;

/// "2x3x4", "scalar".
[[nodiscard]] std::string text_of(const Shape& shape);

/// Product of the extents; 1 for a scalar.
[[nodiscard]] std::size_t count_of(std::span<const std::int64_t> shape);

/// Index of an axis, of which negative ones count from the back. Problem: there is no such axis.
[[nodiscard]] Outcome<std::size_t> axis_of(std::int64_t axis, std::size_t rank);

struct TensorIn {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  Shape shape;
  const void* data = nullptr;

  [[nodiscard]] std::size_t count() const { return count_of(shape); }
  template <class T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data);
  }
};

/// A node while its kernel is created.
class Node {
 public:
  Node(const OrtApi& api, const OrtKernelInfo* info) : api_(api), info_(info) {}

  /// "node 'name'" or "an unnamed node".
  [[nodiscard]] std::string phrase() const;
  [[nodiscard]] Outcome<std::size_t> input_count() const;
  /// False for an optional input that is left out.
  [[nodiscard]] Outcome<bool> has_input(std::size_t index) const;
  /// Nothing if the input is no constant of the model. What it points to lives as long as the
  /// kernel.
  [[nodiscard]] Outcome<std::optional<TensorIn>> constant(std::size_t index) const;
  /// Extents of an input as the model declares or infers them, -1 where unknown; nothing if not
  /// even the rank is known (a scalar looks the same).
  [[nodiscard]] Outcome<std::optional<Shape>> declared_shape(std::size_t index) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const char* name) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(const char* name) const;
  [[nodiscard]] std::optional<std::string> string(const char* name) const;

 private:
  const OrtApi& api_;
  const OrtKernelInfo* info_;
};

/// A run of a kernel.
class Run {
 public:
  Run(const OrtApi& api, OrtKernelContext* context) : api_(api), context_(context) {}

  [[nodiscard]] Outcome<std::size_t> input_count() const;
  [[nodiscard]] Outcome<TensorIn> input(std::size_t index) const;
  /// Memory of output 0.
  [[nodiscard]] Outcome<void*> output(const Shape& shape) const;

  /// body(i) for every i below `count`, on the session's threads where there are several of both.
  template <class Body>
  [[nodiscard]] Outcome<void> each(std::size_t count, const Body& body) const {
    if (count <= 1) {
      if (count == 1) {
        body(std::size_t{0});
      }
      return {};
    }
    return each_of(
        count, [](void* data, std::size_t i) { (*static_cast<const Body*>(data))(i); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  Outcome<void> each_of(std::size_t count, void (*body)(void*, std::size_t), void* data) const;

  const OrtApi& api_;
  OrtKernelContext* context_;
};

/// A node while the model's shapes are inferred.
class Inference {
 public:
  struct Extent {
    std::int64_t value = -1;
    std::string symbol;
    friend bool operator==(const Extent&, const Extent&) = default;
    /// Whether anything is known of it.
    [[nodiscard]] bool is_known() const { return value >= 0 || !symbol.empty(); }
  };
  using Extents = std::vector<Extent>;

  Inference(const OrtApi& api, OrtShapeInferContext* context) : api_(api), context_(context) {}

  [[nodiscard]] std::size_t input_count() const;
  /// Nothing if the rank is unknown, for which a scalar is taken, too: the runtime shows them
  /// alike.
  [[nodiscard]] std::optional<Extents> input(std::size_t index) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const char* name) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(const char* name) const;
  [[nodiscard]] std::optional<std::string> string(const char* name) const;
  [[nodiscard]] ONNXTensorElementDataType type(std::size_t index) const;
  /// Says nothing where an extent is unknown: the runtime would write it down as the number -1.
  [[nodiscard]] OrtStatus* set_output(const Extents& extents, ONNXTensorElementDataType type) const;

 private:
  [[nodiscard]] const OrtOpAttr* attribute(const char* name) const;

  const OrtApi& api_;
  OrtShapeInferContext* context_;
};

class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;
  [[nodiscard]] virtual Outcome<void> run(const Run& run) const = 0;
};

struct InputKind {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  OrtCustomOpInputOutputCharacteristic presence = INPUT_OUTPUT_REQUIRED;
};

/// One operator for one set of element types.
struct Description {
  const char* name = nullptr;
  std::vector<InputKind> inputs;
  ONNXTensorElementDataType output = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  /// The input whose type the output has. The runtime asks the first description of a name for the
  /// shapes of all.
  std::size_t type_from = 0;
  /// Whether the output may take over the memory of input 0 where their extents are equal.
  bool in_place = false;
  Outcome<std::unique_ptr<Kernel>> (*create)(const Node& node, Target target) = nullptr;
  /// The output's extents, or nothing where they are not known.
  std::optional<Inference::Extents> (*infer)(const Inference& inference) = nullptr;
};

/// The operator of a description as the runtime takes it. `api` is of version `api_version`.
struct Operator : OrtCustomOp {
  Operator(const OrtApi& runtime, std::uint32_t api_version, Target chosen, Description what);
  const OrtApi* api;
  Target target;
  Description description;
};

}  // namespace tessera::kernels
