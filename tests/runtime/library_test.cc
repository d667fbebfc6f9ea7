// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "runtime/ort.h"
#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::runtime {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;

TEST(Library, Load_FindsOneWithTheCpuProvider) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT((*library)->version(), HasSubstr("1."));
  EXPECT_TRUE(std::filesystem::exists((*library)->path()));
  EXPECT_THAT((*library)->providers(), Contains("CPUExecutionProvider"));
  EXPECT_EQ((*library)->info().name, "onnxruntime");
}

TEST(Library, Load_ByFileAndByFolder_IsTheSame) {
  const auto found = Library::load();
  ASSERT_THAT(found, IsOk());
  const auto file = (*found)->path();
  EXPECT_THAT(Library::load(file), IsOk());
  EXPECT_THAT(Library::load(file.parent_path()), IsOk());
}

TEST(Library, Load_MissingPath_SaysSo) {
  EXPECT_THAT(Library::load("/no/such/place"),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("/no/such/place")));
}

TEST(Library, Load_FolderWithoutLibrary_SaysSo) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  EXPECT_THAT(Library::load(folder->path()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no libonnxruntime.so")));
}

TEST(Library, Load_NotALibrary_SaysSo) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto file = folder->path() / "libonnxruntime.so.9.9";
  ASSERT_THAT(write_file(file, "text", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(Library::load(folder->path()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("libonnxruntime.so.9.9")));
}

TEST(Library, Load_VariableNamesNothing_DoesNotFallBack) {
  ::setenv("TESSERA_ONNXRUNTIME", "/no/such/place", 1);
  const auto library = Library::load();
  ::unsetenv("TESSERA_ONNXRUNTIME");
  EXPECT_THAT(library, FailsWith(ErrorCode::kUnavailable, HasSubstr("TESSERA_ONNXRUNTIME")));
}

TEST(TypeOracle, KnowsUndeclaredOutputs) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  auto model = testing::negate_relu();
  model.outputs.push_back(testing::untyped("n"));
  const auto types = type_oracle(*library)(model.bytes(), {});
  ASSERT_THAT(types, IsOk());
  ASSERT_THAT(*types, SizeIs(2));
  const NamedType expected{"n", {DType::kFloat32, {{Dim{-1, "N"}, Dim{4, ""}}}}};
  EXPECT_EQ((*types)[1], expected);
}

TEST(CleanMessage, DropsSourceLocationsAndLineBreaks) {
  const auto text = clean_message(
      "Load model from /m.onnx failed:/onnxruntime_src/onnxruntime/core/graph/graph.cc:12 void "
      "onnxruntime::Graph::f(int, const char*) This is an invalid model.\n Bad   node.\n");
  EXPECT_EQ(text, "Bad node");
}

TEST(OpenError, KernelMissing_NamesNodeAndType) {
  const auto error = open_error(ORT_NOT_IMPLEMENTED,
                                "Could not find an implementation for ConvInteger(10) node with "
                                "name 'conv1'");
  EXPECT_EQ(error.code, ErrorCode::kUnimplemented);
  EXPECT_THAT(error.message, AllOf(HasSubstr("'conv1'"), HasSubstr("ConvInteger")));
  EXPECT_THAT(error.hint, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace tessera::runtime
