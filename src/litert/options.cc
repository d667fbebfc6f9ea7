// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/litert/options.h"

#include <cstring>
#include <utility>

#include "litert/option_layouts.h"

namespace tessera::litert {
namespace {

/// The lowest `width` bytes as a number with its sign.
std::int64_t number_in(const char* bytes, std::uint8_t width) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes, width);
  const auto unused = 64 - 8 * width;
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

std::string bytes_of(std::int64_t value, std::uint8_t width) {
  std::string bytes(width, '\0');
  std::memcpy(bytes.data(), &value, width);
  return bytes;
}

const OptionField* find(const Options& options, std::uint16_t place, FieldForm form) {
  const auto found = options.fields().find(place);
  return found != options.fields().end() && found->second.form == form ? &found->second : nullptr;
}

bool set(Options& options, std::uint16_t place, FieldForm form, auto bytes_for) {
  const auto layout = layout_of(options.which(), options.type());
  if (!layout || place >= layout->size() || (*layout)[place].form != form) {
    return false;
  }
  const auto width = (*layout)[place].width;
  options.set_present(true);
  options.set_field(place, {form, width, bytes_for(width)});
  return true;
}

}  // namespace

std::int64_t Options::int_or(std::uint16_t place, std::int64_t fallback) const {
  const auto* field = find(*this, place, FieldForm::kScalar);
  return field == nullptr ? fallback : number_in(field->bytes.data(), field->width);
}

float Options::float_or(std::uint16_t place, float fallback) const {
  const auto* field = find(*this, place, FieldForm::kScalar);
  if (field == nullptr || field->width != sizeof(float)) {
    return fallback;
  }
  float value = 0;
  std::memcpy(&value, field->bytes.data(), sizeof value);
  return value;
}

std::vector<std::int64_t> Options::ints(std::uint16_t place) const {
  std::vector<std::int64_t> values;
  if (const auto* field = find(*this, place, FieldForm::kVector)) {
    for (std::size_t at = 0; at < field->bytes.size(); at += field->width) {
      values.push_back(number_in(field->bytes.data() + at, field->width));
    }
  }
  return values;
}

std::string Options::text(std::uint16_t place) const {
  const auto* field = find(*this, place, FieldForm::kString);
  return field == nullptr ? std::string() : field->bytes;
}

bool Options::set_int(std::uint16_t place, std::int64_t value) {
  return set(*this, place, FieldForm::kScalar,
             [&](std::uint8_t width) { return bytes_of(value, width); });
}

bool Options::set_float(std::uint16_t place, float value) {
  return set(*this, place, FieldForm::kScalar, [&](std::uint8_t width) {
    std::string bytes(width, '\0');
    std::memcpy(bytes.data(), &value, std::min(sizeof value, bytes.size()));
    return bytes;
  });
}

bool Options::set_ints(std::uint16_t place, std::span<const std::int64_t> values) {
  return set(*this, place, FieldForm::kVector, [&](std::uint8_t width) {
    std::string bytes;
    for (const auto value : values) {
      bytes += bytes_of(value, width);
    }
    return bytes;
  });
}

bool Options::set_text(std::uint16_t place, std::string value) {
  return set(*this, place, FieldForm::kString,
             [&](std::uint8_t /*width*/) { return std::move(value); });
}

}  // namespace tessera::litert
