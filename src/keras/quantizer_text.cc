// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

namespace tessera::keras {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr int kDeepest = 8;

bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Result<CallText> call() {
    CallText call;
    skip_space();
    call.name = word();
    if (call.name.empty()) {
      return wrong("a name");
    }
    // "package>name" and "module.name" are the same quantizer.
    while (take('.') || take('>')) {
      call.name = word();
      if (call.name.empty()) {
        return wrong("a name");
      }
    }
    if (take('(')) {
      TESSERA_CHECK(arguments(call));
    }
    if (!at_end()) {
      return wrong("the end");
    }
    return call;
  }

 private:
  Status arguments(CallText& call) {
    while (!take(')')) {
      TESSERA_CHECK(argument(call));
      if (!take(',') && peek() != ')') {
        return wrong("',' or ')'");
      }
    }
    return {};
  }

  Status argument(CallText& call) {
    const auto begin = at_;
    const auto name = begins_word(peek()) ? word() : std::string();
    if (!name.empty() && take('=')) {
      if (call.names.contains(name)) {
        return fail(ErrorCode::kDataLoss, "{}: '{}' names {} twice", where_, text_, name);
      }
      TESSERA_TRY(call.names[name], value(0));
      return {};
    }
    at_ = begin;
    if (!call.names.empty()) {
      return wrong("an argument by name, since one stands before");
    }
    TESSERA_TRY(auto given, value(0));
    call.places.push_back(std::move(given));
    return {};
  }

  Result<Json> value(int depth) {
    const auto c = peek();
    if (depth > kDeepest) {
      return wrong("fewer brackets");
    }
    if (c == '\'' || c == '"') {
      return quoted();
    }
    if (take('(')) {
      return sequence(')', depth);
    }
    if (take('[')) {
      return sequence(']', depth);
    }
    if (begins_word(c)) {
      return literal();
    }
    return number();
  }

  /// A value in parentheses is that value; a list or a tuple is an array.
  Result<Json> sequence(char end, int depth) {
    Json list = Json::array();
    bool comma = end == ']';
    while (!take(end)) {
      TESSERA_TRY(auto item, value(depth + 1));
      list.push_back(std::move(item));
      if (take(',')) {
        comma = true;
      } else if (peek() != end) {
        return wrong("',' or a closing bracket");
      }
    }
    return comma || list.size() != 1 ? list : Json(list[0]);
  }

  Result<Json> quoted() {
    const auto quote = text_[at_++];
    const auto end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      return wrong("a closing quote");
    }
    Json found = std::string(text_.substr(at_, end - at_));
    at_ = end + 1;
    skip_space();
    return found;
  }

  Result<Json> literal() {
    const auto begin = at_;
    const auto name = word();
    if (name == "True" || name == "False") {
      return Json(name == "True");
    }
    if (name == "None") {
      return Json(nullptr);
    }
    at_ = begin;
    return wrong("a number, a text, True, False or None");
  }

  Result<Json> number() {
    const auto begin = at_;
    auto end = at_;
    if (end < text_.size() && text_[end] == '+') {
      ++end;  // from_chars() knows no plus
      ++at_;
    }
    while (end < text_.size() && (is_digit(text_[end]) || begins_word(text_[end]) ||
                                  text_[end] == '.' || text_[end] == '-' || text_[end] == '+')) {
      ++end;
    }
    const auto* const first = text_.data() + at_;
    const auto* const last = text_.data() + end;
    std::int64_t whole = 0;
    double real = 0;
    const auto integer = std::from_chars(first, last, whole);
    const auto floating = std::from_chars(first, last, real);
    at_ = begin;
    if (floating.ec != std::errc() || floating.ptr != last || !std::isfinite(real)) {
      return wrong("a value");
    }
    at_ = end;
    skip_space();
    return integer.ec == std::errc() && integer.ptr == last ? Json(whole) : Json(real);
  }

  std::string word() {
    const auto begin = at_;
    while (at_ < text_.size() &&
           (begins_word(text_[at_]) || (at_ > begin && is_digit(text_[at_])))) {
      ++at_;
    }
    std::string found(text_.substr(begin, at_ - begin));
    skip_space();
    return found;
  }

  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  bool take(char c) {
    if (peek() != c || at_end()) {
      return false;
    }
    ++at_;
    skip_space();
    return true;
  }
  void skip_space() {
    while (!at_end() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  [[nodiscard]] Failure wrong(std::string_view expected) const {
    return fail(ErrorCode::kDataLoss, "{}: '{}' is no quantizer, at character {}; expected {}",
                where_, text_, at_, expected)
        .hint("a quantizer is written as quantized_bits(4,0,1,alpha='auto_po2')");
  }

  std::string_view text_;
  std::string_view where_;
  std::size_t at_ = 0;
};

}  // namespace

Result<CallText> parse_call(std::string_view text, std::string_view where) {
  if (text.size() > kLongestText) {
    return fail(ErrorCode::kDataLoss, "{}: a quantizer of {} characters; expected at most {}",
                where, text.size(), kLongestText);
  }
  return Reader(text, where).call();
}

}  // namespace tessera::keras
