// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// `--compat ort` makes names up from those of values. A model that has values of these names
// already is quantized as the same model with harmless names is: bit for bit, in every mode.
#include <map>
#include <string>
#include <vector>

#include "compat/ort_names.h"
#include "compat/ort_passes.h"
#include "support/differential.h"
#include "tessera/compat/ort.h"

namespace tessera::compat {
namespace {

using namespace quantize::differential;  // NOLINT(google-build-using-namespace): the helpers of
                                         // these tests
using onnx::Model;
using quantize::Format;
using quantize::Mode;
using quantize::Scheme;
using testing::IsOk;
using testing::ModelBuilder;

using Ints = std::vector<std::int64_t>;

/// Names of an input, weights, a bias, values inside and an output.
struct Names {
  std::string x = "x", w = "w", b = "b", mid = "mid", v = "v", flat = "flat", g = "g", y = "y";
};

Model network(const Names& n) {
  auto model = ModelBuilder(17)
                   .input(n.x, {1, 4, 6, 6})
                   .weight(n.w, {4, 4, 3, 3}, 0.3)
                   .weight(n.b, {4}, 0.3)
                   .weight(n.v, {4, 4, 3, 3}, 0.3)
                   .weight(n.g, {5, 64}, 0.3)
                   .op("Conv", {n.x, n.w, n.b}, {n.mid})
                   .op("Conv", {n.mid, n.v, n.b}, {"conv"}, {{"pads", Ints{1, 1, 1, 1}}})
                   .op("Flatten", {"conv"}, {n.flat})
                   .op("Gemm", {n.flat, n.g}, {n.y}, {{"transB", std::int64_t{1}}})
                   .output(n.y)
                   .build();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

Result<Model> quantized(Model model, const Scheme& scheme, const Feeds& feeds) {
  TESSERA_TRY(const auto ranges, measure(model, feeds));
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(const auto assignment, resolve(ort_recipe(scheme), graph, Monitor::silent()));
  TESSERA_CHECK(
      ort_quantize(model, assignment, &ranges, {}, Monitor::silent()).map([](const auto&) {}));
  return model;
}

std::vector<Scheme> schemes() {
  std::vector<Scheme> all;
  for (const bool per_channel : {false, true}) {
    for (const auto format : {Format::kQdq, Format::kQOperator}) {
      Scheme scheme;
      scheme.format = format;
      scheme.per_channel = per_channel;
      all.push_back(scheme);
    }
  }
  for (const auto mode : {Mode::kDynamic, Mode::kFloat16}) {
    Scheme scheme;
    scheme.mode = mode;
    all.push_back(scheme);
  }
  return all;
}

/// What the network computes on random input once it is quantized, by scheme.
std::vector<std::vector<float>> results(const Names& names) {
  std::vector<std::vector<float>> all;
  for (const auto& scheme : schemes()) {
    const auto model = network(names);
    const Feeds feeds = random_feeds(model, 1);
    const auto written = quantized(model.clone(), scheme, feeds);
    EXPECT_THAT(written, IsOk());
    if (!written) {
      continue;
    }
    const auto outputs = run(*written, feeds, OptLevel::kDisabled);
    EXPECT_THAT(outputs, IsOk());
    if (outputs) {
      all.push_back(to_float32(outputs->at(names.y).view()).value());
    }
  }
  return all;
}

TEST(OrtNames, TakenByValuesInside_SameNumbersAsWithHarmlessNames) {
  const auto expected = results({});
  ASSERT_EQ(expected.size(), schemes().size());
  for (const auto* suffix : {"_scale", "_zero_point", "_quantized", "_QuantizeLinear_Output",
                             "_DequantizeLinear_Output", "_QuantizeLinear_Input"}) {
    for (const auto* of : {"x", "w", "b", "v", "y"}) {
      Names names;
      names.mid = std::string(of) + suffix;
      EXPECT_EQ(results(names), expected) << names.mid;
    }
  }
  for (const auto* name :
       {"mid_output_quantized", "mid_bias_reshape_output", "g_Transposed", "midquant_scaled_output",
        "graph_input_cast_0", "b_quantized_scale", "flatquantized", "graph_output_cast_0"}) {
    Names names;
    names.flat = name;
    EXPECT_EQ(results(names), expected) << name;
  }
}

TEST(OrtNames, TakenByWeightsInputsAndOutputs_SameNumbersAsWithHarmlessNames) {
  const auto expected = results({});
  for (const auto* name : {"w_scale", "w_quantized", "w_zero_point", "mid_scale", "x_scale",
                           "mid_QuantizeLinear_Output", "b_quantized", "y_DequantizeLinear_Output",
                           "w_DequantizeLinear_Output", "graph_input_cast_0"}) {
    Names weight;
    weight.v = name;
    EXPECT_EQ(results(weight), expected) << "weight " << name;
    Names bias;
    bias.b = name;
    EXPECT_EQ(results(bias), expected) << "bias " << name;
    Names output;
    output.y = name;
    EXPECT_EQ(results(output), expected) << "output " << name;
    Names input;
    input.x = name;
    EXPECT_EQ(results(input), expected) << "input " << name;
  }
}

TEST(OrtNames, FreeNames_AreThoseOfTheReference) {
  const auto model = network({});
  OrtNames names(model);
  EXPECT_EQ(names.of("x", "_scale"), "x_scale");
  EXPECT_EQ(names.of("x", "_scale"), "x_scale");
  // An operator of that name is no value.
  EXPECT_EQ(names.of("mid", "_node"), "mid_node");
}

TEST(OrtNames, TwoOwnersThatWantOneName_GetTwo) {
  const auto model = network({});
  OrtNames names(model);
  EXPECT_EQ(names.of("b", "_quantized_scale"), "b_quantized_scale");
  EXPECT_EQ(names.of("b_quantized", "_scale"), "b_quantized_scale_1");
  EXPECT_EQ(names.of("m", "id"), "mid_1");
}

}  // namespace
}  // namespace tessera::compat
