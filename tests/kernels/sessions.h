// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/protobuf_message.h"

/// Models of one operator, and sessions of the real runtime with the library in them.
namespace tessera::kernels::testing {

using tessera::testing::Message;
using Extents = std::vector<std::int64_t>;

/// A tensor of a model or a run.
struct Value {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  Extents shape;
  std::string bytes;

  template <class T>
  [[nodiscard]] std::vector<T> as() const {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  friend bool operator==(const Value&, const Value&) = default;
};

template <class T>
inline constexpr auto kElement = Ort::TypeToTensorType<T>::type;

template <class T>
Value value(Extents shape, const std::vector<T>& values) {
  return {kElement<T>,
          std::move(shape),
          {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}};
}
template <class T>
Value scalar(T one) {
  return value<T>({}, {one});
}

inline Message int_attribute(std::string_view name, std::int64_t number) {
  return Message().text(1, name).varint(3, static_cast<std::uint64_t>(number)).varint(20, 2);
}
inline Message ints_attribute(std::string_view name, const Extents& numbers) {
  Message message;
  message.text(1, name);
  for (const auto number : numbers) {
    message.varint(8, static_cast<std::uint64_t>(number));
  }
  return message.varint(20, 7);
}
inline Message text_attribute(std::string_view name, std::string_view text) {
  return Message().text(1, name).text(4, text).varint(20, 3);
}

/// One node. Inputs are constants of the model, fed ("a feed"), or left out (no value).
struct Input {
  std::optional<Value> constant;
  std::optional<Value> feed;
  /// Of a feed, instead of its own extents; what has none is declared without a shape.
  std::optional<std::vector<std::string>> declared = {};
};
inline Input constant(Value what) {
  return {std::move(what), std::nullopt};
}
inline Input feed(Value what) {
  return {std::nullopt, std::move(what)};
}
inline Input absent() {
  return {};
}

struct OneNode {
  std::string type;
  std::string domain;
  std::vector<Input> inputs;
  std::vector<Message> attributes;

  [[nodiscard]] std::string bytes() const {
    Message graph;
    Message node;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      node.text(1, is_there(i) ? name_of(i) : "");
    }
    node.text(2, "y").text(3, "the_node").text(4, type);
    for (const auto& attribute : attributes) {
      node.message(5, attribute);
    }
    graph.message(1, node.text(7, domain)).text(2, "one");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].constant) {
        const auto& value = *inputs[i].constant;
        Message tensor;
        for (const auto extent : value.shape) {
          tensor.varint(1, static_cast<std::uint64_t>(extent));
        }
        tensor.varint(2, static_cast<std::uint64_t>(value.type));
        graph.message(5, tensor.text(8, name_of(i)).text(9, value.bytes));
      }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].feed) {
        graph.message(11, info_of(i));
      }
    }
    graph.message(12, Message().text(1, "y"));
    Message model;
    model.varint(1, 8).message(7, graph).message(8, Message().text(1, "").varint(2, 17));
    for (const auto* other : {"ai.tessera", "com.microsoft"}) {
      model.message(8, Message().text(1, other).varint(2, 1));
    }
    return model.bytes();
  }

  [[nodiscard]] bool is_there(std::size_t i) const {
    return inputs[i].constant.has_value() || inputs[i].feed.has_value();
  }
  static std::string name_of(std::size_t i) { return "in" + std::to_string(i); }

 private:
  [[nodiscard]] Message info_of(std::size_t i) const {
    const auto& value = *inputs[i].feed;
    Message shape;
    if (inputs[i].declared) {
      for (const auto& symbol : *inputs[i].declared) {
        shape.message(1, Message().text(2, symbol));
      }
    } else {
      for (const auto extent : value.shape) {
        shape.message(1, Message().varint(1, static_cast<std::uint64_t>(extent)));
      }
    }
    const auto tensor =
        Message().varint(1, static_cast<std::uint64_t>(value.type)).message(2, shape);
    return Message().text(1, name_of(i)).message(2, Message().message(1, tensor));
  }
};

inline const OrtApiBase& runtime_base() {
  static const OrtApiBase& base = [&]() -> const OrtApiBase& {
    void* const library = dlopen(TESSERA_BINARY_DIR "/libonnxruntime.so", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw std::runtime_error(dlerror());
    }
    using Get = const OrtApiBase* (*)();
    const auto* const found = reinterpret_cast<Get>(dlsym(library, "OrtGetApiBase"))();
    Ort::InitApi(found->GetApi(ORT_API_VERSION));
    return *found;
  }();
  return base;
}

inline Ort::Env& environment() {
  (void)runtime_base();
  static Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "kernels_test");
  return env;
}

/// Sets TESSERA_KERNELS_TARGET while it lives.
class ForcedTarget {
 public:
  explicit ForcedTarget(const std::string& word) {
    setenv("TESSERA_KERNELS_TARGET", word.c_str(), 1);
  }
  ForcedTarget(const ForcedTarget&) = delete;
  ForcedTarget& operator=(const ForcedTarget&) = delete;
  ~ForcedTarget() { unsetenv("TESSERA_KERNELS_TARGET"); }
};

/// Throws Ort::Exception with the runtime's words.
inline Ort::Session open(const OneNode& model, int threads = 1) {
  auto& env = environment();
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(threads);
  options.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
  options.RegisterCustomOpsLibrary(TESSERA_KERNELS_LIBRARY);
  const auto bytes = model.bytes();
  return {env, bytes.data(), bytes.size(), options};
}

inline Value run(Ort::Session& session, const OneNode& model) {
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<std::string> names;
  std::vector<Ort::Value> feeds;
  std::vector<std::string> copies;  // the runtime takes memory that may be written
  copies.reserve(model.inputs.size());
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    if (const auto& fed = model.inputs[i].feed) {
      auto& bytes = copies.emplace_back(fed->bytes);
      names.push_back(OneNode::name_of(i));
      feeds.push_back(Ort::Value::CreateTensor(memory, bytes.data(), bytes.size(),
                                               fed->shape.data(), fed->shape.size(), fed->type));
    }
  }
  std::vector<const char*> raw;
  for (const auto& name : names) {
    raw.push_back(name.c_str());
  }
  const char* const output = "y";
  auto outputs = session.Run(Ort::RunOptions(), raw.data(), feeds.data(), feeds.size(), &output, 1);
  const auto info = outputs[0].GetTensorTypeAndShapeInfo();
  const auto size = info.GetElementCount() *
                    (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ? 4 : 1);
  return {info.GetElementType(), info.GetShape(),
          std::string(outputs[0].GetTensorData<char>(), size)};
}

inline Value run(const OneNode& model, int threads = 1) {
  auto session = open(model, threads);
  return run(session, model);
}

/// What the runtime says of a model that it cannot open or run; empty if it can.
inline std::string refusal(const OneNode& model) {
  try {
    (void)run(model);
    return {};
  } catch (const Ort::Exception& e) {
    return e.what();
  }
}

}  // namespace tessera::kernels::testing
