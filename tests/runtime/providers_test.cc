// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/providers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/plugins.h"
#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
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

TEST(ShortProviderName, OfAPluginWithSeveral_KeepsWhatTellsThemApart) {
  EXPECT_EQ(short_provider_name("OpenVINOExecutionProvider.AUTO"), "openvino.auto");
  EXPECT_EQ(short_provider_name("MyExecutionProviderLike"), "myexecutionproviderlike");
}

TEST(RunsOnCpu, DeviceOfAPluginDecides) {
  EXPECT_TRUE(runs_on_cpu({"openvino", {{"device", "cpu"}}}));
  EXPECT_FALSE(runs_on_cpu({"openvino", {{"device", "gpu"}}}));
  // How many threads another provider has is not known.
  EXPECT_FALSE(runs_on_cpu({"acme", {{"device", "cpu"}}}));
}

TEST(MissingLibraryHint, SaysWhatBringsTheLibrary) {
  const auto hint = [](const std::string& library) {
    return missing_library_hint(
        "Failed to load library /x/libonnxruntime_providers_cuda.so with "
        "error: " +
        library + ": cannot open shared object file: No such file");
  };
  EXPECT_THAT(hint("libcuda.so.1"),
              AllOf(HasSubstr("libcuda.so.1"), HasSubstr("driver of an NVIDIA GPU")));
  EXPECT_THAT(hint("libcudart.so.13"), HasSubstr("NVIDIA CUDA"));
  EXPECT_THAT(hint("libcudnn.so.9"), HasSubstr("cuDNN"));
  EXPECT_THAT(hint("libnvinfer.so.10"), HasSubstr("TensorRT"));
  EXPECT_THAT(hint("/opt/x/libother.so"), AllOf(HasSubstr("libother.so"), Not(HasSubstr("/opt"))));
  EXPECT_EQ(missing_library_hint("invalid ELF header"), "");
  EXPECT_EQ(missing_library_hint(": cannot open shared object file"),
            " is not on the loader's path");
}

TEST(ProviderLibrary, PathsAreToldFromNames) {
  EXPECT_TRUE(is_library_path("./x"));
  EXPECT_TRUE(is_library_path("libfoo.so"));
  EXPECT_TRUE(is_library_path("libfoo.so.1.2"));
  EXPECT_FALSE(is_library_path("openvino"));
  EXPECT_FALSE(is_library_path("OpenVINOExecutionProvider.AUTO"));
}

TEST(ProviderLibrary, IsFoundBesideTheRuntimeByItsShortName) {
  const auto folder = TemporaryDirectory::create("plugins");
  ASSERT_THAT(folder, IsOk());
  const auto runtime = folder->path() / "onnxruntime/capi/libonnxruntime.so.1.32.0";
  const auto package = folder->path() / "onnxruntime_ep_acme";
  std::filesystem::create_directories(runtime.parent_path());
  std::filesystem::create_directories(package);
  const auto beside = runtime.parent_path() / "libonnxruntime_ep_other.so";
  const auto packaged = package / "libonnxruntime_providers_acme_plugin.so";
  for (const auto& file : {beside, packaged, package / "libacme.so"}) {
    ASSERT_THAT(write_file(file, "x", Overwrite::kRefuse), IsOk());
  }
  EXPECT_EQ(plugin_beside(runtime, "other"), beside);
  EXPECT_EQ(plugin_beside(runtime, "AcmeExecutionProvider"), packaged);
  EXPECT_EQ(plugin_beside(runtime, "libacme"), "");
  EXPECT_EQ(plugin_beside(runtime, ""), "");
}

TEST(ProviderLibrary, ThatIsNoneIsAnErrorWithTheLoadersReason) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT((*library)->resolve({"/no/such/lib.so", {}}),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/such/lib.so")));
  const auto folder = TemporaryDirectory::create("plugins");
  ASSERT_THAT(folder, IsOk());
  const auto text = folder->path() / "text.so";
  ASSERT_THAT(write_file(text, "no library", Overwrite::kRefuse), IsOk());
  EXPECT_THAT((*library)->resolve({text.string(), {}}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("text.so")));
  // A library that is none of providers.
  const auto no_provider = (*library)->resolve({(*library)->path().string(), {}});
  ASSERT_THAT(no_provider, FailsWith(ErrorCode::kUnavailable, HasSubstr("no provider library")));
  EXPECT_THAT(no_provider.error().hint, HasSubstr("CreateEpFactories"));
  // The process goes on: the next session opens.
  EXPECT_THAT(open_onnx(*library, testing::negate_relu().bytes(), {}, {}), IsOk());
}

TEST(ChooseDevice, TakesTheCpuFirstAndWhatIsAskedFor) {
  const Plugin plugin{"/x/lib.so",
                      {{"AcmeExecutionProvider", "npu", "Acme", nullptr},
                       {"AcmeExecutionProvider", "cpu", "Acme", nullptr},
                       {"AcmeExecutionProvider.AUTO", "gpu", "Acme", nullptr}}};
  const auto type_of = [&](const std::map<std::string, std::string>& options) {
    const auto device = choose_device(plugin, options);
    return device ? device->provider + " " + device->type : device.error().hint;
  };
  EXPECT_EQ(type_of({}), "AcmeExecutionProvider cpu");
  EXPECT_EQ(type_of({{"device", "NPU"}}), "AcmeExecutionProvider npu");
  EXPECT_EQ(type_of({{"ep", "acme.auto"}}), "AcmeExecutionProvider.AUTO gpu");
  EXPECT_THAT(type_of({{"device", "gpu"}}),
              HasSubstr("acme on npu, acme on cpu, acme.auto on gpu"));
  EXPECT_THAT(type_of({{"ep", "other"}}), HasSubstr("choose by ep=NAME"));
  EXPECT_THAT(choose_device({"/x/lib.so", {}}, {}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no device")));
}

/// The pinned runtime has none of these; each says what to install.
TEST(AbsentProvider, SaysWhatToInstall) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  const auto model = testing::negate_relu().bytes();
  for (const auto& [name, package] :
       {std::pair("cuda", "onnxruntime-gpu"), std::pair("tensorrt", "onnxruntime-gpu"),
        std::pair("rocm", "onnxruntime-rocm"), std::pair("qnn", "onnxruntime-qnn")}) {
    const auto session = open_onnx(*library, model, {}, {.provider = name});
    ASSERT_THAT(session, FailsWith(ErrorCode::kUnavailable,
                                   AllOf(HasSubstr(name), HasSubstr((*library)->version()))));
    EXPECT_THAT(session.error().hint, AllOf(HasSubstr(package), HasSubstr("--runtime")));
  }
}

TEST(CpuProvider, TakesNoOptions) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT(
      open_onnx(*library, testing::negate_relu().bytes(), {}, {.provider_options = {{"a", "b"}}}),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a'")));
}

TEST(TakeLog, ForgetsWhatItGave) {
  (void)take_log();
  EXPECT_THAT(take_log(), IsEmpty());
}

}  // namespace
}  // namespace tessera::runtime
