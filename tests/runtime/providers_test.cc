// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/providers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;

TEST(ParseProvider, NameAndOptions) {
  const auto choice = parse_provider("openvino:device_type=CPU:num_streams=2");
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->name, "openvino");
  EXPECT_THAT(choice->options, ElementsAre(Pair("device_type", "CPU"), Pair("num_streams", "2")));
  EXPECT_EQ(to_string(*choice), "openvino:device_type=CPU:num_streams=2");
}

TEST(ParseProvider, ValuesMayHaveColons) {
  const auto choice = parse_provider("openvino:device_type=HETERO:GPU,CPU:cache_dir=/tmp");
  ASSERT_THAT(choice, IsOk());
  EXPECT_THAT(choice->options,
              ElementsAre(Pair("cache_dir", "/tmp"), Pair("device_type", "HETERO:GPU,CPU")));
}

TEST(ParseProvider, Malformed_IsAUsageError) {
  EXPECT_THAT(parse_provider(""), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no name")));
  EXPECT_THAT(parse_provider(":a=b"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no name")));
  EXPECT_THAT(parse_provider("cpu:a"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a'")));
  EXPECT_THAT(parse_provider("cpu:=b"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'=b'")));
  EXPECT_THAT(parse_provider("cpu:a=b:a=c"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("twice")));
}

TEST(ParseProvider, LongAndShortNamesReadTheSame) {
  EXPECT_EQ(to_string(ProviderChoice{"CUDAExecutionProvider", {}}), "cuda");
}

TEST(RunsOnCpu, DependsOnTheDevice) {
  EXPECT_TRUE(runs_on_cpu({"cpu", {}}));
  EXPECT_TRUE(runs_on_cpu({"openvino", {}}));
  EXPECT_TRUE(runs_on_cpu({"OpenVINOExecutionProvider", {{"device_type", "CPU_FP32"}}}));
  EXPECT_FALSE(runs_on_cpu({"openvino", {{"device_type", "GPU"}}}));
  EXPECT_FALSE(runs_on_cpu({"cuda", {}}));
  // Threads of its own that the session does not know of.
  EXPECT_TRUE(runs_on_cpu({"openvino", {{"num_of_threads", "1"}}}));
  EXPECT_FALSE(runs_on_cpu({"openvino", {{"num_of_threads", "2"}}}));
  EXPECT_FALSE(runs_on_cpu({"openvino", {{"load_config", "c.json"}}}));
}

/// The pinned runtime has none of these; each says what to install.
TEST(AbsentProvider, SaysWhatToInstall) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  const auto model = testing::negate_relu().bytes();
  for (const auto& [name, package] :
       {std::pair("cuda", "onnxruntime-gpu"), std::pair("tensorrt", "onnxruntime-gpu"),
        std::pair("rocm", "onnxruntime-rocm"), std::pair("qnn", "onnxruntime-qnn")}) {
    const auto session = Session::open(*library, model, {}, {.provider = name});
    ASSERT_THAT(session, FailsWith(ErrorCode::kUnavailable,
                                   AllOf(HasSubstr(name), HasSubstr((*library)->version()))));
    EXPECT_THAT(session.error().hint, AllOf(HasSubstr(package), HasSubstr("--runtime")));
  }
}

TEST(CpuProvider, TakesNoOptions) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT(Session::open(*library, testing::negate_relu().bytes(), {},
                            {.provider_options = {{"a", "b"}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a'")));
}

TEST(TakeLog, ForgetsWhatItGave) {
  (void)take_log();
  EXPECT_THAT(take_log(), IsEmpty());
}

}  // namespace
}  // namespace tessera::runtime
