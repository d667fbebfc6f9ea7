// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/ort.h"

#include <array>

#include "runtime/message.h"
#include "tessera/core/text.h"

namespace tessera::runtime {
namespace {

std::string node_phrase(const std::string& name) {
  return name.empty() ? "an unnamed node" : fmt::format("node '{}'", name);
}

/// "Could not find an implementation for ConvInteger(10) node with name 'conv'".
std::optional<Error> missing_kernel(std::string_view message) {
  static const MessagePattern pattern(
      R"(Could not find an implementation for (\S+?)\((\d+)\) node with name '([^']*)')");
  std::string type;
  std::string opset;
  std::string node;
  if (!pattern.finds(message, &type, &opset, &node)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented,
              "the runtime cannot run {} of type {} (opset {}): it has no kernel for it or for the "
              "element types it is given",
              node_phrase(node), type, opset)
      .hint("choose other element types, another --provider, or a newer runtime by --runtime")
      .error();
}

/// "com.foo:Bar(-1) is not a registered function/op", "No Op registered for Bar with domain..".
std::optional<Error> unknown_operator(std::string_view message) {
  static const std::array patterns = {
      MessagePattern(R"(([\w.]*:?\w+)\(-?\d+\) is not a registered function/op)"),
      MessagePattern(R"(No Op registered for (\w+) )")};
  static const MessagePattern in_node(R"re(In Node, \("([^"]*)", )re");
  for (const auto& pattern : patterns) {
    std::string type;
    if (!pattern.finds(message, &type)) {
      continue;
    }
    std::string node;
    const auto subject = in_node.finds(message, &node)
                             ? fmt::format("{} of type '{}'", node_phrase(node), type)
                             : fmt::format("operator type '{}'", type);
    return fail(ErrorCode::kUnimplemented, "the runtime does not know {}", subject)
        .hint("use a runtime that has it, by --runtime PATH")
        .error();
  }
  return std::nullopt;
}

/// "Type 'tensor(int8)' of input parameter (x) of operator (QLinearConv) in node (n) is invalid."
std::optional<Error> wrong_type(std::string_view message) {
  static const MessagePattern pattern(
      R"(Type '([^']*)' of input parameter \((.*?)\) of operator \((.*?)\) in node \((.*?)\))");
  std::string element;
  std::string input;
  std::string type;
  std::string node;
  if (!pattern.finds(message, &element, &input, &type, &node)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "{} of type {} does not take input '{}' of type {}",
              node_phrase(node), type, input, element)
      .hint("the operator's schema excludes this element type; choose another")
      .error();
}

std::optional<Error> too_new(std::string_view message) {
  static const MessagePattern pattern(
      R"((Unsupported model IR version: \d+, max supported IR version: \d+|)"
      R"(Opset \d+ is under development|Current official support for domain \S+ is till opset \d+))");
  std::string what;
  if (!pattern.finds(message, &what)) {
    return std::nullopt;
  }
  return fail(ErrorCode::kUnimplemented, "the model is too new for the runtime: {}", what)
      .hint("use a newer runtime by --runtime PATH")
      .error();
}

ErrorCode open_error_code(OrtErrorCode code, std::string_view message) {
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
      return message.find("Load model") != std::string_view::npos ? ErrorCode::kDataLoss
                                                                  : ErrorCode::kUnavailable;
  }
}

}  // namespace

std::string clean_message(std::string_view message) {
  static const std::array noise = {
      MessagePattern(R"(Load model from .*? failed:)"),
      // "/onnxruntime_src/onnxruntime/core/graph/graph.cc:1422 void f(int) " before the message
      MessagePattern(R"(\S*/onnxruntime\S*\.(cc|h|cpp):\d+ .*?\) (const )?(\[with .*?\] )?)"),
      MessagePattern(R"(\S*/onnxruntime\S*\.(cc|h|cpp):\d+ \S+ )"),
      MessagePattern(R"(Non-zero status code returned while running )"),
      MessagePattern(R"(Exception during initialization: )"),
      MessagePattern(R"(Fatal error: )"),
      MessagePattern(R"(Status Message: )"),
      MessagePattern(R"(This is an invalid model\. )"),
  };
  return without_noise(message, noise);
}

Error open_error(OrtErrorCode code, std::string_view message) {
  for (const auto& known : {missing_kernel(message), unknown_operator(message), wrong_type(message),
                            too_new(message)}) {
    if (known) {
      return *known;
    }
  }
  return fail(open_error_code(code, message), "the runtime cannot open the model: {}",
              clean_message(message))
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
