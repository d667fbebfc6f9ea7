// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/litert_errors.h"

#include <array>
#include <optional>
#include <string>

#include "runtime/message.h"
#include "tessera/core/result.h"
#include "tessera/core/text.h"

namespace tessera::runtime::litert {
namespace {

constexpr std::string_view kCutBefore =
    "cut the model before the operator whose result has no fixed shape";
constexpr std::string_view kNewer = "use a newer LiteRT by --runtime PATH or TESSERA_LITERT";

/// "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '9'. An older version of this ..."
std::optional<Error> unknown_version(std::string_view printed) {
  static const MessagePattern pattern(
      R"(Didn't find op for builtin opcode '([^']*)' version '(\d+)'\.? ?(An older version)?)");
  std::string type;
  std::string version;
  std::string older;
  if (!pattern.finds(printed, &type, &version, &older)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented,
              "the runtime does not know version {} of operator type {}{}", version, type,
              older.empty() ? "" : "; it may know an older one")
      .hint("{}", kNewer)
      .error();
}

/// "Op builtin_code out of range: 300. Are you using old TFLite binary with newer model?"
std::optional<Error> unknown_code(std::string_view printed) {
  static const MessagePattern pattern(R"(builtin_code out of range: (-?\d+))");
  std::string code;
  if (!pattern.finds(printed, &code)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "the runtime does not know operator code {}", code)
      .hint("{}", kNewer)
      .error();
}

/// "Encountered unresolved custom op: X.", "Select TensorFlow op(s), included in the given model"
std::optional<Error> custom_operator(std::string_view printed) {
  static const MessagePattern custom(
      R"(unresolved custom op: ([^\n]*?)\.?\s*(See instructions|\n|$))");
  static const MessagePattern select(R"(Select TensorFlow op\(s\), included in the given model)");
  static const MessagePattern flex(R"(\((Flex\w+)\))");
  std::string type;
  const bool is_custom = custom.finds(printed, &type) || flex.finds(printed, &type);
  if (select.finds(printed) || (is_custom && type.starts_with("Flex"))) {
    return fail(ErrorCode::kUnimplemented,
                "the model has operators of TensorFlow{}{}, which LiteRT does not have",
                type.empty() ? "" : ", such as ", type)
        .hint("convert it with built-in operators only (supported_ops = [TFLITE_BUILTINS])")
        .error();
  }
  if (!is_custom) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "the runtime does not have custom operator '{}'", type)
      .hint("it needs a delegate that computes it; LiteRT has none for it")
      .error();
}

/// "Unsupported data type 17 in tensor"
std::optional<Error> unknown_type(std::string_view printed) {
  static const MessagePattern pattern(R"(Unsupported data type (\d+) in tensor)");
  std::string type;
  if (!pattern.finds(printed, &type)) {
    return std::nullopt;
  }
  static constexpr std::string_view kInt4 = "17";
  return fail(ErrorCode::kUnimplemented, "the runtime does not know values of type {}",
              type == kInt4 ? "int4" : type)
      .hint("{}", kNewer)
      .error();
}

std::string clean(std::string_view printed) {
  static const std::array noise = {
      MessagePattern(R"(\b(ERROR|WARNING|INFO|VERBOSE):( |$))"),
      MessagePattern(R"(\b[EWI]\d{4} [\d:.]+ +\d+ \S+\] )"),
      // "third_party/tflite/kernels/conv.cc:12 " before the message
      MessagePattern(R"(\S*/\S*\.(cc|h|cpp):\d+:? )"),
      MessagePattern(R"(\[\w+\.(cc|h):\d+\] )"),
      MessagePattern(R"(Created TensorFlow Lite XNNPACK delegate for CPU\.?)"),
      MessagePattern(R"(Initialized TensorFlow Lite runtime\.?)"),
  };
  return without_noise(printed, noise);
}

/// "tflite/kernels/x.cc:12 a != b (1 != 2) ERROR: Node number 3 (CONV_2D) failed to prepare."
std::optional<Error> refused_operator(std::string_view printed) {
  static const MessagePattern pattern(R"(Node number (\d+) \(([^)]*)\) failed to prepare)");
  std::string index;
  std::string type;
  if (!pattern.finds(printed, &index, &type)) {
    return std::nullopt;
  }
  const auto at = printed.find("Node number");
  const auto reason = clean(printed.substr(0, at));
  static const MessagePattern small(R"((?i)\bu?int[24]\b)");
  return fail(ErrorCode::kUnimplemented, "the runtime cannot run operator {} ({}){}{}", index, type,
              reason.empty() ? "" : ": ", reason)
      .hint("{}",
            small.finds(reason)
                ? "this LiteRT does not take 4-bit or 2-bit values there; tessera doctor says "
                  "where it does"
                : "its types, shapes or options are none that the library takes together; "
                  "choose others, or a newer LiteRT by --runtime PATH")
      .error();
}

/// Memory for results is ours, and such a result takes its own.
std::optional<Error> unknown_extents(std::string_view printed) {
  static const MessagePattern pattern(
      R"(set custom allocation for output|allocation_type != kTfLiteCustom|allocation is too small)");
  if (!pattern.finds(printed)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented,
              "the extents of an output depend on the values that are fed, which is not supported")
      .hint("{}", kCutBefore)
      .error();
}

/// "Stub operation invoked. ... Node number 3 (X) failed to invoke": it stands in for XNNPACK's.
std::optional<Error> stub_operator(std::string_view printed) {
  static const MessagePattern pattern(
      R"((?s)Stub operation invoked.*Node number \d+ \(([^)]*)\) failed to invoke)");
  std::string type;
  if (!pattern.finds(printed, &type)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented,
              "the built-in kernels of the runtime do not have custom operator '{}'", type)
      .hint("XNNPACK has it: leave level 'disabled' out")
      .error();
}

std::string told(Code code, std::string_view printed) {
  auto text = clean(printed);
  return text.empty() ? fmt::format("status {}", code) : text;
}

constexpr Code kNoMemory = 2;
constexpr Code kFileError = 500;
constexpr Code kBadFlatbuffer = 501;

}  // namespace

Error open_error(Code code, std::string_view printed) {
  for (const auto& known :
       {unknown_version(printed), unknown_code(printed), custom_operator(printed),
        unknown_type(printed), refused_operator(printed)}) {
    if (known) {
      return *known;
    }
  }
  const auto kind = code == kBadFlatbuffer || code == kFileError ? ErrorCode::kDataLoss
                    : code == kNoMemory                          ? ErrorCode::kResourceExhausted
                                                                 : ErrorCode::kUnavailable;
  return fail(kind, "the runtime cannot open the model: {}", told(code, printed)).error();
}

Error kept_output_error(std::string_view output) {
  return fail(ErrorCode::kUnimplemented,
              "the runtime does not hand out '{}', whose extents it learns when the model runs",
              output)
      .hint("{}", kCutBefore)
      .error();
}

Error call_error(Code code, std::string_view printed, std::string_view doing) {
  for (const auto& known : {unknown_extents(printed), stub_operator(printed)}) {
    if (known) {
      return *known;
    }
  }
  return fail(code == kNoMemory ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
              "the runtime failed to {}: {}", doing, told(code, printed))
      .error();
}

}  // namespace tessera::runtime::litert
