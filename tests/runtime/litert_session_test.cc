// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <thread>

#include "runtime/litert_models.h"
#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/core/file.h"
#include "tessera/core/timing.h"
#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::Field;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::relu_add_tanh;
using ::testing::SizeIs;

const SessionOptions kBuiltin{.opt_level = OptLevel::kDisabled};

/// None of XNNPACK's operators.
constexpr std::int32_t kLogSoftmax = 50;

std::vector<float> floats(const TensorView& view) {
  const auto values = view.as<float>();
  return {values.begin(), values.end()};
}

Result<Outputs> run(Session& session, const std::vector<float>& x) {
  const auto tensor = Tensor::of(x, session.inputs().front().shape);
  return session.run(std::vector<Feed>{{session.inputs().front().name, tensor.view()}});
}

/// Keeps what it sees, and adds to the first value if it is told to.
class Look : public TensorTap {
 public:
  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override {
    EXPECT_EQ(bytes_of(dtype, element_count(shape)), std::ssize(data));
    seen[tag].assign(data.begin(), data.end());
    if (add != 0) {
      reinterpret_cast<float*>(data.data())[0] += add;
    }
  }
  [[nodiscard]] float first(std::int64_t tag) const {
    float value = 0;
    std::memcpy(&value, seen.at(tag).data(), sizeof value);
    return value;
  }
  std::map<std::int64_t, std::vector<std::byte>> seen;
  float add = 0;
};

TEST(Litert, ComputesATinyModel_WithBothKernelSets) {
  TESSERA_NEEDS_LITERT();
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), {.opt_level = level});
    ASSERT_THAT(session, IsOk());
    ASSERT_THAT(session->inputs(), SizeIs(1));
    EXPECT_EQ(session->inputs()[0].name, "x");
    EXPECT_EQ(session->inputs()[0].dtype, DType::kFloat32);
    EXPECT_THAT(session->inputs()[0].shape, ElementsAre(1, 4));
    ASSERT_THAT(session->outputs(), SizeIs(1));
    EXPECT_EQ(session->outputs()[0].name, "y");
    const auto outputs = run(*session, {.25, -.5, 0, 1});
    ASSERT_THAT(outputs, IsOk());
    EXPECT_THAT(
        floats((*outputs)[0]),
        ElementsAre(FloatEq(std::tanh(.5F)), FloatEq(std::tanh(-.5F)), 0, FloatEq(std::tanh(2.F))));
  }
}

TEST(Litert, FileAndBytesAreTheSame) {
  TESSERA_NEEDS_LITERT();
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto file = folder->path() / "m.tflite";
  ASSERT_THAT(write_file(file, relu_add_tanh().bytes(), Overwrite::kRefuse), IsOk());
  auto session = open_litert_file(testing::litert(), file, kBuiltin);
  ASSERT_THAT(session, IsOk());
  const auto outputs = run(*session, {1, 0, 0, 0});
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT(floats((*outputs)[0]), ElementsAre(FloatEq(std::tanh(2.F)), 0, 0, 0));
}

TEST(Litert, OutputsOfEarlierRunsStay_AlsoWithoutTheSession) {
  TESSERA_NEEDS_LITERT();
  auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), kBuiltin);
  ASSERT_THAT(session, IsOk());
  std::vector<Outputs> kept;
  for (const float value : {1.F, 2.F, 3.F}) {
    auto outputs = run(*session, {value, 0, 0, 0});
    ASSERT_THAT(outputs, IsOk());
    kept.push_back(std::move(*outputs));
  }
  kept.erase(kept.begin() + 1);
  const auto again = run(*session, {.5, 0, 0, 0});  // where the second one was
  ASSERT_THAT(again, IsOk());
  session = fail(ErrorCode::kCancelled, "gone");
  EXPECT_FLOAT_EQ(floats(kept[0][0])[0], std::tanh(2.F));
  EXPECT_FLOAT_EQ(floats(kept[1][0])[0], std::tanh(6.F));
  EXPECT_FLOAT_EQ(floats((*again)[0])[0], std::tanh(1.F));
}

TEST(Litert, QuantizedValuesAreIntegers) {
  TESSERA_NEEDS_LITERT();
  auto model = relu_add_tanh();
  model.graphs[0].operators.resize(1);
  model.graphs[0].outputs = {1};
  for (auto* tensor : {&model.graphs[0].tensors[0], &model.graphs[0].tensors[1]}) {
    tensor->type = litert::FileType::kInt8;
    tensor->scales = {.5};
    tensor->zero_point = 3;
  }
  auto session = open_litert(testing::litert(), model.bytes(), kBuiltin);
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(session->inputs()[0].dtype, DType::kInt8);
  const auto x = Tensor::of(std::vector<std::int8_t>{-7, 3, 4, 100}, {1, 4});
  const auto outputs = session->run(std::vector<Feed>{{"x", x.view()}});
  ASSERT_THAT(outputs, IsOk());
  EXPECT_EQ((*outputs)[0].dtype, DType::kInt8);
  const auto values = (*outputs)[0].as<std::int8_t>();
  EXPECT_THAT(std::vector<int>(values.begin(), values.end()), ElementsAre(3, 3, 4, 100))
      << "what is below the zero point is below zero";
}

// --- signatures, names, extents -----------------------------------------------------------------

/// p + q and relu(p), by a graph that names its inputs and outputs in another order.
litert::TinyModel with_signatures() {
  using litert::TinyModel;
  auto model = TinyModel{
      .graphs = {{.tensors = {{.name = "t0", .shape = {1, 4}},
                              {.name = "t1", .shape = {1, 4}},
                              {.name = "t2", .shape = {1, 4}},
                              {.name = "t3", .shape = {1, 4}}},
                  .operators = {relu_add_tanh().graphs[0].operators[1],
                                {.code = litert::kRelu, .inputs = {0}, .outputs = {3}}},
                  .inputs = {1, 0},
                  .outputs = {3, 2}}},
      .signatures = {
          {.key = "serve", .inputs = {{"p", 0}, {"q", 1}}, .outputs = {{"sum", 2}, {"cut", 3}}},
          {.key = "other", .inputs = {{"a", 0}, {"b", 1}}, .outputs = {{"c", 2}, {"d", 3}}}}};
  model.graphs[0].operators[0].inputs = {0, 1};
  return model;
}

std::vector<std::string> names(const std::vector<ValueInfo>& values) {
  std::vector<std::string> all;
  for (const auto& value : values) {
    all.push_back(value.name);
  }
  return all;
}

TEST(Litert, SignatureIsChosenByItsKey_TheFirstByDefault) {
  TESSERA_NEEDS_LITERT();
  const auto bytes = with_signatures().bytes();
  const auto opened = [&](const std::string& key) {
    return open_litert(testing::litert(), bytes, kBuiltin, {.signature = key});
  };
  auto first = opened("");
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(names(first->inputs()), ElementsAre("q", "p")) << "in the order of the graph";
  EXPECT_THAT(names(first->outputs()), ElementsAre("cut", "sum"));
  const auto p = Tensor::of(std::vector<float>{-1, 2, 3, 4}, {1, 4});
  const auto q = Tensor::of(std::vector<float>{10, 20, 30, 40}, {1, 4});
  const auto outputs = first->run(std::vector<Feed>{{"p", p.view()}, {"q", q.view()}});
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT(floats((*outputs)[0]), ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(floats((*outputs)[1]), ElementsAre(9, 22, 33, 44));
  const auto other = opened("other");
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(names(other->inputs()), ElementsAre("b", "a"));
  const auto none = opened("third");
  ASSERT_THAT(none, FailsWith(ErrorCode::kNotFound, HasSubstr("'third'")));
  EXPECT_EQ(none.error().hint, "it has 'serve', 'other'");
}

TEST(Litert, ValuesAreCalledAsTheOpenerCallsThem) {
  TESSERA_NEEDS_LITERT();
  const auto session = open_litert(testing::litert(), with_signatures().bytes(), kBuiltin,
                                   {.tensors = {"zero", "one", "two", "three"}});
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(names(session->inputs()), ElementsAre("one", "zero"));
  EXPECT_THAT(names(session->outputs()), ElementsAre("three", "two"));
}

litert::TinyModel with_open_batch() {
  auto model = relu_add_tanh();
  for (auto& tensor : model.graphs[0].tensors) {
    tensor.signature = {-1, 4};
  }
  return model;
}

TEST(Litert, OpenExtentsAreOne_OrAsGiven) {
  TESSERA_NEEDS_LITERT();
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    const SessionOptions options{.opt_level = level};
    const auto one = open_litert(testing::litert(), with_open_batch().bytes(), options);
    ASSERT_THAT(one, IsOk());
    EXPECT_THAT(one->inputs()[0].shape, ElementsAre(1, 4));
    auto three = open_litert(testing::litert(), with_open_batch().bytes(), options,
                             {.shapes = {{"x", {3, 4}}}});
    ASSERT_THAT(three, IsOk());
    EXPECT_THAT(three->inputs()[0].shape, ElementsAre(3, 4));
    EXPECT_THAT(three->outputs()[0].shape, ElementsAre(3, 4));
    const auto outputs = run(*three, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
    ASSERT_THAT(outputs, IsOk());
    EXPECT_FLOAT_EQ(floats((*outputs)[0])[9], std::tanh(2.F));
  }
}

TEST(Litert, ExtentsThatAnInputCannotHave_AreRefused) {
  TESSERA_NEEDS_LITERT();
  for (const auto& shape : std::vector<Shape>{{1, 5}, {0, 4}, {-1, 4}, {4}, {1, 4, 1}}) {
    EXPECT_THAT(open_litert(testing::litert(), with_open_batch().bytes(), kBuiltin,
                            {.shapes = {{"x", shape}}}),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'x'")));
  }
}

// --- options ------------------------------------------------------------------------------------

TEST(Litert, OptionsThatItDoesNotHave_AreRefused) {
  TESSERA_NEEDS_LITERT();
  const auto bytes = relu_add_tanh().bytes();
  const auto opened = [&](const SessionOptions& options) {
    return open_litert(testing::litert(), bytes, options);
  };
  const auto basic = opened({.opt_level = OptLevel::kBasic});
  ASSERT_THAT(basic, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'basic'")));
  EXPECT_THAT(basic.error().hint, HasSubstr("XNNPACK"));
  EXPECT_THAT(opened({.opt_level = OptLevel::kExtended}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'extended'")));
  EXPECT_THAT(opened({.threads = 0}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("0")));
  EXPECT_THAT(opened({.provider = "cuda"}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("'cuda'")));
  EXPECT_THAT(opened({.provider_options = {{"a", "b"}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a'")));
  EXPECT_THAT(opened({.config = {{"a", "b"}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a=b'")));
  EXPECT_THAT(opened({.config = {{"flags", "3x"}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'3x'")));
  EXPECT_THAT(opened({.config = {{"kernel_mode", "builtin\"\nflags = 0"}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("kernel_mode")));
  EXPECT_THAT(opened({.optimized_model = "/tmp/m.tflite"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("does not write")));
}

TEST(Litert, ReferenceKernelsAndThreads) {
  TESSERA_NEEDS_LITERT();
  for (const auto& options :
       {SessionOptions{.opt_level = OptLevel::kDisabled, .config = {{"kernel_mode", "reference"}}},
        SessionOptions{.threads = 2}, SessionOptions{.config = {{"flags", "0"}}}}) {
    auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), options);
    ASSERT_THAT(session, IsOk());
    const auto outputs = run(*session, {1, 0, 0, 0});
    ASSERT_THAT(outputs, IsOk());
    EXPECT_FLOAT_EQ(floats((*outputs)[0])[0], std::tanh(2.F));
  }
}

// --- what cannot be opened ----------------------------------------------------------------------

struct Bad {
  const char* what;
  void (*spoil)(litert::TinyGraph&);
  ErrorCode code;
  const char* message;
  const char* hint;
};
class LitertRefuses : public ::testing::TestWithParam<Bad> {};

TEST_P(LitertRefuses, WithTheReason) {
  TESSERA_NEEDS_LITERT();
  auto model = relu_add_tanh();
  GetParam().spoil(model.graphs[0]);
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    ::testing::internal::CaptureStderr();
    const auto session = open_litert(testing::litert(), model.bytes(), {.opt_level = level});
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "the library prints nothing";
    EXPECT_THAT(session, FailsWith(GetParam().code, HasSubstr(GetParam().message)));
    if (!session) {
      EXPECT_THAT(session.error().hint, HasSubstr(GetParam().hint));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, LitertRefuses,
    ::testing::Values(
        Bad{"version", [](litert::TinyGraph& g) { g.operators[0].version = 99; },
            ErrorCode::kUnimplemented, "version 99 of operator type RELU", "newer LiteRT"},
        Bad{"code", [](litert::TinyGraph& g) { g.operators[0].code = 3000; },
            ErrorCode::kUnimplemented, "operator code 3000", "newer LiteRT"},
        Bad{"custom",
            [](litert::TinyGraph& g) {
              g.operators[0].code = litert::kCustom;
              g.operators[0].custom = "MyOwn";
            },
            ErrorCode::kUnimplemented, "custom operator 'MyOwn'", "delegate"},
        Bad{"flex",
            [](litert::TinyGraph& g) {
              g.operators[0].code = litert::kCustom;
              g.operators[0].custom = "FlexErf";
            },
            ErrorCode::kUnimplemented, "such as FlexErf", "TFLITE_BUILTINS"},
        Bad{"type", [](litert::TinyGraph& g) { g.tensors[0].type = litert::FileType::kInt32; },
            ErrorCode::kUnimplemented, "operator 0 (RELU)", "types"},
        Bad{"arity", [](litert::TinyGraph& g) { g.operators[1].inputs = {1}; },
            ErrorCode::kUnimplemented, "operator 1 (ADD): NumInputs", ""},
        Bad{"int4",
            [](litert::TinyGraph& g) {
              g.tensors[1].type = litert::FileType::kInt4;
              g.tensors[1].data = std::string(2, '\x11');
              g.operators = {{.code = litert::kTanh, .inputs = {1}, .outputs = {3}},
                             {.code = litert::kTanh, .inputs = {0}, .outputs = {2}}};
            },
            ErrorCode::kUnimplemented, "operator 0 (TANH)", "4-bit"},
        Bad{"string input",
            [](litert::TinyGraph& g) { g.tensors[0].type = litert::FileType::kString; },
            ErrorCode::kUnimplemented, "'x' is of type string", "numbers"},
        Bad{"int4 input", [](litert::TinyGraph& g) { g.tensors[0].type = litert::FileType::kInt4; },
            ErrorCode::kUnimplemented, "'x' is of type int4", "8 bits"}),
    [](const auto& test) {
      std::string name = test.param.what;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST(Litert, WhatIsNoModel_IsRefused) {
  TESSERA_NEEDS_LITERT();
  for (const std::string& bytes : {std::string(), std::string("TFL3"), std::string(100, 'x'),
                                   std::string("\x08\0\0\0ORTM", 8) + std::string(100, '\0')}) {
    EXPECT_THAT(open_litert(testing::litert(), bytes, {}),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("not a .tflite model")));
  }
  EXPECT_THAT(open_litert_file(testing::litert(), "/no/such.tflite", {}),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/such.tflite")));
}

TEST(Litert, ResultsWhoseExtentsDependOnValues_AreRefused) {
  TESSERA_NEEDS_LITERT();
  constexpr std::int32_t kFill = 94;
  const litert::TinyModel model{
      .graphs = {{.tensors = {{.name = "dims", .type = litert::FileType::kInt32, .shape = {1}},
                              {.name = "value", .shape = {}},
                              {.name = "y", .shape = {1}, .signature = {-1}}},
                  .operators = {{.code = kFill, .inputs = {0, 1}, .outputs = {2}}},
                  .inputs = {0, 1},
                  .outputs = {2}}}};
  auto session = open_litert(testing::litert(), model.bytes(), kBuiltin);
  ASSERT_THAT(session, IsOk());
  const auto dims = Tensor::of(std::vector<std::int32_t>{100000}, {1});
  const auto value = Tensor::scalar(7.F);
  EXPECT_THAT(session->run(std::vector<Feed>{{"dims", dims.view()}, {"value", value.view()}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("extents of an output")));
}

/// x [1, 4] -> RESHAPE by a sum of constants -> a -> RESHAPE by the same -> y [4, 1]
litert::TinyModel reshaped_twice() {
  using namespace litert;  // NOLINT(google-build-using-namespace)
  constexpr std::uint8_t kAddOptions = 11;
  const auto constant = [](const char* name, std::vector<std::int32_t> values) {
    return TinyTensor{
        .name = name, .type = FileType::kInt32, .shape = {2}, .data = bytes_of(values)};
  };
  return {.graphs = {{.tensors = {{.name = "x", .shape = {1, 4}},
                                  constant("one", {3, 0}),
                                  constant("other", {1, 1}),
                                  {.name = "shape", .type = FileType::kInt32, .shape = {2}},
                                  {.name = "a", .shape = {4, 1}},
                                  {.name = "y", .shape = {4, 1}}},
                      .operators = {{.code = kAdd,
                                     .inputs = {1, 2},
                                     .outputs = {3},
                                     .options_kind = kAddOptions,
                                     .options = FlatTable()},
                                    {.code = kReshape, .inputs = {0, 3}, .outputs = {4}},
                                    {.code = kReshape, .inputs = {4, 3}, .outputs = {5}}},
                      .inputs = {0},
                      .outputs = {5}}}};
}

/// The library says nothing and leaves the output as it was.
TEST(Litert, ResultsThatTheLibraryKeeps_AreRefusedAndNotMadeUp) {
  TESSERA_NEEDS_LITERT();
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    auto session = open_litert(testing::litert(), reshaped_twice().bytes(), {.opt_level = level});
    ASSERT_THAT(session, IsOk());
    const auto outputs = run(*session, {1, 2, 3, 4});
    ASSERT_THAT(outputs, FailsWith(ErrorCode::kUnimplemented, HasSubstr("extents")));
    EXPECT_NE(outputs.error().hint, "");
  }
}

/// Its bytes are those that outputs are marked with before the first run.
TEST(Litert, AResultThatLooksLikeNone_IsTaken_AndCountsOnce) {
  TESSERA_NEEDS_LITERT();
  const std::string marks(16, '\xA5');
  float mark = 0;
  std::memcpy(&mark, marks.data(), sizeof mark);
  const litert::TinyTensor shape{.name = "shape",
                                 .type = litert::FileType::kInt32,
                                 .shape = {2},
                                 .data = litert::bytes_of(std::vector<std::int32_t>{1, 4})};
  const litert::TinyModel model{
      .graphs = {
          {.tensors = {{.name = "x", .shape = {1, 4}}, shape, {.name = "y", .shape = {1, 4}}},
           .operators = {{.code = litert::kReshape, .inputs = {0, 1}, .outputs = {2}}},
           .inputs = {0},
           .outputs = {2}}}};
  Look look;
  auto session =
      open_litert(testing::litert(), model.bytes(),
                  {.opt_level = OptLevel::kDisabled, .profile = true, .tap = &look}, {.taps = {2}});
  ASSERT_THAT(session, IsOk());
  const auto outputs = run(*session, {mark, mark, mark, mark});
  ASSERT_THAT(outputs, IsOk());
  const auto bytes = (*outputs)[0].bytes;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), marks);
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  EXPECT_THAT(*kernels, SizeIs(1));
}

/// Operators that only XNNPACK has.
TEST(Litert, StubsAreNamed) {
  TESSERA_NEEDS_LITERT();
  litert::TinyModel model{
      .graphs = {{.tensors = {{.name = "x", .shape = {1, 4}}, {.name = "y", .shape = {1, 4}}},
                  .operators = {{.code = litert::kCustom,
                                 .inputs = {0},
                                 .outputs = {1},
                                 .custom = "Convolution2DTransposeBias"}},
                  .inputs = {0},
                  .outputs = {1}}}};
  auto session = open_litert(testing::litert(), model.bytes(), kBuiltin);
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(run(*session, {1, 2, 3, 4}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'Convolution2DTransposeBias'")));
}

TEST(Litert, FeedsAreCheckedBeforeItSeesThem) {
  TESSERA_NEEDS_LITERT();
  auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), {});
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(session->run({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'x'")));
  const Tensor wide(DType::kFloat32, {1, 5});
  EXPECT_THAT(session->run(std::vector<Feed>{{"x", wide.view()}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("[1,4]")));
}

// --- taps ---------------------------------------------------------------------------------------

TEST(Litert, TapsSeeValuesOnTheirWay_AndMayChangeThem) {
  TESSERA_NEEDS_LITERT();
  Look look;
  auto options = kBuiltin;
  options.tap = &look;
  auto session =
      open_litert(testing::litert(), relu_add_tanh().bytes(), options, {.taps = {2, 0, 1, 3, 1}});
  ASSERT_THAT(session, IsOk());
  const std::vector<float> x{.25, -.5, 0, 1};
  ASSERT_THAT(run(*session, x), IsOk());
  EXPECT_THAT(look.seen, SizeIs(5));
  EXPECT_EQ(look.first(0), .5F) << "b = relu(x) + x";
  EXPECT_EQ(look.first(1), .25F) << "x";
  EXPECT_EQ(look.first(2), .25F) << "a";
  EXPECT_FLOAT_EQ(look.first(3), std::tanh(.5F)) << "y";
  EXPECT_EQ(look.seen[4], look.seen[2]) << "one value under two tags";
  look.add = 1;
  const auto outputs = run(*session, x);
  ASSERT_THAT(outputs, IsOk());
  EXPECT_EQ(look.first(1), .25F) << "what is fed is not changed";
  EXPECT_EQ(look.first(2), 1.25F) << "its readers see the changed x";
  EXPECT_EQ(look.first(4), 2.25F);
  EXPECT_EQ(look.first(0), 4.5F) << "(1.25 + 1 + 1) + (.25 + 1)";
  EXPECT_FLOAT_EQ(floats((*outputs)[0])[0], std::tanh(5.5F) + 1);
}

TEST(Litert, ValuesThatNothingMakes_OrThatXnnpackKeeps_CannotBeTapped) {
  TESSERA_NEEDS_LITERT();
  Look look;
  auto options = kBuiltin;
  options.tap = &look;
  const auto opened = [&](LitertModel known) {
    return open_litert(testing::litert(), relu_add_tanh().bytes(), options, known);
  };
  for (const std::int32_t tensor : {4, -1, 1 << 30}) {
    EXPECT_THAT(opened({.taps = {tensor}}),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr(std::to_string(tensor))));
  }
  options.opt_level = OptLevel::kAll;
  EXPECT_THAT(opened({.taps = {0, 3}}), IsOk()) << "inputs and outputs are seen";
  const auto hidden = opened({.tensors = {"x", "inner", "b", "y"}, .taps = {1}});
  ASSERT_THAT(hidden, FailsWith(ErrorCode::kUnimplemented, HasSubstr("'inner'")));
  EXPECT_THAT(hidden.error().hint, HasSubstr("disabled"));
}

TEST(Litert, TapsAndTimesAfterExtentsWereGiven) {
  TESSERA_NEEDS_LITERT();
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    Look look;
    auto session = open_litert(testing::litert(), with_open_batch().bytes(),
                               {.opt_level = level, .profile = true, .tap = &look},
                               {.taps = {3}, .shapes = {{"x", {3, 4}}}});
    ASSERT_THAT(session, IsOk());
    ASSERT_THAT(run(*session, std::vector<float>(12, 1)), IsOk());
    EXPECT_THAT(look.seen[0], SizeIs(12 * sizeof(float)));
    const auto kernels = session->end_profile();
    ASSERT_THAT(kernels, IsOk());
    EXPECT_THAT(*kernels, SizeIs(level == OptLevel::kAll ? 1 : 3));
  }
}

TEST(Litert, OperatorsBesidePartitions_AfterExtentsWereGiven) {
  TESSERA_NEEDS_LITERT();
  auto model = with_open_batch();
  model.graphs[0].operators[1] = {.code = kLogSoftmax, .inputs = {1}, .outputs = {2}};
  Look look;
  auto session = open_litert(testing::litert(), model.bytes(), {.profile = true, .tap = &look},
                             {.taps = {2}, .shapes = {{"x", {3, 4}}}});
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, std::vector<float>(12, 1)), IsOk());
  EXPECT_FLOAT_EQ(look.first(0), -std::log(4.F));
  EXPECT_THAT(look.seen[0], SizeIs(12 * sizeof(float)));
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  EXPECT_THAT(*kernels, SizeIs(3));
}

TEST(Litert, ALibraryWithoutObserver_RunsButShowsNothing) {
  TESSERA_NEEDS_LITERT();
  const auto library = testing::without_observer();
  EXPECT_THAT(open_litert(library, relu_add_tanh().bytes(), {}), IsOk());
  Look look;
  const auto tapped = open_litert(library, relu_add_tanh().bytes(), {.tap = &look}, {.taps = {3}});
  ASSERT_THAT(tapped, FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("takes no observer")));
  EXPECT_THAT(tapped.error().hint, HasSubstr("outputs of the model"));
}

// --- kernel times -------------------------------------------------------------------------------

TEST(Litert, KernelTimesAreOfItsOperators) {
  TESSERA_NEEDS_LITERT();
  auto options = kBuiltin;
  options.profile = true;
  auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), options,
                             {.operators = {{"cut", "RELU"},
                                            {"sum", "ADD", KernelRole::kIntegerProduct, true},
                                            {"end", "TANH", KernelRole::kInteger}}});
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, {1, 2, 3, 4}), IsOk());
  ASSERT_THAT(run(*session, {1, 2, 3, 4}), IsOk());
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  const auto runs = kernels_by_run(*kernels);
  ASSERT_THAT(runs, SizeIs(2));
  ASSERT_THAT(runs[1], SizeIs(3));
  const auto& sum = runs[1][1];
  EXPECT_EQ(sum.node, "sum");
  EXPECT_EQ(sum.op_type, "ADD");
  EXPECT_EQ(sum.provider, "cpu");
  EXPECT_EQ(sum.run, 1);
  EXPECT_EQ(sum.output_bytes, 16);
  EXPECT_THAT(sum.sources, ElementsAre(1U));
  EXPECT_THAT(sum.behind, ElementsAre(0U));
  EXPECT_THAT(runs[1][0].behind, IsEmpty());
  EXPECT_EQ(runs[1][2].role, KernelRole::kInteger);
  EXPECT_EQ(runs[1][1].hybrid_products, 1);
  EXPECT_EQ(runs[1][2].hybrid_products, 0);
  EXPECT_GE(runs[1][1].start_us, runs[1][0].start_us + runs[1][0].duration_us);
  EXPECT_THAT(*kernels, Each(Field(&KernelTime::duration_us, ::testing::Ge(0.0))));
  EXPECT_THAT(session->end_profile(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("profile")));
}

TEST(Litert, OperatorsOfWhichNothingIsKnown_AreNumbered) {
  TESSERA_NEEDS_LITERT();
  auto options = kBuiltin;
  options.profile = true;
  auto session = open_litert(testing::litert(), relu_add_tanh().bytes(), options);
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, {1, 2, 3, 4}), IsOk());
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  EXPECT_EQ(kernels->back().node, "#2");
  EXPECT_EQ(kernels->back().op_type, "builtin 28");
}

TEST(Litert, WhatXnnpackTook_IsOneKernelWithAllItsOperators) {
  TESSERA_NEEDS_LITERT();
  auto model = relu_add_tanh();
  model.graphs[0].operators[1] = {.code = kLogSoftmax, .inputs = {1}, .outputs = {2}};
  auto session = open_litert(
      testing::litert(), model.bytes(), {.profile = true},
      {.operators = {{"cut", "RELU", KernelRole::kIntegerProduct}, {"mid", "LOG_SOFTMAX"}}});
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, {1, 2, 3, 4}), IsOk());
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(*kernels, SizeIs(3));
  EXPECT_EQ((*kernels)[0].provider, "xnnpack");
  EXPECT_EQ((*kernels)[0].node, "xnnpack: 1 operators");
  EXPECT_THAT((*kernels)[0].sources, ElementsAre(0U));
  EXPECT_EQ((*kernels)[0].role, KernelRole::kIntegerProduct);
  EXPECT_EQ((*kernels)[1].provider, "cpu");
  EXPECT_EQ((*kernels)[1].node, "mid");
  EXPECT_THAT((*kernels)[2].sources, ElementsAre(2U));
  EXPECT_THAT((*kernels)[2].behind, ElementsAre(1U));
  session = open_litert(testing::litert(), relu_add_tanh().bytes(), {.profile = true},
                        {.operators = {{"cut", "RELU", KernelRole::kIntegerProduct},
                                       {"mid", "ADD", KernelRole::kIntegerProduct, true}}});
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, {1, 2, 3, 4}), IsOk());
  const auto whole = session->end_profile();
  ASSERT_THAT(whole, IsOk());
  ASSERT_THAT(*whole, SizeIs(1));
  EXPECT_THAT(whole->front().sources, ElementsAre(0U, 1U, 2U));
  EXPECT_EQ(whole->front().integer_products, 2);
  EXPECT_EQ(whole->front().hybrid_products, 1);
}

TEST(Litert, SessionsRunInSeveralThreadsAtOnce) {
  TESSERA_NEEDS_LITERT();
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 1; t <= 4; ++t) {
    threads.emplace_back([&right, t] {
      for (int round = 0; round < 10; ++round) {
        Look look;
        auto options = kBuiltin;
        options.profile = true;
        options.tap = &look;
        auto session =
            open_litert(testing::litert(), relu_add_tanh().bytes(), options, {.taps = {2}});
        const auto outputs = run(*session, {static_cast<float>(t), 0, 0, 0});
        right += outputs && look.first(0) == static_cast<float>(2 * t) ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 40);
}

// --- several graphs -----------------------------------------------------------------------------

/// Graph 0 is the body of a choice; the signature's graph 1 asks for it.
litert::TinyModel with_choice() {
  using litert::FileType;
  using litert::TinyGraph;
  constexpr std::int32_t kIf = 118;
  constexpr std::uint8_t kIfOptions = 92;
  const auto body = [](std::int32_t code) {
    return TinyGraph{.tensors = {{.name = "in", .shape = {1, 4}}, {.name = "out", .shape = {1, 4}}},
                     .operators = {{.code = code, .inputs = {0}, .outputs = {1}}},
                     .inputs = {0},
                     .outputs = {1}};
  };
  litert::TinyModel model;
  model.graphs.push_back(body(litert::kRelu));
  model.graphs.push_back(
      {.tensors = {{.name = "which", .type = FileType::kBool, .shape = {1}},
                   {.name = "x", .shape = {1, 4}},
                   {.name = "a", .shape = {1, 4}},
                   {.name = "y", .shape = {1, 4}}},
       .operators = {{.code = litert::kTanh, .inputs = {1}, .outputs = {2}},
                     {.code = kIf,
                      .inputs = {0, 2},
                      .outputs = {3},
                      .options_kind = kIfOptions,
                      .options = FlatTable()
                                     .set(0, FlatValue::number(std::int32_t{0}))
                                     .set(1, FlatValue::number(std::int32_t{2}))}},
       .inputs = {0, 1},
       .outputs = {3}});
  model.graphs.push_back(body(litert::kTanh));
  model.signatures = {
      {.key = "s", .inputs = {{"which", 0}, {"x", 1}}, .outputs = {{"y", 3}}, .subgraph = 1}};
  return model;
}

TEST(Litert, OperatorsOfTheSignaturesGraphAreSeen_BodiesCountAsWhoRunsThem) {
  TESSERA_NEEDS_LITERT();
  Look look;
  auto options = kBuiltin;
  options.profile = true;
  options.tap = &look;
  auto session = open_litert(testing::litert(), with_choice().bytes(), options,
                             {.operators = {{"first", "TANH"}, {"choice", "IF"}}, .taps = {2, 3}});
  ASSERT_THAT(session, IsOk());
  Tensor which(DType::kBool, {1});
  which.bytes()[0] = std::byte{1};
  const auto x = Tensor::of(std::vector<float>{-1, 0, 0, 0}, {1, 4});
  const auto outputs = session->run(std::vector<Feed>{{"which", which.view()}, {"x", x.view()}});
  ASSERT_THAT(outputs, IsOk());
  EXPECT_EQ(floats((*outputs)[0])[0], 0) << "relu(tanh(-1))";
  EXPECT_FLOAT_EQ(look.first(0), std::tanh(-1.F));
  EXPECT_EQ(look.first(1), 0);
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(*kernels, SizeIs(2));
  EXPECT_EQ((*kernels)[1].node, "choice");
}

// --- published models ---------------------------------------------------------------------------

class LitertPublishedSlow : public ::testing::TestWithParam<std::string> {
 protected:
  /// The same bytes everywhere: values of 0 to 250, as bytes or as floats.
  static Tensor input_of(const ValueInfo& input) {
    Tensor x(input.dtype, input.shape);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const auto level = (i * 37 + i / 7) % 251;
      if (input.dtype == DType::kFloat32) {
        x.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(level);
      } else {
        x.bytes()[static_cast<std::size_t>(i)] = static_cast<std::byte>(level);
      }
    }
    return x;
  }
};

TEST_P(LitertPublishedSlow, TimesOfOperatorsSumToThoseOfRuns) {
  TESSERA_NEEDS_LITERT();
  const auto path = testing::shared_file(std::string("models/") + GetParam());
  if (path.empty()) {
    GTEST_SKIP() << "NOT TESTED: no " << GetParam() << "; set TESSERA_SHARED";
  }
  auto options = kBuiltin;
  options.profile = true;
  auto session = open_litert_file(testing::litert(), path, options);
  ASSERT_THAT(session, IsOk());
  const auto x = input_of(session->inputs().front());
  const std::vector<Feed> feeds{{session->inputs().front().name, x.view()}};
  constexpr int kRuns = 60;
  const auto clock = steady_clock_us();
  std::vector<double> whole;
  for (int i = 0; i < kRuns; ++i) {
    const double start = clock();
    ASSERT_THAT(session->run(feeds), IsOk());
    whole.push_back(clock() - start);
  }
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  const auto runs = kernels_by_run(*kernels);
  ASSERT_THAT(runs, SizeIs(kRuns));
  std::vector<double> shares;
  for (std::size_t i = 0; i < kRuns; ++i) {
    double sum = 0;
    for (const auto& kernel : runs[i]) {
      sum += kernel.duration_us;
    }
    shares.push_back(sum / whole[i]);
  }
  std::sort(shares.begin(), shares.end());
  const double share = shares[kRuns / 2];
  RecordProperty("share", std::to_string(share));
  EXPECT_GE(share, .95);
  EXPECT_LE(share, 1.01);
}

TEST_P(LitertPublishedSlow, TapsAreWhatTheLibraryHasWithoutThem) {
  TESSERA_NEEDS_LITERT();
  const auto path = testing::shared_file(std::string("models/") + GetParam());
  if (path.empty()) {
    GTEST_SKIP() << "NOT TESTED: no " << GetParam() << "; set TESSERA_SHARED";
  }
  auto plain = open_litert_file(testing::litert(), path, kBuiltin);
  ASSERT_THAT(plain, IsOk());
  const auto x = input_of(plain->inputs().front());
  const std::vector<Feed> feeds{{plain->inputs().front().name, x.view()}};
  const auto expected = plain->run(feeds);
  ASSERT_THAT(expected, IsOk());
  Look look;
  auto options = kBuiltin;
  options.tap = &look;
  // The last tensors of these files are the results of their operators.
  constexpr std::int32_t kFirst = 22;
  std::vector<std::int32_t> taps;
  for (std::int32_t tensor = GetParam().find("vww") == std::string::npos ? kFirst : 58;; ++tensor) {
    const auto tried = open_litert_file(testing::litert(), path, options, {.taps = {tensor}});
    if (!tried) {
      break;
    }
    taps.push_back(tensor);
  }
  ASSERT_THAT(taps, SizeIs(::testing::Ge(15U)));
  auto session = open_litert_file(testing::litert(), path, options, {.taps = taps});
  ASSERT_THAT(session, IsOk());
  const auto outputs = session->run(feeds);
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT(look.seen, SizeIs(taps.size()));
  const auto tapped = (*outputs)[0].bytes;
  const auto untapped = (*expected)[0].bytes;
  EXPECT_TRUE(std::equal(tapped.begin(), tapped.end(), untapped.begin(), untapped.end()));
}

INSTANTIATE_TEST_SUITE_P(
    All, LitertPublishedSlow,
    ::testing::Values("mlperf_tiny_resnet8_fp32.tflite", "mlperf_tiny_resnet8_int8.tflite",
                      "mlperf_tiny_vww_fp32.tflite", "mlperf_tiny_vww_int8.tflite"),
    [](const auto& test) { return test.param.substr(0, test.param.find('.')); });

}  // namespace
}  // namespace tessera::runtime
