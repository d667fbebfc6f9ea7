// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keras/model.h"
#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"

namespace tessera::keras {

/// A layer's configuration, read with checks: a member of another kind, or out of bounds, is
/// kDataLoss naming the layer and the member.
class LayerConfig {
 public:
  /// Extents, strides and counts beyond this are no numbers of a network.
  static constexpr std::int64_t kMostExtent = std::int64_t{1} << 31;

  /// `layer` has to outlive this.
  explicit LayerConfig(const Layer& layer) : layer_(layer) {}

  /// null and what is missing are absent.
  [[nodiscard]] bool has(const char* key) const;
  /// The member; null where it is missing.
  [[nodiscard]] const Json& at(const char* key) const;
  [[nodiscard]] Result<std::int64_t> integer(const char* key) const;
  [[nodiscard]] Result<std::int64_t> positive(const char* key) const;
  [[nodiscard]] Result<std::int64_t> positive_or(const char* key, std::int64_t otherwise) const;
  [[nodiscard]] Result<bool> flag(const char* key, bool otherwise) const;
  [[nodiscard]] Result<float> number(const char* key, float otherwise) const;
  /// A list of numbers, or one number.
  [[nodiscard]] Result<std::vector<float>> numbers(const char* key) const;
  [[nodiscard]] Result<std::string> text(const char* key, std::string_view otherwise) const;
  /// `count` numbers from 1 up; one number stands for all of them.
  [[nodiscard]] Result<std::vector<std::int64_t>> extents(const char* key, std::size_t count,
                                                          std::int64_t otherwise) const;
  /// `count` pairs of numbers from 0 up, as paddings are: 2, [2, 3], [[1, 2], [3, 4]].
  [[nodiscard]] Result<std::vector<std::int64_t>> pairs(const char* key, std::size_t count) const;
  /// Whole numbers of any sign; one number is a list of one.
  [[nodiscard]] Result<std::vector<std::int64_t>> integers(const char* key) const;
  /// kUnimplemented unless channels come last.
  [[nodiscard]] Status expect_channels_last() const;
  [[nodiscard]] Failure wrong(const char* key, std::string_view expected) const;

 private:
  const Layer& layer_;
};

/// Whether QKeras made the class: "QDense", not "QuantizeWrapperV2".
[[nodiscard]] bool is_qkeras(std::string_view class_name);

/// Members of a configuration that may name a quantizer of results.
inline constexpr std::array kActivationKeys = {"activation", "depthwise_activation"};

/// The quantizer that `activation` of a layer names; none in layers that are not of QKeras, and for
/// functions of Keras. `where` begins errors. Errors: those of parse_quantizer().
[[nodiscard]] Result<std::optional<Quantizer>> activation_quantizer(const Layer& layer,
                                                                    const Json& activation,
                                                                    std::string_view where);

}  // namespace tessera::keras
