// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tessera::litert {

/// Unions of the format whose tables are carried over field by field, whatever they mean.
enum class TableUnion : std::uint8_t {
  kOptions,   ///< builtin_options of an operator
  kOptions2,  ///< builtin_options_2
  kDetails,   ///< of a quantization
  kIndices,   ///< of a sparse tensor
};

enum class FieldForm : std::uint8_t { kScalar, kVector, kString };

/// One field, as the file has it (little-endian).
struct OptionField {
  FieldForm form = FieldForm::kScalar;
  std::uint8_t width = 0;  ///< bytes of the scalar, or of an element
  std::string bytes;       ///< a text's terminator left out
  bool operator==(const OptionField&) const = default;
};

/// A value of such a union: the type of its table, and those fields that the file has. A field that
/// it leaves out stands for the default of the format, which the reader has to know.
class Options {
 public:
  Options() = default;
  /// Without fields. The types are those of the format, by its numbers.
  Options(TableUnion which, std::uint8_t type) : which_(which), type_(type), present_(type != 0) {}

  [[nodiscard]] TableUnion which() const noexcept { return which_; }
  /// 0: none.
  [[nodiscard]] std::uint8_t type() const noexcept { return type_; }
  /// Some files have a type and no table.
  [[nodiscard]] bool present() const noexcept { return present_; }
  [[nodiscard]] const std::map<std::uint16_t, OptionField>& fields() const noexcept {
    return fields_;
  }

  /// Scalars by the field's place in its table, with their sign; the fallback where the file leaves
  /// it out or has something else there.
  [[nodiscard]] std::int64_t int_or(std::uint16_t place, std::int64_t fallback) const;
  [[nodiscard]] float float_or(std::uint16_t place, float fallback) const;
  /// Whole numbers of a vector; empty where there is none.
  [[nodiscard]] std::vector<std::int64_t> ints(std::uint16_t place) const;
  [[nodiscard]] std::string text(std::uint16_t place) const;

  /// The form and width are those of the format. False, with nothing done, where the table has no
  /// such field.
  bool set_int(std::uint16_t place, std::int64_t value);
  bool set_float(std::uint16_t place, float value);
  bool set_ints(std::uint16_t place, std::span<const std::int64_t> values);
  bool set_text(std::uint16_t place, std::string value);

  /// For the reader of files.
  void set_present(bool present) noexcept { present_ = present; }
  void set_field(std::uint16_t place, OptionField field) {
    fields_.insert_or_assign(place, std::move(field));
  }

  bool operator==(const Options&) const = default;

 private:
  TableUnion which_ = TableUnion::kOptions;
  std::uint8_t type_ = 0;
  bool present_ = false;
  std::map<std::uint16_t, OptionField> fields_;
};

}  // namespace tessera::litert
