// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/library.h"

namespace tessera::quantize {

/// How one file format says which operator is computed in what. Stateless; one object per format.
/// The members are what the functions of the same names in quantize.h do for networks of it.
/// docs/formats.md tells how a format is added.
class Dialect {
 public:
  Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;
  virtual ~Dialect() = default;

  /// Types of operators that a scheme can quantize, sorted.
  [[nodiscard]] virtual std::vector<std::string> types(const Scheme& scheme) const = 0;
  [[nodiscard]] virtual Result<QuantizeReport> quantize(network::Network& model,
                                                        const Assignment& assignment,
                                                        const calibrate::Ranges* ranges,
                                                        const QuantizeOptions& options,
                                                        Monitor& monitor) const = 0;
  [[nodiscard]] virtual Status bring_into_form(network::Network& model, std::int64_t opset,
                                               bool normalize) const = 0;
  [[nodiscard]] virtual Status check_loads(
      const network::Network& model, std::shared_ptr<const runtime::Library> library) const = 0;
};

/// That of a network's format. Errors: kUnimplemented for a format that is read and not written.
[[nodiscard]] Result<const Dialect*> dialect_of(const network::Network& model);

/// One scheme on all that the selection has, in the operators of the network's format.
[[nodiscard]] Recipe uniform_recipe(const network::Network& model, const Scheme& scheme,
                                    const Selection& selection = {});

/// Has networks of a format that is no part of the toolkit (FileFormat::kOther) written by this
/// dialect; null: by none. Not owned. Not to be called while networks are quantized.
void set_other_dialect(const Dialect* dialect) noexcept;

}  // namespace tessera::quantize
