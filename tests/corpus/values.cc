// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// corpus_values INPUTS.npz EXPECTED.npz MODEL...
//
// Runs models in the inference library on the arrays INPUTS and says how far their outputs are from
// EXPECTED (an array per output, by name; where it has none, from those of the first model). One
// JSON object per model and line: {"model", "error"} or {"model", "outputs": {NAME: {"max_abs",
// "of_range", "different"}}}. A model is opened with all optimizations, and without any if that
// fails.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/onnx.h"
#include "tessera/tensor/npy.h"
#include "tessera/tensor/tensor.h"

namespace tessera {
namespace {

using Values = std::map<std::string, Tensor>;

Values by_name(std::vector<NamedTensor> tensors) {
  Values values;
  for (auto& [name, tensor] : tensors) {
    values.emplace(name, std::move(tensor));
  }
  return values;
}

nlohmann::json distance(const Tensor& expected, const Tensor& actual) {
  if (expected.shape() != actual.shape()) {
    return {{"error",
             "shape " + to_string(actual.shape()) + " instead of " + to_string(expected.shape())}};
  }
  const auto wanted = to_float32(expected.view());
  const auto got = to_float32(actual.view());
  if (!wanted || !got) {
    return {{"different", !std::ranges::equal(expected.bytes(), actual.bytes())}};
  }
  const auto& left = *wanted;
  const auto& right = *got;
  double largest = 0;
  double difference = 0;
  std::int64_t different = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const bool finite = std::isfinite(left[i]) && std::isfinite(right[i]);
    if (finite) {
      largest = std::max(largest, std::abs(static_cast<double>(left[i])));
      difference = std::max(difference,
                            std::abs(static_cast<double>(left[i]) - static_cast<double>(right[i])));
    } else if (left[i] != right[i] && !(std::isnan(left[i]) && std::isnan(right[i]))) {
      ++different;
    }
  }
  return {{"max_abs", difference},
          {"of_range", largest > 0 ? difference / largest : difference},
          {"different", different}};
}

Result<Values> run(const std::shared_ptr<const runtime::Library>& library, const char* model,
                   const Values& inputs) {
  runtime::SessionOptions options;
  auto session = runtime::open_onnx(library, model, options);
  if (!session) {
    options.opt_level = runtime::OptLevel::kDisabled;
    session = runtime::open_onnx(library, model, options);
  }
  if (!session) {
    return tl::unexpected(session.error());
  }
  std::vector<runtime::Feed> feeds;
  for (const auto& input : session->inputs()) {
    if (const auto found = inputs.find(input.name); found != inputs.end()) {
      feeds.push_back({input.name, found->second.view()});
    }
  }
  TESSERA_TRY(const auto outputs, session->run(feeds));
  Values values;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (session->outputs()[i].is_tensor) {
      values.emplace(session->outputs()[i].name, Tensor(outputs[i]));
    }
  }
  return values;
}

Status judge(int count, char** arguments) {
  TESSERA_TRY(auto library, runtime::Library::load());
  TESSERA_TRY(auto inputs, read_npz(arguments[1]));
  TESSERA_TRY(auto expected, read_npz(arguments[2]));
  const auto feeds = by_name(std::move(inputs));
  auto references = by_name(std::move(expected));
  for (int i = 3; i < count; ++i) {
    nlohmann::json line = {{"model", arguments[i]}};
    if (auto values = run(library, arguments[i], feeds); !values) {
      line["error"] = values.error().message;
    } else {
      line["outputs"] = nlohmann::json::object();
      for (auto& [name, tensor] : *values) {
        const auto reference = references.try_emplace(name, tensor).first;
        line["outputs"][name] = distance(reference->second, tensor);
      }
    }
    using Json = nlohmann::json;
    std::puts(line.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    std::fflush(stdout);
  }
  return {};
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 4) {
    std::fputs("usage: corpus_values INPUTS.npz EXPECTED.npz MODEL...\n", stderr);
    return 2;
  }
  if (const auto status = tessera::judge(count, arguments); !status) {
    std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
    return 3;
  }
  return 0;
}
