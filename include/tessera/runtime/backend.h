// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"

/// What an inference library implements to be used behind runtime::Session. Sessions are opened by
/// a function of each library (runtime/onnx.h), which the drivers of room `network` call.
namespace tessera::runtime {

/// What one run gave, for as long as this object lives.
class OutputTensors {
 public:
  OutputTensors() = default;
  OutputTensors(const OutputTensors&) = delete;
  OutputTensors& operator=(const OutputTensors&) = delete;
  virtual ~OutputTensors() = default;
  /// In the order of the outputs; an undefined view of what is no tensor.
  [[nodiscard]] virtual std::span<const TensorView> views() const noexcept = 0;
};

/// A loaded model of one inference library. Contracts are those of the members of Session with the
/// same names. It keeps the library alive.
class SessionBackend {
 public:
  SessionBackend() = default;
  SessionBackend(const SessionBackend&) = delete;
  SessionBackend& operator=(const SessionBackend&) = delete;
  virtual ~SessionBackend() = default;

  [[nodiscard]] virtual const std::vector<ValueInfo>& inputs() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<ValueInfo>& outputs() const noexcept = 0;
  /// `tensors`: one per input, in their order, with the type and extents that inputs() says.
  [[nodiscard]] virtual Result<Outputs> run(std::span<const TensorView> tensors) = 0;
  [[nodiscard]] virtual Result<std::vector<KernelTime>> end_profile() = 0;
};

/// What end_profile() says of a session that was not opened for it, or that has ended already.
[[nodiscard]] Error not_profiled();

}  // namespace tessera::runtime
