// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

using testing::FailsWith;
using testing::IsOk;
using testing::Message;
using testing::TinyModel;
using testing::value_info;

constexpr std::int64_t kRows = 64;
constexpr std::int64_t kInner = 1024;
constexpr std::int64_t kColumns = 2048;

/// y = Relu(-(x w)): one weight of 8 MiB, activations of half a MiB.
TinyModel product() {
  Message weight;
  weight.varint(1, kInner).varint(1, kColumns).varint(2, 1).text(8, "w");
  weight.text(9, std::string(kInner * kColumns * sizeof(float), '\0'));
  TinyModel model;
  model.inputs = {value_info("x", DType::kFloat32, {"64", "1024"})};
  model.outputs = {value_info("y", DType::kFloat32, {"64", "2048"})};
  model.nodes = {{"MatMul", {"x", "w"}, {"p"}, {}, {}, {}},
                 {"Neg", {"p"}, {"n"}, {}, {}, {}},
                 {"Exp", {"n"}, {"y"}, {}, {}, {}}};
  model.initializers = {weight};
  return model;
}

std::shared_ptr<const Library> library() {
  static const auto loaded = Library::load();
  EXPECT_THAT(loaded, IsOk());
  return *loaded;
}

Result<SessionMemory> measure(const TinyModel& model, std::int64_t inner) {
  const Tensor x(DType::kFloat32, {kRows, inner});
  return session_memory(library(), model.bytes(), {}, {}, std::vector<Feed>{{"x", x.view()}});
}

TEST(SessionMemory, CountsWeightsAndActivations) {
  const auto memory = measure(product(), kInner);
  ASSERT_THAT(memory, IsOk());
  const auto weights = kInner * kColumns * 4;
  const auto activation = kRows * kColumns * 4;
  RecordProperty("figures", to_text(to_json(*memory)));
  // Packed forms pad; nothing else of this size is there.
  EXPECT_GE(memory->weights_bytes, weights);
  EXPECT_LE(memory->weights_bytes, weights * 5 / 4);
  EXPECT_GE(memory->arena_peak_bytes, activation);
  EXPECT_LE(memory->arena_peak_bytes, 4 * activation);
  ASSERT_TRUE(memory->rss_delta_bytes);
  EXPECT_GE(*memory->rss_delta_bytes, activation);
  EXPECT_LE(*memory->rss_delta_bytes, 8 * weights);
}

TEST(SessionMemory, IsTheSameAgain_AndSessionsStillOpen) {
  const auto first = measure(product(), kInner);
  const auto second = measure(product(), kInner);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->weights_bytes, second->weights_bytes);
  EXPECT_EQ(first->arena_peak_bytes, second->arena_peak_bytes);
  EXPECT_THAT(open_onnx(library(), product().bytes(), {}, {}), IsOk());
}

TEST(SessionMemory, WrongFeed_IsTheSessionsError_AndLeavesNothingBehind) {
  EXPECT_THAT(measure(product(), kInner + 1),
              FailsWith(ErrorCode::kInvalidArgument, ::testing::HasSubstr("'x'")));
  EXPECT_THAT(measure(product(), kInner), IsOk());
}

TEST(SessionMemory, ToJson_HasTheKeysThatPlansRead) {
  const auto json = to_json(SessionMemory{1, 2, std::nullopt});
  EXPECT_EQ(json["weights_bytes"], 1);
  EXPECT_EQ(json["arena_peak_bytes"], 2);
  EXPECT_TRUE(json["rss_delta_bytes"].is_null());
}

}  // namespace
}  // namespace tessera::runtime
