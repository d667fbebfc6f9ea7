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
#include "tessera/runtime/onnx.h"
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

TEST(Library, Load_CustomOperators_AreNamedWhereTheyAreNone) {
  EXPECT_THAT(Library::load({}, {"/no/such/operators.so"}),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/such/operators.so")));
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto file = folder->path() / "operators.so";
  ASSERT_THAT(write_file(file, "text", Overwrite::kRefuse), IsOk());
  const auto library = Library::load({}, {file});
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT(open_onnx(*library, testing::negate_relu().bytes(), {}, {}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("operators.so")));
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

/// The runtime's texts hold names from the file: any bytes at any length.
TEST(CleanMessage, LongNames_AreClipped) {
  for (const char* letter : {"A", "(", "/onnxruntime", ") ", "a.cc:1 ", "' ", "\xff", "\x1b"}) {
    std::string name;
    while (name.size() < 60000) {
      name += letter;
    }
    const auto text = clean_message("Node (" + name + ") Op (Relu) [ShapeInferenceError]");
    EXPECT_LT(text.size(), 1000U) << letter;
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    for (const auto* message :
         {"Could not find an implementation for Relu(10) node with name '%'",
          "In Node, (\"%\", Relu, \"\", -1) : (\"x\": tensor(float),) -> (\"y\",) , Error % is not "
          "a "
          "registered function/op",
          "No Op registered for % with domain_version of 13",
          "Type 'tensor(int8)' of input parameter (%) of operator (%) in node (%) is invalid.",
          "Current official support for domain % is till opset 22"}) {
      std::string filled;
      for (const char* c = message; *c != '\0'; ++c) {
        filled += *c == '%' ? name : std::string(1, *c);
      }
      EXPECT_LT(to_string(open_error(ORT_FAIL, filled)).size(), 5000U) << letter << message;
    }
  }
}

TEST(OpenError, UnknownOperatorWithALongName_IsNamed) {
  const std::string type(60000, 'A');
  const auto error = open_error(ORT_INVALID_GRAPH,
                                "Fatal error: " + type + "(-1) is not a registered function/op");
  EXPECT_EQ(error.code, ErrorCode::kUnimplemented);
  EXPECT_THAT(to_string(error), HasSubstr("does not know operator type 'AAAA"));
}

TEST(OpenError, KernelMissing_NamesNodeAndType) {
  const auto error = open_error(ORT_NOT_IMPLEMENTED,
                                "Could not find an implementation for ConvInteger(10) node with "
                                "name 'conv1'");
  EXPECT_EQ(error.code, ErrorCode::kUnimplemented);
  EXPECT_THAT(error.message, AllOf(HasSubstr("'conv1'"), HasSubstr("ConvInteger")));
  EXPECT_THAT(error.hint, Not(HasSubstr("\n")));
}

/// What is handed around where two libraries are loaded.
class OtherLibrary : public Library {
 public:
  explicit OtherLibrary(std::shared_ptr<const Library> beside) : beside_(std::move(beside)) {}
  std::string_view name() const noexcept override { return "other"; }
  const std::string& version() const noexcept override { return version_; }
  const std::filesystem::path& path() const noexcept override { return path_; }
  const std::vector<std::string>& providers() const noexcept override { return providers_; }
  Result<ProviderChoice> resolve(const ProviderChoice& choice) const override { return choice; }
  const Library* named(std::string_view wanted) const noexcept override {
    return wanted == name() || beside_ == nullptr ? Library::named(wanted) : beside_->named(wanted);
  }

 private:
  std::shared_ptr<const Library> beside_;
  std::string version_ = "2.0";
  std::filesystem::path path_ = "/opt/other";
  std::vector<std::string> providers_ = {"cpu"};
};

TEST(Library, OnnxIsOpenedInOnnxRuntime_AlsoWhereAnotherLibraryBringsItAlong) {
  const auto library = Library::load();
  ASSERT_THAT(library, IsOk());
  const auto both = std::make_shared<const OtherLibrary>(*library);
  EXPECT_EQ(both->named("onnxruntime"), library->get());
  EXPECT_EQ(both->named("other"), both.get());
  EXPECT_EQ(both->named("third"), nullptr);
  EXPECT_EQ(both->info().name, "other");
  EXPECT_THAT(open_onnx(both, testing::negate_relu().bytes(), {}, {}), IsOk());
}

TEST(Library, OnnxInAnotherLibrary_IsRefusedByName) {
  const auto other = std::make_shared<const OtherLibrary>(nullptr);
  EXPECT_THAT(open_onnx(other, testing::negate_relu().bytes(), {}, {}),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("other 2.0")));
  EXPECT_TRUE(find_plugins(*other).empty());
}

}  // namespace
}  // namespace tessera::runtime
