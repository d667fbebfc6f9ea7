// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <thread>

#include "runtime/litert_errors.h"
#include "runtime/litert_library.h"
#include "runtime/litert_models.h"
#include "runtime/overheard.h"
#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/runtime/litert.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(LitertLibrary, IsFound_ByFileByFolderAndByItself) {
  TESSERA_NEEDS_LITERT();
  const auto& found = *testing::litert();
  EXPECT_EQ(found.name(), "litert");
  EXPECT_TRUE(fs::exists(found.path()));
  EXPECT_THAT(found.version(), HasSubstr("2."));
  EXPECT_THAT(found.providers(), ElementsAre("cpu"));
  EXPECT_EQ(found.info().name, "litert");
  EXPECT_THAT(load_litert(found.path()), IsOk());
  EXPECT_THAT(load_litert(found.path().parent_path()), IsOk());
  ::setenv("TESSERA_LITERT", found.path().c_str(), 1);
  const auto named = load_litert();
  ::unsetenv("TESSERA_LITERT");
  EXPECT_THAT(named, IsOk());
}

TEST(LitertLibrary, IsLookedForWhereOnnxRuntimeIs) {
  const auto places = litert_search_places();
  EXPECT_EQ(places.back(), "libLiteRt.so");
  EXPECT_EQ(places.front(), Library::search_places().front()) << "beside the program";
}

TEST(LitertLibrary, VariableNamesNothing_DoesNotFallBack) {
  ::setenv("TESSERA_LITERT", "/no/such/place", 1);
  const auto library = load_litert();
  ::unsetenv("TESSERA_LITERT");
  EXPECT_THAT(library, FailsWith(ErrorCode::kUnavailable, HasSubstr("TESSERA_LITERT")));
}

TEST(LitertLibrary, OthersAreRefused_WithWhatTheyAre) {
  const fs::path tests = fs::path(TESSERA_BINARY_DIR) / "tests";
  EXPECT_THAT(load_litert(tests / "litert_old"),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("too old; 2.1.6 or newer")));
  EXPECT_THAT(load_litert(tests / "litert_lacking"),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("lacks the function LiteRt")));
  EXPECT_THAT(
      load_litert(tests / "litert_tflite"),
      FailsWith(ErrorCode::kUnavailable, HasSubstr("this TFLite lacks the function TfLite")));
  const auto onnx = Library::load();
  ASSERT_THAT(onnx, IsOk());
  const auto other = load_litert((*onnx)->path());
  ASSERT_THAT(other, FailsWith(ErrorCode::kUnavailable, HasSubstr("not LiteRT")));
  EXPECT_THAT(other.error().hint, HasSubstr("2.1.6"));
}

TEST(LitertLibrary, FilesThatAreNone) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  EXPECT_THAT(load_litert(folder->path()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no libLiteRt.so in")));
  const auto file = folder->path() / "libLiteRt.so";
  ASSERT_THAT(write_file(file, "text", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(load_litert(folder->path()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("libLiteRt.so")));
  EXPECT_THAT(load_litert(folder->path() / "absent.so"),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no such file")));
}

TEST(LitertLibrary, ForAnotherProcessor_SaysForWhich) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  constexpr std::uint16_t kMachine = 4711;
  header.e_machine = kMachine;
  const auto file = folder->path() / "libLiteRt.so";
  const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof header);
  ASSERT_THAT(write_file(file, bytes, Overwrite::kRefuse), IsOk());
  EXPECT_THAT(load_litert(file),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("built for processor type 4711")));
}

TEST(LitertLibrary, VersionIsTheOneOfItsPackage) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto at = [&](const fs::path& where) {
    const auto file = folder->path() / where;
    fs::create_directories(file.parent_path());
    EXPECT_THAT(write_file(file, "x", Overwrite::kReplace), IsOk());
    return litert::version_by_place(file);
  };
  EXPECT_EQ(at("litert-2.9.1/lib/libLiteRt.so"), "2.9.1");
  EXPECT_EQ(at("somewhere/libLiteRt.so"), "");
  fs::create_directories(folder->path() / "site/ai_edge_litert-2.2.7.dist-info");
  EXPECT_EQ(at("site/ai_edge_litert/libLiteRt.so"), "2.2.7");
  EXPECT_EQ(at("site/other/libLiteRt.so"), "");
  fs::create_symlink(folder->path() / "litert-2.9.1/lib/libLiteRt.so", folder->path() / "link.so");
  EXPECT_EQ(litert::version_by_place(folder->path() / "link.so"), "2.9.1");
}

TEST(LitertLibrary, ModelsOfOtherFormats_NeedTheirOwnLibrary) {
  TESSERA_NEEDS_LITERT();
  const auto onnx = Library::load();
  ASSERT_THAT(onnx, IsOk());
  const auto bytes = testing::relu_add_tanh().bytes();
  const auto other = open_litert(*onnx, bytes, {});
  ASSERT_THAT(other, FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("LiteRT is needed")));
  EXPECT_THAT(other.error().hint, HasSubstr("load_litert"));
  EXPECT_THAT(probe_litert(*onnx), FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("LiteRT")));
  EXPECT_THAT(open_onnx(testing::litert(), "", {}, {}),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("litert 2.")));
}

TEST(LitertLibrary, TwoAsOne_OpenBothFormats) {
  TESSERA_NEEDS_LITERT();
  const auto onnx = Library::load();
  ASSERT_THAT(onnx, IsOk());
  const auto both = joined(*onnx, testing::litert());
  EXPECT_EQ(both->name(), "onnxruntime");
  EXPECT_EQ(both->info().version, (*onnx)->version());
  EXPECT_EQ(both->named("litert"), testing::litert().get());
  EXPECT_EQ(both->named("third"), nullptr);
  EXPECT_THAT(open_litert(both, testing::relu_add_tanh().bytes(), {}), IsOk());
  EXPECT_THAT(open_onnx(both, testing::negate_relu().bytes(), {}, {}), IsOk());
  EXPECT_THAT(open_onnx(joined(testing::litert(), *onnx), testing::negate_relu().bytes(), {}, {}),
              IsOk());
  EXPECT_THAT(both->resolve({.name = "cuda"}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("'cuda'")));
}

TEST(LitertLibrary, ItsProviderIsTheCpu) {
  TESSERA_NEEDS_LITERT();
  EXPECT_THAT(testing::litert()->resolve({}), IsOk());
  EXPECT_THAT(testing::litert()->resolve({.name = "openvino"}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("'openvino'")));
}

// --- what it can do -----------------------------------------------------------------------------

const LitertProbe& probe_of(const LitertSkills& skills, LitertSkill skill, OptLevel kernels) {
  return *std::find_if(skills.probes.begin(), skills.probes.end(), [&](const LitertProbe& probe) {
    return probe.skill == skill && probe.kernels == kernels;
  });
}

TEST(LitertSkills, AreTried) {
  TESSERA_NEEDS_LITERT();
  const auto skills = probe_litert(testing::litert());
  ASSERT_THAT(skills, IsOk());
  EXPECT_TRUE(skills->observer);
  EXPECT_THAT(skills->probes, SizeIs(12));
  for (const auto& probe : skills->probes) {
    EXPECT_TRUE(probe.opened && probe.right) << to_string(probe.skill) << ": " << probe.error;
    EXPECT_EQ(probe.by_xnnpack.has_value(), probe.kernels == OptLevel::kAll);
  }
  EXPECT_EQ(probe_of(*skills, LitertSkill::kInt8, OptLevel::kAll).by_xnnpack, true);
  EXPECT_EQ(probe_of(*skills, LitertSkill::kInt16, OptLevel::kAll).by_xnnpack, false);
}

TEST(LitertSkills, WithoutObserver_WhoComputedIsNotKnown) {
  TESSERA_NEEDS_LITERT();
  const auto skills = probe_litert(testing::without_observer());
  ASSERT_THAT(skills, IsOk());
  EXPECT_FALSE(skills->observer);
  for (const auto& probe : skills->probes) {
    EXPECT_TRUE(probe.right);
    EXPECT_EQ(probe.by_xnnpack, std::nullopt);
  }
}

// --- what it says -------------------------------------------------------------------------------

TEST(LitertErrors, LongNamesAreClipped) {
  const std::string name(60000, 'A');
  for (const std::string& text :
       {"ERROR: Encountered unresolved custom op: " + name + ".\nSee instructions: https://x",
        "ERROR: Didn't find op for builtin opcode '" + name + "' version '3'",
        "a/b.cc:1 " + name + " ERROR: Node number 3 (" + name + ") failed to prepare.", name}) {
    EXPECT_THAT(to_string(litert::open_error(3, text)), SizeIs(::testing::Lt(5000U)));
    EXPECT_THAT(to_string(litert::call_error(3, text, "run")), SizeIs(::testing::Lt(5000U)));
  }
}

TEST(LitertErrors, WithoutWords_TheStatusIsTold) {
  const auto error = litert::open_error(501, "INFO: Initialized TensorFlow Lite runtime.\n");
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr("status 501"));
  EXPECT_EQ(litert::open_error(2, "").code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(litert::call_error(3, "", "run the model").message,
            "the runtime failed to run the model: status 3");
}

TEST(Overheard, KeepsWhatItsThreadPrints_AndLetsOthersPrint) {
  ::testing::internal::CaptureStderr();
  std::string heard;
  std::string inner;
  {
    const Overheard overheard;
    std::fputs("kept ", stderr);
    std::thread([] { std::fputs("printed", stderr); }).join();
    {
      const Overheard nested;
      std::fputs("nested", stderr);
      inner = nested.text();
    }
    std::fprintf(stderr, "%d", 7);
    heard = overheard.text();
  }
  std::fputs(" after", stderr);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "printed after");
  EXPECT_EQ(heard, "kept 7");
  EXPECT_EQ(inner, "nested");
}

TEST(Overheard, KeepsNoMoreThanItShould) {
  const Overheard overheard;
  for (int i = 0; i < 100; ++i) {
    std::fputs(std::string(10000, 'x').c_str(), stderr);
  }
  EXPECT_THAT(overheard.text(), SizeIs(std::size_t{64} << 10U));
}

}  // namespace
}  // namespace tessera::runtime
