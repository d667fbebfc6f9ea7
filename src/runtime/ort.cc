// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/ort.h"

#include <array>
#include <cctype>
#include <regex>

namespace tessera::runtime {
namespace {

using Match = std::match_results<std::string::const_iterator>;

std::string collapse_spaces(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) {
    line.pop_back();
  }
  return line;
}

std::string node_phrase(const std::string& name) {
  return name.empty() ? "an unnamed node" : fmt::format("node '{}'", name);
}

/// "Could not find an implementation for ConvInteger(10) node with name 'conv'".
std::optional<Error> missing_kernel(const std::string& message) {
  static const std::regex pattern(
      R"(Could not find an implementation for (\S+?)\((\d+)\) node with name '([^']*)')");
  Match match;
  if (!std::regex_search(message, match, pattern)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented,
              "the runtime cannot run {} of type {} (opset {}): it has no kernel for it or for the "
              "element types it is given",
              node_phrase(match[3]), match[1].str(), match[2].str())
      .hint("choose other element types, another --provider, or a newer runtime by --runtime")
      .error();
}

/// "com.foo:Bar(-1) is not a registered function/op", "No Op registered for Bar with domain..".
std::optional<Error> unknown_operator(const std::string& message) {
  static const std::array patterns = {
      std::regex(R"(([\w.]*:?\w+)\(-?\d+\) is not a registered function/op)"),
      std::regex(R"(No Op registered for (\w+) )")};
  static const std::regex node(R"re(In Node, \("([^"]*)", )re");
  for (const auto& pattern : patterns) {
    Match match;
    if (!std::regex_search(message, match, pattern)) {
      continue;
    }
    Match where;
    const auto subject = std::regex_search(message, where, node)
                             ? fmt::format("{} of type '{}'", node_phrase(where[1]), match[1].str())
                             : fmt::format("operator type '{}'", match[1].str());
    return fail(ErrorCode::kUnimplemented, "the runtime does not know {}", subject)
        .hint("use a runtime that has it, by --runtime PATH")
        .error();
  }
  return std::nullopt;
}

/// "Type 'tensor(int8)' of input parameter (x) of operator (QLinearConv) in node (n) is invalid."
std::optional<Error> wrong_type(const std::string& message) {
  static const std::regex pattern(
      R"(Type '([^']*)' of input parameter \((.*?)\) of operator \((.*?)\) in node \((.*?)\))");
  Match match;
  if (!std::regex_search(message, match, pattern)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "{} of type {} does not take input '{}' of type {}",
              node_phrase(match[4]), match[3].str(), match[2].str(), match[1].str())
      .hint("the operator's schema excludes this element type; choose another")
      .error();
}

std::optional<Error> too_new(const std::string& message) {
  static const std::regex pattern(
      R"((Unsupported model IR version: \d+, max supported IR version: \d+|)"
      R"(Opset \d+ is under development|Current official support for domain \S+ is till opset \d+))");
  Match match;
  if (!std::regex_search(message, match, pattern)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "the model is too new for the runtime: {}", match[1].str())
      .hint("use a newer runtime by --runtime PATH")
      .error();
}

ErrorCode open_error_code(OrtErrorCode code, const std::string& message) {
  switch (code) {
    case ORT_NO_SUCHFILE:
      return ErrorCode::kNotFound;
    case ORT_NOT_IMPLEMENTED:
      return ErrorCode::kUnimplemented;
    case ORT_INVALID_GRAPH:
    case ORT_INVALID_PROTOBUF:
    case ORT_NO_MODEL:
      return ErrorCode::kDataLoss;
    default:
      return message.find("Load model") != std::string::npos ? ErrorCode::kDataLoss
                                                             : ErrorCode::kUnavailable;
  }
}

}  // namespace

std::string clean_message(std::string_view message) {
  static const std::array noise = {
      std::regex(R"(Load model from .*? failed:)"),
      // "/onnxruntime_src/onnxruntime/core/graph/graph.cc:1422 void f(int) " before the message
      std::regex(R"(\S*/onnxruntime\S*\.(cc|h|cpp):\d+ .*?\) (const )?(\[with .*?\] )?)"),
      std::regex(R"(\S*/onnxruntime\S*\.(cc|h|cpp):\d+ \S+ )"),
      std::regex(R"(Non-zero status code returned while running )"),
      std::regex(R"(Exception during initialization: )"),
      std::regex(R"(Fatal error: )"),
      std::regex(R"(Status Message: )"),
      std::regex(R"(This is an invalid model\. )"),
  };
  auto text = collapse_spaces(message);
  for (const auto& pattern : noise) {
    text = std::regex_replace(text, pattern, "");
  }
  constexpr std::size_t kLongest = 400;
  if (text.size() > kLongest) {
    text = text.substr(0, kLongest) + " ...";
  }
  return collapse_spaces(text);
}

Error open_error(OrtErrorCode code, std::string_view message) {
  const std::string text(message);
  for (const auto& known :
       {missing_kernel(text), unknown_operator(text), wrong_type(text), too_new(text)}) {
    if (known) {
      return *known;
    }
  }
  return fail(open_error_code(code, text), "the runtime cannot open the model: {}",
              clean_message(text))
      .error();
}

Error call_error(std::string_view message, std::string_view doing) {
  return fail(ErrorCode::kUnavailable, "the runtime failed to {}: {}", doing,
              clean_message(message))
      .error();
}

Status checked(const OrtApi& api, OrtStatus* status, std::string_view doing) {
  if (status == nullptr) {
    return {};
  }
  const Owned<OrtStatus> owned(status, api.ReleaseStatus);
  return tl::unexpected(call_error(api.GetErrorMessage(status), doing));
}

}  // namespace tessera::runtime
