// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::negate_relu;
using ::testing::Not;
using ::testing::SizeIs;
using testing::TinyModel;
using testing::value_info;

std::shared_ptr<const Library> library() {
  static const auto loaded = Library::load();
  EXPECT_THAT(loaded, IsOk());
  return *loaded;
}

Result<Session> open(const TinyModel& model, const SessionOptions& options = {}) {
  return open_onnx(library(), model.bytes(), {}, options);
}

std::vector<float> values_of(const TensorView& view) {
  const auto values = view.as<float>();
  return {values.begin(), values.end()};
}

TEST(Session, Open_DescribesInputsAndOutputsWithSymbols) {
  const auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(session->inputs(), SizeIs(1));
  const auto& input = session->inputs()[0];
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.dtype, DType::kFloat32);
  EXPECT_THAT(input.shape, ElementsAre(-1, 4));
  EXPECT_THAT(input.symbols, ElementsAre("N", ""));
  EXPECT_EQ(session->outputs()[0].name, "y");
}

TEST(Session, Run_ComputesWithoutCopyingTheFeed) {
  auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  const auto x = Tensor::of<float>(std::vector<float>{1, -2, 3, -4}, {1, 4});
  const auto outputs = session->run(std::vector<Feed>{{"x", x.view()}});
  ASSERT_THAT(outputs, IsOk());
  ASSERT_EQ(outputs->size(), 1U);
  EXPECT_THAT(values_of((*outputs)[0]), ElementsAre(0, 2, 0, 4));
  EXPECT_THAT(x.as<float>(), ElementsAre(1, -2, 3, -4));
}

TEST(Session, Outputs_OutliveTheSession) {
  std::optional<Outputs> kept;
  {
    auto session = open(negate_relu());
    ASSERT_THAT(session, IsOk());
    const auto x = Tensor::of<float>(std::vector<float>{-1, -2, -3, -4}, {1, 4});
    auto outputs = session->run(std::vector<Feed>{{"x", x.view()}});
    ASSERT_THAT(outputs, IsOk());
    kept.emplace(std::move(*outputs));
  }
  EXPECT_THAT(values_of((*kept)[0]), ElementsAre(1, 2, 3, 4));
}

TEST(Session, Run_ZeroRows_GivesZeroRows) {
  auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  const Tensor x(DType::kFloat32, {0, 4});
  const auto outputs = session->run(std::vector<Feed>{{"x", x.view()}});
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].shape, ElementsAre(0, 4));
}

TEST(Session, Run_MissingFeed_NamesIt) {
  auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(session->run({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'x'")));
}

TEST(Session, Run_UnknownFeed_NamesItAndThoseThereAre) {
  auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  const Tensor x(DType::kFloat32, {1, 4});
  EXPECT_THAT(session->run(std::vector<Feed>{{"x", x.view()}, {"z", x.view()}}),
              FailsWith(ErrorCode::kInvalidArgument, AllOf(HasSubstr("'z'"), HasSubstr("'x'"))));
}

TEST(Session, Run_WrongShapeOrType_SaysWhatIsExpected) {
  auto session = open(negate_relu());
  ASSERT_THAT(session, IsOk());
  const Tensor narrow(DType::kFloat32, {1, 3});
  EXPECT_THAT(session->run(std::vector<Feed>{{"x", narrow.view()}}),
              FailsWith(ErrorCode::kInvalidArgument,
                        AllOf(HasSubstr("float32 [1,3]"), HasSubstr("float32 [?,4]"))));
  const Tensor bytes(DType::kUInt8, {1, 4});
  EXPECT_THAT(session->run(std::vector<Feed>{{"x", bytes.view()}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("uint8 [1,4]")));
}

TEST(Session, Run_KernelFails_GivesOneLineWithTheNode) {
  TinyModel model{
      {value_info("x", DType::kFloat32, {"N"}), value_info("shape", DType::kInt64, {"2"})},
      {testing::untyped("y")},
      {{"Reshape", {"x", "shape"}, {"y"}, "", "refold", {}}},
      {}};
  auto session = open(model);
  ASSERT_THAT(session, IsOk());
  const Tensor x(DType::kFloat32, {5});
  const auto shape = Tensor::of<std::int64_t>(std::vector<std::int64_t>{2, 3}, {2});
  EXPECT_THAT(session->run(std::vector<Feed>{{"x", x.view()}, {"shape", shape.view()}}),
              FailsWith(ErrorCode::kUnavailable,
                        AllOf(HasSubstr("refold"), Not(HasSubstr("\n")), Not(HasSubstr(".cc")))));
}

TEST(Session, Open_UnknownOperator_NamesType) {
  auto model = negate_relu();
  model.nodes[1] = {"Frobnicate", {"n"}, {"y"}, "elsewhere", "odd one", {}};
  EXPECT_THAT(open(model), FailsWith(ErrorCode::kUnimplemented, HasSubstr("Frobnicate")));
}

TEST(Session, Open_NoKernelForType_NamesNodeAndType) {
  const TinyModel model{{value_info("x", DType::kBFloat16, {"4"})},
                        {value_info("y", DType::kBFloat16, {"4"})},
                        {{"Erf", {"x"}, {"y"}, "", "the erf", {}}},
                        {}};
  EXPECT_THAT(open(model), FailsWith(ErrorCode::kUnimplemented,
                                     AllOf(HasSubstr("'the erf'"), HasSubstr("Erf"))));
}

TEST(Session, Open_Garbage_IsDataLoss) {
  EXPECT_THAT(open_onnx(library(), std::string_view("not a model at all"), {}, {}),
              FailsWith(ErrorCode::kDataLoss, Not(HasSubstr("\n"))));
}

TEST(Session, Open_MissingFile_IsNotFound) {
  EXPECT_THAT(open_onnx(library(), std::filesystem::path("/no/such/model.onnx"), {}),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/such/model.onnx")));
}

TEST(Session, Open_FromFile_SameAsFromMemory) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "m.onnx";
  ASSERT_THAT(write_file(path, negate_relu().bytes(), Overwrite::kRefuse), IsOk());
  EXPECT_THAT(open_onnx(library(), path, {}), IsOk());
}

TEST(Session, Open_AbsentProvider_SaysWhatToInstall) {
  SessionOptions options;
  options.provider = "cuda";
  const auto session = open(negate_relu(), options);
  if (session) {
    GTEST_SKIP() << "this library has the provider";
  }
  EXPECT_THAT(session, FailsWith(ErrorCode::kUnavailable, HasSubstr("'cuda'")));
  EXPECT_THAT(session.error().hint, HasSubstr("onnxruntime-gpu"));
}

TEST(Session, Open_ProviderNames_ShortAndLongAreTheSame) {
  for (const auto* name : {"cpu", "CPU", "CPUExecutionProvider"}) {
    SessionOptions options;
    options.provider = name;
    EXPECT_THAT(open(negate_relu(), options), IsOk()) << name;
  }
}

TEST(Session, Open_OptionForCpu_IsRefused) {
  SessionOptions options;
  options.provider_options = {{"device_id", "1"}};
  EXPECT_THAT(open(negate_relu(), options),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("device_id")));
}

TEST(Session, Open_NoThreads_IsRefused) {
  SessionOptions options;
  options.threads = 0;
  EXPECT_THAT(open(negate_relu(), options), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("0")));
}

TEST(Session, OptimizedModel_IsWritten) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  SessionOptions options;
  options.optimized_model = folder->path() / "optimized.onnx";
  ASSERT_THAT(open(negate_relu(), options), IsOk());
  EXPECT_THAT(read_file(options.optimized_model), IsOk());
}

TEST(Session, EndProfile_ListsKernelsInOrder) {
  SessionOptions options;
  options.profile = true;
  options.opt_level = OptLevel::kDisabled;
  auto session = open(negate_relu(), options);
  ASSERT_THAT(session, IsOk());
  const Tensor x(DType::kFloat32, {2, 4});
  for (int run = 0; run < 2; ++run) {
    ASSERT_THAT(session->run(std::vector<Feed>{{"x", x.view()}}), IsOk());
  }
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(*kernels, SizeIs(4));
  EXPECT_EQ((*kernels)[0].node, "negate");
  EXPECT_EQ((*kernels)[0].op_type, "Neg");
  EXPECT_EQ((*kernels)[0].provider, "CPUExecutionProvider");
  EXPECT_EQ((*kernels)[0].output_bytes, 32);
  EXPECT_EQ((*kernels)[3].node, "clip");
  EXPECT_LE((*kernels)[0].start_us, (*kernels)[1].start_us);
  EXPECT_THAT(session->end_profile(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("profile")));
}

TEST(Session, RuntimeIsSilent) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  auto model = negate_relu();
  model.nodes[1].type = "Nonsense";
  EXPECT_FALSE(open(model).has_value());
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), IsEmpty());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST(OptLevel, NamesRoundTrip) {
  for (const auto level :
       {OptLevel::kDisabled, OptLevel::kBasic, OptLevel::kExtended, OptLevel::kAll}) {
    EXPECT_EQ(opt_level_from_string(to_string(level)), level);
  }
  EXPECT_THAT(opt_level_from_string("max"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'max'")));
}

}  // namespace
}  // namespace tessera::runtime
