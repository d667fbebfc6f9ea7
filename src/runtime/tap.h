// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "runtime/ort.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime {

/// The operator `tessera::Tap(x) -> x`, registered for one session. Must outlive the session.
class TapDomain {
 public:
  /// Makes the domain and adds it to the options of the session to come.
  [[nodiscard]] static Result<std::unique_ptr<TapDomain>> add_to(const OrtApi& api,
                                                                 OrtSessionOptions* options,
                                                                 TensorTap& tap);

 private:
  struct Operator : OrtCustomOp {
    const OrtApi* api = nullptr;
    TensorTap* tap = nullptr;
  };
  struct Kernel;
  friend struct TapCallbacks;

  TapDomain() = default;
  Operator operator_{};
  Owned<OrtCustomOpDomain> domain_;
};

}  // namespace tessera::runtime
