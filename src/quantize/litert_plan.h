// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "quantize/litert_constants.h"
#include "quantize/litert_rules.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/core/result.h"
#include "tessera/litert/content.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/scheme.h"

/// Which operators of a .tflite network are computed in what, and in which form each value is made
/// and read. Nothing is rewritten here.
namespace tessera::quantize {

/// What stands for real numbers: floats, or integers with one scale.
struct LitertForm {
  litert::ElementType type = litert::ElementType::kFloat32;
  float scale = 0;  ///< 0: floats
  std::int32_t zero_point = 0;

  [[nodiscard]] bool is_float() const noexcept { return scale == 0; }
  auto operator<=>(const LitertForm&) const = default;
};

/// An operator's scheme, and where to note what became of it.
struct LitertWork {
  const Scheme* scheme = nullptr;
  OpOutcome* outcome = nullptr;
};

enum class LitertAction : std::uint8_t {
  kKeep,
  kStatic,   ///< integers in and out
  kDynamic,  ///< integer weights, inputs rounded at run time
  kStore,    ///< weights stored in fewer bits, brought back when the model is loaded
};

struct LitertOpPlan {
  LitertAction action = LitertAction::kKeep;
  const Scheme* scheme = nullptr;
  LitertRule rule;                ///< kStatic
  std::vector<LitertForm> reads;  ///< kStatic: by input, of activations and constants read as such
  std::vector<LitertForm> makes;  ///< kStatic: by output
  LitertWeights weights;          ///< kDynamic, kStore
};

struct LitertPlan {
  std::vector<LitertOpPlan> ops;  ///< by place among the network's operators
  std::vector<LitertForm>
      native;  ///< by tensor: as its maker gives it; floats of what nobody changes
};

/// `work` has an entry for each operator of the network, in their order.
/// Errors: kInvalidArgument naming a tensor whose range is needed and missing.
/// Cost: linear in the operators, and one look at the constants that are read as activations.
[[nodiscard]] Result<LitertPlan> plan_litert(const litert::Content& content,
                                             const LitertConstants& constants,
                                             const std::vector<LitertWork>& work,
                                             const calibrate::Ranges* ranges,
                                             const QuantizeOptions& options);

}  // namespace tessera::quantize
