// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using ::testing::SizeIs;
using testing::TinyModel;
using testing::TinyNode;
using testing::value_info;

struct Visit {
  std::int64_t tag;
  DType dtype;
  Shape shape;
  std::vector<std::byte> bytes;
  const std::byte* where;
};

class Recorder : public TensorTap {
 public:
  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override {
    visits.push_back(
        {tag, dtype, {shape.begin(), shape.end()}, {data.begin(), data.end()}, data.data()});
  }
  std::vector<Visit> visits;
};

class Doubler : public TensorTap {
 public:
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte> data) noexcept override {
    auto* values = reinterpret_cast<float*>(data.data());
    for (std::size_t i = 0; i < data.size() / sizeof(float); ++i) {
      values[i] *= 2;
    }
  }
};

TinyNode tap(const std::string& from, const std::string& to, std::int64_t tag) {
  return {std::string(kTapOp),     {from},        {to},
          std::string(kTapDomain), "tap_" + from, {testing::int_attribute("tag", tag)}};
}

/// Neg -> tap -> Abs -> tap -> Neg, large enough for the planner to reuse memory.
TinyModel tapped_chain() {
  return {{value_info("x", DType::kFloat32, {"1", "4096"})},
          {value_info("y", DType::kFloat32, {"1", "4096"})},
          {{"Neg", {"x"}, {"a"}, "", "first", {}},
           tap("a", "a_seen", 7),
           {"Softplus", {"a_seen"}, {"b"}, "", "second", {}},
           tap("b", "b_seen", 8),
           {"Neg", {"b_seen"}, {"y"}, "", "third", {}}},
          {}};
}

Result<Outputs> run(const TinyModel& model, TensorTap& tap, const Tensor& x) {
  static const auto library = Library::load();
  SessionOptions options;
  options.opt_level = OptLevel::kDisabled;
  options.tap = &tap;
  TESSERA_TRY(auto session, open_onnx(*library, model.bytes(), {}, options));
  return session.run(std::vector<Feed>{{"x", x.view()}});
}

TEST(Tap, SeesEveryTensorWithItsTag) {
  Recorder recorder;
  Tensor x(DType::kFloat32, {1, 4096});
  x.as<float>()[5] = 3;
  const auto outputs = run(tapped_chain(), recorder, x);
  ASSERT_THAT(outputs, IsOk());
  ASSERT_THAT(recorder.visits, SizeIs(2));
  EXPECT_EQ(recorder.visits[0].tag, 7);
  EXPECT_EQ(recorder.visits[0].dtype, DType::kFloat32);
  EXPECT_THAT(recorder.visits[0].shape, ElementsAre(1, 4096));
  float seen = 0;
  std::memcpy(&seen, recorder.visits[0].bytes.data() + 5 * sizeof(float), sizeof seen);
  EXPECT_EQ(seen, -3);
  EXPECT_EQ(recorder.visits[1].tag, 8);
}

TEST(Tap, ChangesWhatFollows) {
  Doubler doubler;
  Tensor x(DType::kFloat32, {4});
  for (auto& value : x.as<float>()) {
    value = -1;
  }
  const TinyModel model{{value_info("x", DType::kFloat32, {"4"})},
                        {value_info("y", DType::kFloat32, {"4"})},
                        {{"Neg", {"x"}, {"a"}, "", "n", {}},
                         tap("a", "b", 0),
                         {"Identity", {"b"}, {"y"}, "", "i", {}}},
                        {}};
  const auto outputs = run(model, doubler, x);
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ElementsAre(2, 2, 2, 2));
}

TEST(Tap, OnGraphInputAndOutput_DoesNotTouchTheFeed) {
  Doubler doubler;
  const auto x = Tensor::of<float>(std::vector<float>{1, 2}, {2});
  const TinyModel model{{value_info("x", DType::kFloat32, {"2"})},
                        {value_info("y", DType::kFloat32, {"2"})},
                        {tap("x", "y", 0)},
                        {}};
  const auto outputs = run(model, doubler, x);
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ElementsAre(2, 4));
  EXPECT_THAT(x.as<float>(), ElementsAre(1, 2));
}

/// The runtime hands the kernel its own input as output: the tensor after a tap lies where an
/// earlier kernel put it. Seen from outside by a second tap right behind the first.
TEST(Tap, RunsInPlace) {
  Recorder recorder;
  const TinyModel model{{value_info("x", DType::kFloat32, {"1", "4096"})},
                        {value_info("y", DType::kFloat32, {"1", "4096"})},
                        {{"Softplus", {"x"}, {"a"}, "", "first", {}},
                         tap("a", "b", 1),
                         tap("b", "c", 2),
                         {"Softplus", {"c"}, {"y"}, "", "last", {}}},
                        {}};
  ASSERT_THAT(run(model, recorder, Tensor(DType::kFloat32, {1, 4096})), IsOk());
  ASSERT_THAT(recorder.visits, SizeIs(2));
  EXPECT_EQ(recorder.visits[0].where, recorder.visits[1].where);
}

class TapOfType : public ::testing::TestWithParam<DType> {};

TEST_P(TapOfType, Passes) {
  Recorder recorder;
  const auto dtype = GetParam();
  Tensor x(dtype, {3});
  if (!x.bytes().empty()) {
    x.bytes()[0] = std::byte{1};
  }
  const TinyModel model{
      {value_info("x", dtype, {"3"})}, {value_info("y", dtype, {"3"})}, {tap("x", "y", 3)}, {}};
  const auto outputs = run(model, recorder, x);
  ASSERT_THAT(outputs, IsOk());
  ASSERT_THAT(recorder.visits, SizeIs(1));
  EXPECT_EQ(recorder.visits[0].dtype, dtype);
  EXPECT_EQ(recorder.visits[0].bytes.size(), x.bytes().size());
  EXPECT_EQ((*outputs)[0].bytes[0], std::byte{1});
}

INSTANTIATE_TEST_SUITE_P(EveryType, TapOfType,
                         ::testing::Values(DType::kFloat32, DType::kFloat64, DType::kFloat16,
                                           DType::kBFloat16, DType::kInt8, DType::kUInt8,
                                           DType::kInt16, DType::kUInt16, DType::kInt32,
                                           DType::kUInt32, DType::kInt64, DType::kUInt64,
                                           DType::kBool),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace tessera::runtime
