// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What can be asked of the reference, and what it is asked for when nobody says.
#include <algorithm>
#include <string>
#include <vector>

#include "support/differential.h"
#include "support/toy_format.h"
#include "tessera/compat/ort.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"

namespace tessera::compat {
namespace {

using namespace quantize::differential;  // NOLINT(google-build-using-namespace): as in its tests
using quantize::Assignment;
using quantize::Format;
using quantize::Mode;
using quantize::QuantizeReport;
using quantize::Scheme;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

onnx::Model two_products() {
  auto model = ModelBuilder(13)
                   .input("x", {2, 4})
                   .weight("w", {4, 32})
                   .weight("v", {32, 32})
                   .named_op("first", "MatMul", {"x", "w"}, {"h"})
                   .named_op("second", "Gemm", {"h", "v"}, {"y"})
                   .output("y")
                   .build();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

/// The first operator gets one scheme, the second another.
Result<QuantizeReport> quantized(const Scheme& first, const Scheme& second) {
  const auto model = two_products();
  TESSERA_TRY(const auto ranges, measure(model, random_feeds(model, 1)));
  auto subject = network::Network::of(model.clone());
  return ort_quantize(subject, Assignment({first, second}), &ranges, {}, Monitor::silent());
}

Scheme scheme_of(Format format) {
  Scheme scheme;
  scheme.format = format;
  return scheme;
}

Scheme by_block(Format format, DType weight) {
  auto scheme = scheme_of(format);
  scheme.mode = Mode::kWeightOnly;
  scheme.weight = weight;
  scheme.block_size = 16;
  return scheme;
}

TEST(OrtRequests, WhatTheReferenceCannotDo_IsRefused) {
  EXPECT_THAT(quantized(scheme_of(Format::kQdqInputs), scheme_of(Format::kQdqInputs)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("qdq-inputs")));
  EXPECT_THAT(quantized(scheme_of(Format::kQdq), scheme_of(Format::kQOperator)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("cannot mix QDQ and QOperator")));
  auto other = scheme_of(Format::kQdq);
  other.per_channel = true;
  const auto mixed = quantized(scheme_of(Format::kQdq), other);
  ASSERT_THAT(mixed, FailsWith(ErrorCode::kUnimplemented, HasSubstr("'first' and 'second'")));
  EXPECT_THAT(mixed.error().hint, HasSubstr("--compat ort"));
}

TEST(OrtRequests, AnotherFormat_IsRefused) {
  auto toy = testing::toy_network();
  const Assignment assignment(toy.view()->ops().size(), Scheme());
  EXPECT_THAT(ort_quantize(toy, assignment, nullptr, {}, Monitor::silent()),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("is no ONNX model")));
}

TEST(OrtRequests, WhatQuantizeRefuses_IsRefusedAlike) {
  auto model = network::Network::of(two_products());
  EXPECT_THAT(ort_quantize(model, Assignment(2, Scheme()), nullptr, {}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("needs the ranges")));
  Scheme half;
  half.mode = Mode::kFloat16;
  EXPECT_THAT(ort_quantize(model, Assignment(2, half), nullptr, {.opset = 12}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("cannot be lowered to 12")));
}

TEST(OrtRequests, ModesMix) {
  const auto report = quantized(dynamic_scheme(DType::kInt8), scheme_of(Format::kQdq));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->quantized_ops, 2);
}

TEST(OrtRequests, WeightsByBlock_OnlyThoseOfMatMulAndNoBytesInQdq) {
  const auto nibbles = by_block(Format::kQOperator, DType::kUInt4);
  const auto report = quantized(nibbles, nibbles);
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->ops[0].quantized);
  EXPECT_EQ(report->ops[1].reason, "the reference quantizes MatMul only");
  const auto bytes = by_block(Format::kQdq, DType::kUInt8);
  const auto refused = quantized(bytes, bytes);
  ASSERT_THAT(refused, IsOk());
  EXPECT_THAT(refused->ops[0].reason, HasSubstr("no 8-bit weights in QDQ format"));
}

TEST(OrtRecipe, ListsAreSorted) {
  for (const auto mode : {Mode::kStatic, Mode::kDynamic, Mode::kWeightOnly}) {
    Scheme scheme;
    scheme.mode = mode;
    const auto types = ort_types(scheme);
    EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
    EXPECT_EQ(ort_recipe(scheme).rules.front().types, types);
  }
}

TEST(OrtRecipe, DynamicMatMul_BringsGemmAlong) {
  const auto dynamic = dynamic_scheme(DType::kInt8);
  using Types = std::vector<std::string>;
  EXPECT_EQ(ort_recipe(dynamic, {.op_types = {"MatMul"}}).rules.front().types,
            (Types{"MatMul", "Gemm"}));
  EXPECT_EQ(ort_recipe(dynamic, {.op_types = {"Conv"}}).rules.front().types, Types{"Conv"});
  EXPECT_EQ(ort_recipe(Scheme{}, {.op_types = {"MatMul"}}).rules.front().types, Types{"MatMul"});
}

}  // namespace
}  // namespace tessera::compat
