// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Element-wise operators between two roundings become one table, made in double precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "quantize/elementwise.h"
#include "support/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using onnx::NodeId;
using testing::IsOk;
using testing::ModelBuilder;
using Chain = std::function<void(ModelBuilder&)>;

Scheme kernels_scheme(DType activation = DType::kUInt8) {
  return static_scheme(Format::kKernels, activation, DType::kInt8, true);
}

/// x -> Conv -> h -> chain -> y -> Conv -> z.
Model around(const Chain& chain) {
  ModelBuilder builder(20);
  builder.input("x", {1, 4, 8, 8}).weight("w", {4, 4, 1, 1}, 0.8).op("Conv", {"x", "w"}, {"h"});
  chain(builder);
  return builder.weight("v", {2, 4, 1, 1}, 0.5).op("Conv", {"y", "v"}, {"z"}).output("z").build();
}

Quantized quantized(const Model& given, const Scheme& scheme,
                    const std::vector<std::string>& left = {}) {
  auto model = given.clone();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto ranges = measure(model, random_feeds(model, 3)).value();
  return quantize_all(model, scheme, &ranges, left).value();
}

std::vector<NodeId> lookups(const Model& model) {
  auto nodes = model.nodes();
  std::erase_if(nodes, [&](NodeId node) { return model.op_type(node) != "Lookup"; });
  return nodes;
}

double scalar(const Model& model, const std::string& name) {
  const auto value = model.initializer(name).value();
  switch (value.dtype) {
    case DType::kFloat32:
      return double{value.as<float>()[0]};
    case DType::kInt8:
      return value.as<std::int8_t>()[0];
    default:
      return value.as<std::uint8_t>()[0];
  }
}

/// Scale and zero point of the integers around a lookup between two convolutions.
struct Parameters {
  double scale = 0;
  double zero = 0;
};
Parameters before(const Model& model, NodeId lookup) {
  const auto inputs = model.inputs(*model.producer(model.inputs(lookup)[0]));
  return {scalar(model, inputs[6]), scalar(model, inputs[7])};
}
Parameters behind(const Model& model, NodeId lookup) {
  const auto inputs = model.inputs(model.consumers(model.outputs(lookup)[0]).front());
  return {scalar(model, inputs[1]), scalar(model, inputs[2])};
}

/// What the runtime computes of each of the 256 values in float.
std::vector<float> in_float(const Chain& chain, const std::vector<float>& values) {
  ModelBuilder builder(20);
  builder.input("h", {256});
  chain(builder);
  const auto model = builder.output("y").build();
  Feeds feeds;
  feeds.emplace("h", Tensor::of(values, {256}));
  const auto result = run(model, feeds, OptLevel::kDisabled);
  EXPECT_THAT(result, IsOk());
  const auto all = result->at("y").as<float>();
  return {all.begin(), all.end()};
}

struct Case {
  std::string name;
  Chain chain;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Case one(std::string op, std::vector<onnx::NamedAttribute> attributes = {}) {
  return {op,
          [op, attributes](ModelBuilder& builder) { builder.op(op, {"h"}, {"y"}, attributes); }};
}

Case with_constant(std::string op, float constant, bool first = false) {
  return {op + (first ? "Constant" : "ByConstant"), [=](ModelBuilder& builder) {
            builder.constant("c", Tensor::scalar(constant));
            builder.op(
                op, first ? std::vector<std::string>{"c", "h"} : std::vector<std::string>{"h", "c"},
                {"y"});
          }};
}

std::vector<Case> cases() {
  return {
      one("Abs"),
      one("Ceil"),
      one("Celu", {{"alpha", 0.7F}}),
      one("Cos"),
      one("Elu", {{"alpha", 0.7F}}),
      one("Erf"),
      one("Exp"),
      one("Floor"),
      one("Gelu"),
      {"GeluByTanh",
       [](ModelBuilder& builder) {
         builder.op("Gelu", {"h"}, {"y"}, {{"approximate", std::string("tanh")}});
       }},
      one("HardSigmoid", {{"alpha", 0.3F}, {"beta", 0.4F}}),
      one("HardSwish"),
      one("LeakyRelu", {{"alpha", 0.2F}}),
      one("Mish"),
      one("Neg"),
      one("Reciprocal"),
      one("Round"),
      one("Selu"),
      one("Sigmoid"),
      one("Sin"),
      one("Softplus"),
      one("Softsign"),
      one("Tanh"),
      one("ThresholdedRelu", {{"alpha", 0.3F}}),
      with_constant("Add", 0.4F),
      with_constant("Div", 1.7F),
      with_constant("Max", 0.2F),
      with_constant("Min", -0.1F),
      with_constant("Mul", -0.6F),
      with_constant("PRelu", 0.3F),
      with_constant("Pow", 2.0F),
      with_constant("Sub", 0.5F),
      with_constant("Sub", 1.0F, true),
      {"Silu",
       [](ModelBuilder& builder) {
         builder.op("Sigmoid", {"h"}, {"s"}).op("Mul", {"h", "s"}, {"y"});
       }},
      // The sum's rounding does what Relu would, which goes: its limits have to stay.
      {"RectifierLeftToARounding",
       [](ModelBuilder& builder) {
         builder.constant("c", Tensor::scalar(0.5F))
             .op("Add", {"h", "c"}, {"a"})
             .op("Relu", {"a"}, {"r"})
             .op("Sigmoid", {"r"}, {"y"});
       }},
      // Three roundings in the stock form: after Add, after Sigmoid, after Mul.
      {"LongChain",
       [](ModelBuilder& builder) {
         builder.constant("c", Tensor::scalar(0.5F))
             .op("Add", {"h", "c"}, {"a"})
             .op("Sigmoid", {"a"}, {"s"})
             .op("Mul", {"s", "h"}, {"m"})
             .op("LeakyRelu", {"m"}, {"y"}, {{"alpha", 0.1F}});
       }},
  };
}

class Lookups : public ::testing::TestWithParam<Case> {};

TEST_P(Lookups, Table_IsTheExactChainRoundedOnce) {
  for (const auto activation : {DType::kUInt8, DType::kInt8}) {
    SCOPED_TRACE(to_string(activation));
    const auto result = quantized(around(GetParam().chain), kernels_scheme(activation));
    const auto& model = result.model;
    const auto found = lookups(model);
    ASSERT_EQ(found.size(), 1) << model.nodes().size();
    const auto from = before(model, found.front());
    const auto to = behind(model, found.front());
    const bool is_signed = activation == DType::kInt8;
    const int lowest = is_signed ? -128 : 0;
    std::vector<float> values;
    for (int code = lowest; code < lowest + 256; ++code) {
      values.push_back(static_cast<float>((code - from.zero) * from.scale));
    }
    const auto exact = in_float(GetParam().chain, values);
    const auto table = model.initializer(model.inputs(found.front())[1]).value();
    ASSERT_EQ(table.size(), 256);
    ASSERT_EQ(table.dtype, activation);
    for (std::size_t i = 0; i < 256; ++i) {
      const int entry = is_signed ? table.as<std::int8_t>()[i] : table.as<std::uint8_t>()[i];
      const double wanted = double{exact[i]} / to.scale + to.zero;
      const double clamped = std::clamp(wanted, double(lowest), double(lowest + 255));
      EXPECT_NEAR(entry, clamped, 0.5 + 1e-4) << values[i];
    }
    EXPECT_EQ(count_types(model)["DequantizeLinear"], 1);  // of the result
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, Lookups, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(LookupFusion, EveryKnownType_IsTried) {
  std::set<std::string> tried;
  for (const auto& test : cases()) {
    ModelBuilder builder(20);
    test.chain(builder);
    const auto model = builder.build();
    for (const auto node : model.nodes()) {
      tried.insert(model.op_type(node));
    }
  }
  // What the tests below try.
  tried.insert({"Clip", "Log", "Relu", "Sqrt"});
  EXPECT_THAT(elementwise_types(), ::testing::ElementsAreArray(tried));
}

TEST(LookupFusion, NumbersThatAreNone_KeepTheirOperator) {
  for (const auto* op : {"Log", "Sqrt"}) {
    const auto result = quantized(
        around([op](ModelBuilder& builder) { builder.op(op, {"h"}, {"y"}); }), kernels_scheme());
    EXPECT_TRUE(lookups(result.model).empty());
    EXPECT_EQ(count_types(result.model)[op], 1);
  }
}

TEST(LookupFusion, BoundsBehindAConvolution_AreItsOwn) {
  for (const auto* op : {"Relu", "Clip"}) {
    const auto result = quantized(around([op](ModelBuilder& builder) {
                                    builder.constant("low", Tensor::scalar(-0.3F));
                                    std::vector<std::string> inputs{"h"};
                                    if (op == std::string("Clip")) {
                                      inputs.emplace_back("low");
                                    }
                                    builder.op(op, inputs, {"y"});
                                  }),
                                  kernels_scheme());
    EXPECT_TRUE(lookups(result.model).empty());
    EXPECT_EQ(count_types(result.model)["QLinearConv"], 2);
  }
}

TEST(LookupFusion, RootBehindRelu_IsALookup) {
  const auto result = quantized(around([](ModelBuilder& builder) {
                                  builder.op("Relu", {"h"}, {"r"}).op("Sqrt", {"r"}, {"y"});
                                }),
                                kernels_scheme());
  EXPECT_EQ(lookups(result.model).size(), 1);
  EXPECT_EQ(count_types(result.model)["Sqrt"], 0);
}

TEST(LookupFusion, SumOfTwoValues_IsNone) {
  const auto result = quantized(around([](ModelBuilder& builder) {
                                  builder.weight("u", {4, 4, 1, 1})
                                      .op("Conv", {"x", "u"}, {"g"})
                                      .op("Sigmoid", {"g"}, {"s"})
                                      .op("Mul", {"h", "s"}, {"y"});
                                }),
                                kernels_scheme());
  // The gate alone is a function of one value.
  EXPECT_EQ(lookups(result.model).size(), 1);
  EXPECT_EQ(count_types(result.model)["QLinearMul"], 1);
}

TEST(LookupFusion, ValueInBetween_IsStillThereForOthers) {
  const auto result =
      quantized(around([](ModelBuilder& builder) {
                  builder.op("Sigmoid", {"h"}, {"s"}).op("Mul", {"h", "s"}, {"y"}).output("s");
                }),
                kernels_scheme());
  EXPECT_EQ(lookups(result.model).size(), 2);
  EXPECT_TRUE(result.model.is_output("s"));
}

TEST(LookupFusion, OperatorLeftInFloat_IsNotTaken) {
  const auto result = quantized(around([](ModelBuilder& builder) {
                                  builder.op("Sigmoid", {"h"}, {"s"}).op("Mul", {"h", "s"}, {"y"});
                                }),
                                kernels_scheme(), {"s_node"});
  EXPECT_EQ(count_types(result.model)["Sigmoid"], 1);
  EXPECT_TRUE(lookups(result.model).empty());
}

TEST(LookupFusion, OperatorThatReadsIntegersInFloat_IsNotTaken) {
  auto model = around([](ModelBuilder& builder) { builder.op("Tanh", {"h"}, {"y"}); });
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto ranges = measure(model, random_feeds(model, 3)).value();
  const auto graph = model.view().value();
  Assignment assignment(graph.ops().size(), kernels_scheme());
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (graph.ops()[i].type == "Tanh") {
      assignment[i] = float32_scheme();
    }
  }
  ASSERT_THAT(quantize(model, assignment, &ranges, {}, Monitor::silent()), IsOk());
  EXPECT_EQ(count_types(model)["Tanh"], 1);
  EXPECT_EQ(count_types(model)["QLinearConv"], 2);
  EXPECT_TRUE(lookups(model).empty());
}

/// Codes that no sample has are in the table, too.
TEST(LookupFusion, NumberThatIsNoneForACodeOfNoSample_KeepsItsOperator) {
  for (const bool symmetric : {false, true}) {
    auto model = around([](ModelBuilder& builder) { builder.op("Sqrt", {"h"}, {"y"}); });
    ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
    auto ranges = measure(model, random_feeds(model, 3)).value();
    constexpr auto kMinMax = numerics::RangeMethod::kMinMax;
    ranges.tensors["h"][kMinMax] = {0, 4};
    ranges.tensors["y"][kMinMax] = {0, 2};
    ranges.tensors["z"][kMinMax] = {-2, 2};
    ranges.unusual.clear();
    auto scheme = kernels_scheme(DType::kInt8);
    scheme.activation_symmetric = symmetric;  // then half of the codes are below zero
    const auto result = quantize_all(model, scheme, &ranges);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(lookups(result->model).size(), symmetric ? 0U : 1U);
  }
}

TEST(LookupFusion, ConstantWithMoreExtents_GivesTheResultThem) {
  for (const bool more : {false, true}) {
    ModelBuilder builder(20);
    builder.input("x", {1, 4, 8, 8})
        .weight("w", {4, 4, 1, 1}, 0.8)
        .op("Conv", {"x", "w"}, {"h"})
        .constant("c", Tensor::of(std::vector<float>{0.5F}, more ? Shape{1, 1, 1, 1, 1} : Shape{1}))
        .op("Mul", {"h", "c"}, {"m"})
        .op("Sigmoid", {"m"}, {"y"});
    const auto result = quantized(builder.output("y").build(), kernels_scheme());
    EXPECT_EQ(lookups(result.model).size(), 1);
    EXPECT_EQ(count_types(result.model)["QLinearMul"], more ? 1 : 0);
  }
}

TEST(LookupFusion, ConstantPerChannel_IsNoFunctionOfTheIntegerAlone) {
  const auto result = quantized(around([](ModelBuilder& builder) {
                                  builder.weight("c", {4, 1, 1}).op("Mul", {"h", "c"}, {"y"});
                                }),
                                kernels_scheme());
  EXPECT_TRUE(lookups(result.model).empty());
  EXPECT_EQ(count_types(result.model)["QLinearMul"], 1);
}

TEST(LookupFusion, FusedOperators_SayWhatComputesThem) {
  const auto result = quantized(around([](ModelBuilder& builder) {
                                  builder.op("Sigmoid", {"h"}, {"s"}).op("Mul", {"h", "s"}, {"y"});
                                }),
                                kernels_scheme());
  for (const auto* op : {"s_node", "y_node"}) {
    EXPECT_TRUE(outcome_of(result.report, op).quantized);
    EXPECT_EQ(outcome_of(result.report, op).reason, "computed by a lookup");
  }
}

}  // namespace
}  // namespace tessera::quantize
