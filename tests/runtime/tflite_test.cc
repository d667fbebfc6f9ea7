// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The TFLite C library, where `scripts/setup tflite` fetched it.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/litert_models.h"
#include "support/matchers.h"
#include "tessera/core/shared_library.h"
#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::relu_add_tanh;
using ::testing::SizeIs;

class Tflite : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto file = cache_folder() / "tflite-2.9.0/lib/libtensorflowlite_c.so";
    if (!fs::exists(file)) {
      GTEST_SKIP() << "NOT TESTED: no TFLite C library; run scripts/setup tflite";
    }
    const auto loaded = load_litert(file);
    ASSERT_THAT(loaded, IsOk());
    library = *loaded;
  }
  [[nodiscard]] Result<Session> open(const SessionOptions& options, const LitertModel& known = {},
                                     const litert::TinyModel& model = relu_add_tanh()) const {
    return open_litert(library, model.bytes(), options, known);
  }
  static Result<Outputs> run(Session& session, const std::vector<float>& x) {
    const auto tensor = Tensor::of(x, session.inputs().front().shape);
    return session.run(std::vector<Feed>{{session.inputs().front().name, tensor.view()}});
  }
  std::shared_ptr<const Library> library;
};

TEST_F(Tflite, IsKnownByItsNameAndVersion) {
  EXPECT_EQ(library->name(), "tflite");
  EXPECT_EQ(library->version(), "2.9.0");
  EXPECT_TRUE(names_litert(library->path()));
  EXPECT_THAT(library->providers(), ElementsAre("cpu"));
}

TEST_F(Tflite, ComputesWithBothKernelSets_AndKeepsEarlierOutputs) {
  for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
    auto session = open({.opt_level = level, .threads = 2});
    ASSERT_THAT(session, IsOk());
    EXPECT_EQ(session->inputs()[0].name, "x");
    EXPECT_THAT(session->outputs()[0].shape, ElementsAre(1, 4));
    const auto first = run(*session, {1, 0, 0, 0});
    const auto second = run(*session, {2, 0, 0, 0});
    ASSERT_THAT(first, IsOk());
    ASSERT_THAT(second, IsOk());
    EXPECT_THAT((*first)[0].as<float>()[0], FloatEq(std::tanh(2.F)));
    EXPECT_THAT((*second)[0].as<float>()[0], FloatEq(std::tanh(4.F)));
  }
}

TEST_F(Tflite, OpenExtentsAreGiven_NamesAreTheOpeners) {
  auto model = relu_add_tanh();
  for (auto& tensor : model.graphs[0].tensors) {
    tensor.signature = {-1, 4};
  }
  auto session = open({.profile = true},
                      {.tensors = {"in", "a", "b", "out"}, .shapes = {{"in", {3, 4}}}}, model);
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(session->inputs()[0].name, "in");
  EXPECT_EQ(session->outputs()[0].name, "out");
  EXPECT_THAT(session->outputs()[0].shape, ElementsAre(3, 4));
  ASSERT_THAT(run(*session, std::vector<float>(12, 1)), IsOk());
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(*kernels, SizeIs(2)) << "RELU and ADD by XNNPACK, TANH by its built-in kernel";
  EXPECT_THAT(kernels->front().sources, ElementsAre(0U, 1U));
  EXPECT_THAT(kernels->back().sources, ElementsAre(2U));
  EXPECT_THAT(open({}, {.shapes = {{"x", {3, 5}}}}, model),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'x'")));
}

/// Visits only.
class Count final : public TensorTap {
 public:
  void visit(std::int64_t tag, DType, std::span<const std::int64_t>,
             std::span<std::byte> data) noexcept override {
    first[tag] = *reinterpret_cast<const float*>(data.data());
  }
  std::map<std::int64_t, float> first;
};

TEST_F(Tflite, TapsAndTimes) {
  Count count;
  auto session = open({.opt_level = OptLevel::kDisabled, .profile = true, .tap = &count},
                      {.operators = {{"cut", "RELU"}}, .taps = {2, 0}});
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(run(*session, {1, 0, 0, 0}), IsOk());
  EXPECT_EQ(count.first[0], 2);
  EXPECT_EQ(count.first[1], 1);
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(*kernels, SizeIs(3));
  EXPECT_EQ(kernels->front().node, "cut");
  EXPECT_THAT(kernels->back().behind, ElementsAre(1U));
  EXPECT_THAT(session->end_profile(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("profile")));
  EXPECT_THAT(open({.tap = &count}, {.taps = {1}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("does not show value 1")))
      << "XNNPACK keeps it";
}

TEST_F(Tflite, WhatItCannotDo_IsFoundOut) {
  const auto skills = probe_litert(library);
  ASSERT_THAT(skills, IsOk());
  EXPECT_TRUE(skills->observer);
  for (const auto& probe : skills->probes) {
    const bool garbage = probe.skill == LitertSkill::kPerChannelInt8;
    const bool unknown = probe.skill == LitertSkill::kInt4Weights;
    EXPECT_EQ(probe.opened, !unknown) << to_string(probe.skill);
    EXPECT_EQ(probe.right, !garbage && !unknown) << to_string(probe.skill);
    EXPECT_EQ(probe.error.find("int4") != std::string::npos, unknown) << probe.error;
  }
}

TEST_F(Tflite, Refusals) {
  auto model = relu_add_tanh();
  model.graphs[0].operators[0].version = 99;
  EXPECT_THAT(open({}, {}, model),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("version 99 of operator type RELU")));
  model.graphs[0].operators[0] = {
      .code = litert::kCustom, .inputs = {0}, .outputs = {1}, .custom = "MyOwn"};
  EXPECT_THAT(open({}, {}, model),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("custom operator 'MyOwn'")));
  EXPECT_THAT(open({}, {.signature = "s"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("no signatures")));
  EXPECT_THAT(open({.opt_level = OptLevel::kBasic}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'basic'")));
  EXPECT_THAT(open({.config = {{"kernel_mode", "reference"}}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("reference")));
  EXPECT_THAT(open({.provider = "cuda"}), FailsWith(ErrorCode::kUnavailable, HasSubstr("'cuda'")));
}

// --- delegates ----------------------------------------------------------------------------------

const fs::path& delegate_file() {
  static const fs::path file = fs::path(TESSERA_BINARY_DIR) / "tests/noting_delegate.so";
  return file;
}

std::string delegate_notes() {
  void* const handle = ::dlopen(delegate_file().c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) {
    return "not loaded";
  }
  const auto notes = reinterpret_cast<const char* (*)()>(::dlsym(handle, "noting_delegate_notes"));
  std::string text = notes();
  ::dlclose(handle);
  return text;
}

TEST_F(Tflite, DelegateIsLoadedWithItsOptions_ShownTheGraph_AndEnded) {
  {
    auto session = open({.opt_level = OptLevel::kDisabled,
                         .provider = delegate_file().string(),
                         .provider_options = {{"device", "usb:0"}, {"speed", "max"}}});
    ASSERT_THAT(session, IsOk());
    EXPECT_EQ(delegate_notes(), "device=usb:0;speed=max;shown;");
    EXPECT_THAT(run(*session, {1, 0, 0, 0}), IsOk());
  }
  EXPECT_EQ(delegate_notes(), "device=usb:0;speed=max;shown;ended;");
  EXPECT_THAT(library->resolve({.name = delegate_file().string()}), IsOk());
}

TEST_F(Tflite, DelegatesThatAreNone_OrDoNotStart) {
  EXPECT_THAT(open({.provider = "/no/delegate.so"}),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/delegate.so")));
  EXPECT_THAT(open({.provider = library->path().string()}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no library of a delegate")));
  EXPECT_THAT(open({.provider = std::string(TESSERA_SOURCE_DIR) + "/LICENSE"}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("cannot use delegate")));
  EXPECT_THAT(open({.provider = delegate_file().string(),
                    .provider_options = {{"fail", "no device at usb:7"}}}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no device at usb:7")));
}

TEST(LitertDelegate, LiteRtItselfTakesNone_AndSaysWhatDoes) {
  TESSERA_NEEDS_LITERT();
  const auto session = open_litert(testing::litert(), relu_add_tanh().bytes(),
                                   {.provider = delegate_file().string()});
  ASSERT_THAT(session, FailsWith(ErrorCode::kUnavailable, HasSubstr("takes no delegate")));
  EXPECT_THAT(session.error().hint, HasSubstr("libtensorflowlite_c.so"));
}

}  // namespace
}  // namespace tessera::runtime
