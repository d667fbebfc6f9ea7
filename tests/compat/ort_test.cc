// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "compat/ort_passes.h"
#include "support/matchers.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/compat/ort.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/type_oracle.h"

/// Replays tests/fixtures/compat: graphs that onnxruntime.quantization quantized, with its options
/// and the ranges it measured. `--compat ort` must write the same operators under the same names
/// and every initializer bit for bit.
namespace tessera::compat {
namespace {

namespace fs = std::filesystem;
using quantize::QuantizeOptions;
using quantize::Scheme;
using quantize::Selection;

const fs::path kCases = fs::path(TESSERA_SOURCE_DIR) / "tests/fixtures/compat/cases";

/// Cases in which we knowingly differ; docs/ort_differences.md explains each.
const std::map<std::string, std::string, std::less<>>& known_exceptions() {
  static const std::map<std::string, std::string, std::less<>> exceptions = {
      {"244_clip_with_attributes_qdq_u8s8_opset9",
       "the reference raises the opset by a converter that adds Constant operators"},
      {"110_shared_bias_qop_u8s8_pc_rr",
       "the reference gives two biases of different scale one name, so one of them is wrong"},
      {"321_large_matmuls_nbits_qop_u4_sym_32_some",
       "the reference's nodes_to_include adds to the operator types, ours narrows them"},
  };
  return exceptions;
}

struct Request {
  Scheme scheme;
  Selection selection;
  QuantizeOptions options;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (auto end = text.find(separator); end != std::string::npos;
       begin = end + 1, end = text.find(separator, begin)) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

Result<Request> request_from(const Json& json) {
  Request request;
  request.options.keep_io = false;
  Json scheme = Json::object();
  const auto arguments = json["options"].get<std::vector<std::string>>();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& name = arguments[i];
    if (name == "--per-channel" || name == "--reduce-range" || name == "--activation-symmetric") {
      auto key = name.substr(2);
      std::replace(key.begin(), key.end(), '-', '_');
      scheme[key] = true;
    } else if (name == "--keep-io") {
      request.options.keep_io = true;
    } else if (i + 1 == arguments.size()) {
      return fail(ErrorCode::kInvalidArgument, "option '{}' has no value", name);
    } else if (name == "--compat") {
      ++i;
    } else if (name == "--op-types") {
      request.selection.op_types = split(arguments[++i], ',');
    } else if (name == "--include") {
      request.selection.include.push_back(arguments[++i]);
    } else if (name == "--exclude") {
      request.selection.exclude.push_back(arguments[++i]);
    } else if (name == "--block-size") {
      scheme["block_size"] = std::stoi(arguments[++i]);
    } else if (name == "--opset") {
      request.options.opset = std::stoll(arguments[++i]);
    } else {
      auto key = name.substr(2);
      std::replace(key.begin(), key.end(), '-', '_');
      scheme[key] = arguments[++i];
    }
  }
  TESSERA_TRY(request.scheme, quantize::scheme_from_json(scheme, Scheme{}));
  return request;
}

using NodeKey = std::tuple<std::string, std::string, std::string, std::vector<std::string>,
                           std::vector<std::string>>;

std::multiset<NodeKey> nodes_of(const onnx::Model& model) {
  std::multiset<NodeKey> nodes;
  for (const auto node : model.nodes()) {
    auto inputs = model.inputs(node);
    while (!inputs.empty() && inputs.back().empty()) {
      inputs.pop_back();
    }
    nodes.emplace(model.op_type(node), model.domain(node), model.name(node), inputs,
                  model.outputs(node));
  }
  return nodes;
}

std::string describe(const NodeKey& node) {
  const auto& [type, domain, name, inputs, outputs] = node;
  return fmt::format("{}{}{} '{}' ({}) -> ({})", domain, domain.empty() ? "" : ".", type, name,
                     fmt::join(inputs, ", "), fmt::join(outputs, ", "));
}

/// The first difference between the models; empty if there is none.
std::string difference(const onnx::Model& reference, const onnx::Model& ours) {
  const auto wanted = nodes_of(reference);
  const auto had = nodes_of(ours);
  std::vector<NodeKey> missing;
  std::set_difference(wanted.begin(), wanted.end(), had.begin(), had.end(),
                      std::back_inserter(missing));
  std::vector<NodeKey> extra;
  std::set_difference(had.begin(), had.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(extra));
  if (!missing.empty() || !extra.empty()) {
    return fmt::format("nodes: {} missing (first: {}), {} too many (first: {})", missing.size(),
                       missing.empty() ? "-" : describe(missing.front()), extra.size(),
                       extra.empty() ? "-" : describe(extra.front()));
  }
  auto names = reference.initializers();
  const auto own = ours.initializers();
  if (std::set<std::string>(names.begin(), names.end()) !=
      std::set<std::string>(own.begin(), own.end())) {
    for (const auto& name : names) {
      if (!ours.has_initializer(name)) {
        return fmt::format("initializer '{}' is missing", name);
      }
    }
    return "initializers: too many";
  }
  for (const auto& name : names) {
    const auto a = reference.initializer(name);
    const auto b = ours.initializer(name);
    if (!a || !b) {
      return fmt::format("initializer '{}' cannot be read", name);
    }
    if (a->dtype != b->dtype || !std::ranges::equal(a->shape, b->shape) ||
        !std::ranges::equal(a->bytes, b->bytes)) {
      return fmt::format("initializer '{}' differs: {} {} against {} {}", name,
                         tessera::to_string(a->dtype), tessera::to_string(a->shape),
                         tessera::to_string(b->dtype), tessera::to_string(b->shape));
    }
  }
  return {};
}

Result<std::string> replay(const fs::path& folder,
                           const std::shared_ptr<const runtime::Library>& library) {
  TESSERA_TRY(const auto options, read_json(folder / "options.json"));
  TESSERA_TRY(const auto request, request_from(options));
  TESSERA_TRY(auto model, onnx::Model::load(folder / "model.onnx"));
  TESSERA_CHECK(model.infer_types(runtime::type_oracle(library)));
  std::optional<calibrate::Ranges> ranges;
  if (fs::exists(folder / "ranges.json")) {
    TESSERA_TRY(ranges, calibrate::read_ranges(folder / "ranges.json"));
  }
  TESSERA_TRY(const auto graph, model.view());
  const auto recipe = ort_recipe(request.scheme, request.selection);
  TESSERA_TRY(const auto assignment, resolve(recipe, graph, Monitor::silent()));
  TESSERA_CHECK(ort_quantize(model, assignment, ranges ? &*ranges : nullptr, request.options,
                             Monitor::silent())
                    .map([](const auto&) {}));
  TESSERA_TRY(const auto reference, onnx::Model::load(folder / "ref.onnx"));
  return difference(reference, model);
}

class CompatTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto library = runtime::Library::load();
    if (!library) {
      GTEST_SKIP() << "SKIPPED: no ONNX Runtime: " << library.error().message;
    }
    library_ = *library;
  }

  static std::vector<std::string> cases(std::string_view part, std::string_view without) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kCases)) {
      auto name = entry.path().filename().string();
      if (name.find(part) != std::string::npos && name.find(without) == std::string::npos) {
        names.push_back(std::move(name));
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  /// All cases of a kind must agree, the known exceptions apart.
  void expect_same(std::string_view part, std::string_view without = "\n") {
    const auto names = cases(part, without);
    ASSERT_FALSE(names.empty());
    for (const auto& name : names) {
      const auto result = replay(kCases / name, library_);
      const auto problem = result ? *result : result.error().message;
      if (!known_exceptions().contains(name)) {
        EXPECT_EQ(problem, "") << name;
      } else {
        EXPECT_NE(problem, "") << name << " agrees now: take it off the list";
      }
    }
  }

  std::shared_ptr<const runtime::Library> library_;
};

TEST_F(CompatTest, KnownExceptions_AreAtMostOneInAHundred) {
  EXPECT_LE(known_exceptions().size() * 100, cases("_", "\n").size());
}

TEST_F(CompatTest, Qdq_EveryCase_NodesNamesAndWeightsOfTheReference) {
  expect_same("_qdq_", "_nbits_");
}
TEST_F(CompatTest, QOperator_EveryCase_NodesNamesAndWeightsOfTheReference) {
  expect_same("_qop_", "_nbits_");
}
TEST_F(CompatTest, Dynamic_EveryCase_NodesNamesAndWeightsOfTheReference) {
  expect_same("_dyn_");
}
TEST_F(CompatTest, Float16_EveryCase_NodesNamesAndWeightsOfTheReference) {
  expect_same("_fp16");
}
TEST_F(CompatTest, WeightOnly_EveryCase_NodesNamesAndWeightsOfTheReference) {
  expect_same("_nbits_");
}

}  // namespace
}  // namespace tessera::compat
