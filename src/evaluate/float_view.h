// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"

namespace tessera::evaluate {

/// Float32 elements of a tensor: a look at them where they are float32, else a converted copy; the
/// real numbers where integers stand for such.
class FloatView {
 public:
  [[nodiscard]] static Result<FloatView> of(const TensorView& tensor) {
    FloatView view;
    if (tensor.dtype == DType::kFloat32) {
      view.span_ = tensor.as<float>();
      return view;
    }
    TESSERA_TRY(view.owned_, to_float32(tensor));
    view.span_ = view.owned_;
    return view;
  }
  [[nodiscard]] static Result<FloatView> of(const TensorView& tensor,
                                            const runtime::ValueInfo& value) {
    if (!value.quantization) {
      return of(tensor);
    }
    TESSERA_TRY(const auto real, runtime::as_real(tensor, value));
    FloatView view;
    TESSERA_TRY(view.owned_, to_float32(real.view()));
    view.span_ = view.owned_;
    return view;
  }
  FloatView(FloatView&&) noexcept = default;  // a moved vector keeps its elements in place
  FloatView& operator=(FloatView&&) noexcept = default;

  [[nodiscard]] std::span<const float> span() const noexcept { return span_; }

 private:
  FloatView() = default;
  std::vector<float> owned_;
  std::span<const float> span_;
};

}  // namespace tessera::evaluate
