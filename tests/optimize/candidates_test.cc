// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "support/matchers.h"
#include "tessera/onnx/model.h"
#include "tessera/optimize/optimize.h"

namespace tessera::optimize {
namespace {

using evaluate::Top1;
using graph::OpKind;
using quantize::Format;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::ResultOf;

Host host_with(std::vector<std::string> isa, std::string architecture = "x86_64") {
  Host host;
  host.architecture = std::move(architecture);
  host.isa = std::move(isa);
  return host;
}

const auto kWeightOf = [](const Candidate& candidate) { return candidate.row.scheme.weight; };

TEST(PlanCandidates, Vnni_TriesUnsignedActivationsWithSignedWeightsOnly) {
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "cpu");
  EXPECT_THAT(plan.candidates, Not(IsEmpty()));
  EXPECT_THAT(plan.candidates, Each(ResultOf(kWeightOf, DType::kInt8)));
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "S8S8")));
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "float16")));
}

TEST(PlanCandidates, Avx2_TriesWhatDoesNotSaturate) {
  const auto plan = plan_candidates(host_with({"avx2"}), {}, "cpu");
  EXPECT_THAT(plan.candidates, Contains(ResultOf(kWeightOf, DType::kUInt8)));
  for (const auto& candidate : plan.candidates) {
    const auto& row = candidate.row;
    if (row.scheme.weight == DType::kInt8) {
      EXPECT_TRUE(row.scheme.reduce_range) << row.name();
    }
  }
}

TEST(PlanCandidates, KernelsOfTessera_AreTriedWhereTheyAreWanted) {
  const auto host = host_with({"avx2", "avx512_vnni"});
  const auto is_kernels = [](const Candidate& candidate) {
    return candidate.row.scheme.format == Format::kKernels;
  };
  const auto portable = plan_candidates(host, {}, "cpu");
  EXPECT_EQ(std::ranges::count_if(portable.candidates, is_kernels), 0);
  EXPECT_THAT(portable.excluded, Contains(Field(&Exclusion::what, "kernels of tessera")));
  const auto wanted = plan_candidates(host, {}, "cpu", KernelsUse::kTaken);
  EXPECT_EQ(std::ranges::count_if(wanted.candidates, is_kernels), 2);  // per tensor and channel
  EXPECT_THAT(wanted.excluded, Not(Contains(Field(&Exclusion::what, "kernels of tessera"))));
  EXPECT_EQ(std::ranges::count_if(
                plan_candidates(host, {}, "openvino", KernelsUse::kTaken).candidates, is_kernels),
            0);
}

/// Seen on an H100: Q/DQ took 2.6 times as long as float32, and no kernel computed on integers.
TEST(PlanCandidates, Cuda_GetsFloat16AndNoIntegers) {
  const auto plan =
      plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "CUDAExecutionProvider");
  ASSERT_EQ(plan.candidates.size(), 1U);
  EXPECT_EQ(plan.candidates.front().row.scheme.mode, quantize::Mode::kFloat16);
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "integers")));
}

TEST(PlanCandidates, TensorRt_GetsSymmetricSignedIntegers) {
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "tensorrt");
  std::size_t integers = 0;
  for (const auto& candidate : plan.candidates) {
    const auto& row = candidate.row;
    if (row.scheme.mode == quantize::Mode::kFloat16) {
      continue;
    }
    ++integers;
    EXPECT_TRUE(row.scheme.activation_symmetric) << row.name();
    EXPECT_EQ(row.scheme.activation, DType::kInt8) << row.name();
    EXPECT_EQ(row.scheme.weight, DType::kInt8) << row.name();
    EXPECT_FALSE(row.scheme.reduce_range) << row.name();
    EXPECT_EQ(row.scheme.format, Format::kQdqInputs) << row.name();
  }
  EXPECT_EQ(integers, 2U);
}

TEST(PlanCandidates, OtherProviders_GetBothFormsOfQdqOnly) {
  const auto format_of = [](const Candidate& candidate) { return candidate.row.scheme.format; };
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "openvino");
  EXPECT_THAT(plan.candidates, Contains(ResultOf(format_of, Format::kQdq)));
  EXPECT_THAT(plan.candidates, Contains(ResultOf(format_of, Format::kQdqInputs)));
  EXPECT_THAT(plan.candidates, Not(Contains(ResultOf(format_of, Format::kQOperator))));
  const auto arm = plan_candidates(host_with({"asimd"}), {}, "openvino");
  EXPECT_THAT(arm.candidates, Not(Contains(ResultOf(format_of, Format::kQOperator))));
  const auto cpu = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "cpu");
  EXPECT_THAT(cpu.candidates, Not(Contains(ResultOf(format_of, Format::kQdqInputs))));
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "QOperator")));
}

/// A graph of operators whose second input is a constant; shapes are unknown unless said.
class OpGraph {
 public:
  OpGraph& weight(const std::string& name, std::vector<Dim> shape) {
    graph::TensorInfo tensor;
    tensor.name = name;
    tensor.kind = graph::TensorKind::kInitializer;
    tensor.dtype = DType::kFloat32;
    tensor.shape = std::move(shape);
    graph_.add_tensor(std::move(tensor));
    return *this;
  }
  OpGraph& op(graph::OpKind kind, const std::string& from, const std::string& weight,
              const std::string& to) {
    if (!graph_.find_tensor(from)) {
      graph_.mark_input(find(from));
    }
    graph::Op op;
    op.name = to + "_op";
    op.type = "TOY";
    op.kind = kind;
    op.inputs = {find(from), find(weight)};
    op.outputs = {find(to)};
    graph_.add_op(std::move(op));
    return *this;
  }
  graph::Graph build() {
    EXPECT_TRUE(graph_.finish().has_value());
    return std::move(graph_);
  }

 private:
  graph::TensorId find(const std::string& name) {
    if (const auto known = graph_.find_tensor(name)) {
      return *known;
    }
    graph::TensorInfo tensor;
    tensor.name = name;
    tensor.dtype = DType::kFloat32;
    return graph_.add_tensor(std::move(tensor));
  }
  graph::Graph graph_;
};

std::vector<Dim> dims(std::initializer_list<std::int64_t> extents) {
  std::vector<Dim> shape;
  for (const auto extent : extents) {
    shape.push_back({extent, {}});
  }
  return shape;
}

/// Operators that a combination has dynamic.
const auto kDynamicOf = [](const Candidate& candidate) {
  const auto* combined = std::get_if<Combined>(&candidate.making);
  return combined != nullptr ? combined->dynamic : std::vector<std::string>();
};
const auto kModeOf = [](const Candidate& candidate) { return candidate.row.scheme.mode; };

TEST(PlanCandidates, ProductsOfUnknownShape_AreTriedDynamically) {
  const auto host = host_with({"avx2", "avx512_vnni"});
  const auto transformer =
      OpGraph().weight("w", dims({64, 64})).op(OpKind::kMatMul, "x", "w", "y").build();
  const auto plan = plan_candidates(host, transformer, "cpu");
  EXPECT_THAT(plan.candidates, Contains(ResultOf(kModeOf, quantize::Mode::kDynamic)));
  const auto convolutional = OpGraph()
                                 .weight("k", dims({64, 64, 3, 3}))
                                 .weight("w", dims({64, 10}))
                                 .op(OpKind::kConv, "x", "k", "y")
                                 .op(OpKind::kMatMul, "y", "w", "z")
                                 .build();
  EXPECT_THAT(plan_candidates(host, convolutional, "cpu").candidates,
              Not(Contains(ResultOf(kModeOf, quantize::Mode::kDynamic))));
}

TEST(PlanCandidates, RecurrentLayers_AreDynamicBesideAStaticRest) {
  const auto host = host_with({"avx2", "avx512_vnni"});
  const auto graph = OpGraph()
                         .weight("k", dims({64, 64, 3, 3}))
                         .weight("w", dims({1, 64, 64}))
                         .weight("v", dims({64, 10}))
                         .op(OpKind::kConv, "x", "k", "y")
                         .op(OpKind::kLstm, "y", "w", "z")
                         .op(OpKind::kMatMul, "z", "v", "u")
                         .build();
  const auto plan = plan_candidates(host, graph, "cpu");
  using ::testing::ElementsAre;
  EXPECT_THAT(plan.candidates, Contains(ResultOf(kDynamicOf, ElementsAre("z_op"))));
  EXPECT_THAT(plan.candidates, Contains(ResultOf(kDynamicOf, ElementsAre("z_op", "u_op"))));
  for (const auto& candidate : plan.candidates) {
    if (std::holds_alternative<Combined>(candidate.making)) {
      EXPECT_EQ(candidate.row.scheme.mode, quantize::Mode::kStatic);
      EXPECT_THAT(candidate.row.name(), HasSubstr("dynamic"));
    }
  }
  // Those that leave all but products and recurrent layers in float, by name and by what is made.
  const auto some = std::find_if(plan.candidates.begin(), plan.candidates.end(), [](const auto& c) {
    const auto* combined = std::get_if<Combined>(&c.making);
    return combined != nullptr && !combined->rest.everywhere();
  });
  ASSERT_NE(some, plan.candidates.end());
  EXPECT_EQ(some->row.operators, "Conv+ConvTranspose+Gemm+MatMul, TOY dynamic");
  EXPECT_THAT(std::get<Combined>(some->making).rest.op_types,
              ElementsAre("Conv", "ConvTranspose", "Gemm", "MatMul"));
  EXPECT_THAT(plan_candidates(host, graph, "openvino").candidates,
              Each(ResultOf(kDynamicOf, IsEmpty())));
}

TEST(PlanCandidates, ControlFlow_IsDynamicForWhatItsBodiesHold) {
  const auto model = onnx::Model::load(std::filesystem::path(TESSERA_SOURCE_DIR) /
                                       "tests/fixtures/bodies/looping.onnx");
  ASSERT_THAT(model, testing::IsOk());
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), *model->view(), "cpu");
  EXPECT_THAT(plan.candidates, Contains(ResultOf(kDynamicOf, ::testing::ElementsAre("loop"))));
}

Accuracy accuracy_of(double sqnr_db, double l2, std::optional<Top1> top1 = std::nullopt) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = sqnr_db;
  accuracy.overall.l2_per_element = l2;
  accuracy.top1 = top1;
  return accuracy;
}

TEST(Limits, EachOneCanBeMissed) {
  const auto accuracy = accuracy_of(20, 1e-3);
  EXPECT_THAT(missed_limit({}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.min_sqnr_db = 20}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.min_sqnr_db = 20.1}, accuracy), HasSubstr("SQNR"));
  EXPECT_THAT(missed_limit({.max_error = 1e-4}, accuracy), HasSubstr("error"));
  EXPECT_THAT(missed_limit({.max_top1_drop = 1}, accuracy), HasSubstr("unknown"));
  const Top1 top1{.reference_percent = 90, .candidate_percent = 88, .labelled = 50};
  EXPECT_THAT(missed_limit({.max_top1_drop = 1}, accuracy_of(20, 1e-3, top1)),
              HasSubstr("2.0 points"));
  EXPECT_THAT(missed_limit({.max_top1_drop = 3}, accuracy_of(20, 1e-3, top1)), IsEmpty());
}

TEST(Limits, NotANumber_IsAMiss) {
  EXPECT_THAT(missed_limit({.min_sqnr_db = 1}, accuracy_of(std::nan(""), 0)), HasSubstr("SQNR"));
}

}  // namespace
}  // namespace tessera::optimize
