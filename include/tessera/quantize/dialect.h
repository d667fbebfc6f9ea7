// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/host.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"
#include "tessera/quantize/simulation.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::quantize {

/// What a bench of a format goes through, by the words that its options have.
struct Trials {
  std::vector<std::string> formats;        ///< "float32", "dynamic", "qdq", ...
  std::vector<std::string> types;          ///< pairs: "u8s8"
  std::vector<std::string> dynamic_types;  ///< those that dynamic kernels have
  std::vector<std::string> granularities;  ///< "tensor", "channel"
  std::vector<runtime::OptLevel> levels;
  /// Those for modes that keep values in float, which differ less.
  std::vector<runtime::OptLevel> float_levels;
  Scheme base;  ///< of every row, but for what the words say
};

/// What the main job tries on networks of a format.
struct Candidates {
  std::vector<Scheme> schemes;
  std::vector<std::pair<std::string, std::string>> excluded;  ///< what, and why not
};

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
  /// What options and recipes start from in a mode: what kernels for the format are fastest and
  /// safe with on this machine.
  [[nodiscard]] virtual Scheme usual_scheme(Mode mode, const Host& host) const = 0;
  /// Refuses what the format has no operators or kernels for, with what to use instead.
  [[nodiscard]] virtual Status validate(const Scheme& scheme) const = 0;
  /// What is worth timing on networks of the format.
  [[nodiscard]] virtual Trials trials() const = 0;
  /// None: what the rules of room `optimize` say.
  [[nodiscard]] virtual std::optional<Candidates> candidates() const { return std::nullopt; }
  [[nodiscard]] virtual Result<QuantizeReport> quantize(network::Network& model,
                                                        const Assignment& assignment,
                                                        const calibrate::Ranges* ranges,
                                                        const QuantizeOptions& options,
                                                        Monitor& monitor) const = 0;
  [[nodiscard]] virtual Status bring_into_form(network::Network& model, std::int64_t opset,
                                               bool normalize) const = 0;
  [[nodiscard]] virtual Status check_loads(
      const network::Network& model, std::shared_ptr<const runtime::Library> library) const = 0;

  // --- what winning accuracy back needs; kUnimplemented for formats that do not tell ---------

  /// The network with the result of every product as a value of its own, before an activation
  /// function that its operator applies besides. It computes the same; values that were there keep
  /// their names, operators their sources.
  [[nodiscard]] virtual Result<network::Network> lay_open(const network::Network& model) const;
  /// What quantize() would round in static mode. The network is one that quantize() need not bring
  /// into another form first. Errors and cost: those of quantize() on a copy.
  [[nodiscard]] virtual Result<Simulation> simulate(const network::Network& model,
                                                    const Assignment& assignment,
                                                    const calibrate::Ranges& ranges,
                                                    const QuantizeOptions& options,
                                                    Monitor& monitor) const;
  /// Adds to a product's bias, one number per channel. A product without a bias gets one.
  [[nodiscard]] virtual Status add_to_bias(network::Network& model, const Product& product,
                                           std::span<const double> by) const;
};

/// That of a network's format. Errors: kUnimplemented for a format that is read and not written.
[[nodiscard]] Result<const Dialect*> dialect_of(const network::Network& model);
/// The same by format; null for one that has none.
[[nodiscard]] const Dialect* dialect_of(network::FileFormat format) noexcept;

/// For recipes.
[[nodiscard]] TypesOf types_of(const Dialect& dialect);

/// One scheme on all that the selection has, in the operators of the network's format.
[[nodiscard]] Recipe uniform_recipe(const network::Network& model, const Scheme& scheme,
                                    const Selection& selection = {});

/// Has networks of a format that is no part of the toolkit (FileFormat::kOther) written by this
/// dialect; null: by none. Not owned. Not to be called while networks are quantized.
void set_other_dialect(const Dialect* dialect) noexcept;

}  // namespace tessera::quantize
