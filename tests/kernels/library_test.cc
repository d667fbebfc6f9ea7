// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/sessions.h"
#include "kernels/target.h"
#include "tessera/kernels/library.h"

namespace tessera::kernels {
namespace {

using testing::constant;
using testing::feed;
using testing::ForcedTarget;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::value;

testing::OneNode small() {
  std::vector<std::uint8_t> table(256);
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::uint8_t>(255 - i);
  }
  return {"Lookup",
          "ai.tessera",
          {feed(value<std::uint8_t>({3}, {0, 1, 200})), constant(value({256}, table))},
          {}};
}

TEST(KernelsLibrary, EveryTargetOfTheProcessorCanBeForced) {
  for (const auto target : targets()) {
    const ForcedTarget forced{std::string(name_of(target))};
    EXPECT_EQ(testing::run(small()), value<std::uint8_t>({3}, {255, 254, 55})) << name_of(target);
  }
}

TEST(KernelsLibrary, UnknownAndAbsentTargetsAreRefused) {
  {
    const ForcedTarget forced("avx9");
    EXPECT_THAT(testing::refusal(small()),
                HasSubstr("TESSERA_KERNELS_TARGET is 'avx9', which is no instruction set"));
  }
  const bool x86 = targets().front() != Target::kNeon;
  const ForcedTarget forced(x86 ? "neon" : "avx2");
  EXPECT_THAT(testing::refusal(small()), HasSubstr("which this processor or build does not have; "
                                                   "it has "));
}

TEST(KernelsLibrary, TheFirstTargetIsTheBestAndTheLastTheReference) {
  EXPECT_EQ(targets().back(), Target::kScalar);
  EXPECT_EQ(*choose_target(nullptr), targets().front());
  EXPECT_EQ(*choose_target(""), targets().front());
  EXPECT_THAT(choose_target("sve").error(), HasSubstr("does not have"));
}

TEST(KernelsLibrary, TooOldARuntimeIsToldSo) {
  static const OrtApiBase old = {[](std::uint32_t version) noexcept {
                                   return version < 17 ? testing::runtime_base().GetApi(version)
                                                       : nullptr;
                                 },
                                 []() noexcept { return "1.16.3"; }};
  (void)testing::runtime_base();
  void* const library = dlopen(TESSERA_KERNELS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto add =
      reinterpret_cast<decltype(&RegisterCustomOps)>(dlsym(library, "RegisterCustomOps"));
  const Ort::SessionOptions options;
  const Ort::Status status(add(nullptr, &old));
  EXPECT_EQ(status.GetErrorMessage(),
            "tessera kernels need ONNX Runtime 1.17 or newer; this one is 1.16.3");
  dlclose(library);
}

TEST(KernelsLibrary, WorksWithTheOldestRuntime) {
  static const OrtApiBase oldest = {[](std::uint32_t version) noexcept {
                                      return version <= 17 ? testing::runtime_base().GetApi(version)
                                                           : nullptr;
                                    },
                                    []() noexcept { return "1.17.0"; }};
  auto& env = testing::environment();
  void* const library = dlopen(TESSERA_KERNELS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto add =
      reinterpret_cast<decltype(&RegisterCustomOps)>(dlsym(library, "RegisterCustomOps"));
  Ort::SessionOptions options;
  ASSERT_EQ(add(options, &oldest), nullptr);
  const auto model = small();
  const auto bytes = model.bytes();
  Ort::Session session(env, bytes.data(), bytes.size(), options);
  EXPECT_EQ(testing::run(session, model), value<std::uint8_t>({3}, {255, 254, 55}));
  dlclose(library);
}

TEST(KernelsLibrary, SaysItsVersion) {
  void* const library = dlopen(TESSERA_KERNELS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto version = reinterpret_cast<decltype(&tessera_kernels_version)>(
      dlsym(library, "tessera_kernels_version"));
  EXPECT_STREQ(version(), TESSERA_KERNELS_VERSION);
  dlclose(library);
}

#ifndef TESSERA_SANITIZED
std::string output_of(const std::string& command) {
  std::string text;
  // NOLINTNEXTLINE(cert-env33-c): names of our own
  FILE* const pipe = popen(command.c_str(), "r");
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    text += line;
  }
  pclose(pipe);
  return text;
}

TEST(KernelsLibrary, NeedsTheCLibraryAlone) {
  const auto text = output_of("LC_ALL=C readelf -d '" TESSERA_KERNELS_LIBRARY "'");
  if (text.empty()) {
    GTEST_SKIP() << "there is no readelf here";
  }
  std::size_t count = 0;
  for (auto at = text.find("(NEEDED)"); at != std::string::npos;
       at = text.find("(NEEDED)", at + 1), ++count) {
    EXPECT_THAT(text.substr(at, text.find('\n', at) - at),
                MatchesRegex(R"(.*\[(libc\.so\.6|libm\.so\.6|ld-linux-.*)\].*)"));
  }
  EXPECT_GT(count, 0U);
}
#endif

}  // namespace
}  // namespace tessera::kernels
