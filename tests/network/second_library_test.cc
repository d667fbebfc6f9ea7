// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A format that another inference library runs goes through the same door.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/matchers.h"
#include "support/toy_format.h"
#include "tessera/network/network.h"
#include "tessera/runtime/session.h"

namespace tessera::network {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pointwise;

/// Keeps the first value of what it sees, and changes it if it is told to.
class Look : public runtime::TensorTap {
 public:
  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override {
    EXPECT_EQ(dtype, DType::kFloat32);
    EXPECT_EQ(element_count(shape) * 4, std::ssize(data));
    auto* const values = reinterpret_cast<float*>(data.data());
    seen[tag].push_back(values[0]);
    if (add != 0) {
      values[0] += add;
    }
  }
  std::map<std::int64_t, std::vector<float>> seen;
  float add = 0;
};

std::vector<float> run(runtime::Session& session) {
  const std::vector<float> x{1, -2, 3, -4};
  const Shape shape{1, 4};
  const runtime::Feed feed{"x", {DType::kFloat32, shape, std::as_bytes(std::span(x))}};
  const auto outputs = session.run({&feed, 1});
  EXPECT_THAT(outputs, IsOk());
  const auto y = (*outputs)[0];
  const auto* const values = reinterpret_cast<const float*>(y.bytes.data());
  return {values, values + y.size()};
}

/// The same network for ONNX Runtime.
Network in_onnx() {
  const auto toy = testing::toy_model();
  return Network::of(testing::ModelBuilder(13)
                         .input("x", {1, 4})
                         .constant("w1", toy.weights.at("w1"))
                         .constant("w2", toy.weights.at("w2"))
                         .op("MatMul", {"x", "w1"}, {"h"})
                         .op("Relu", {"h"}, {"r"})
                         .op("MatMul", {"r", "w2"}, {"d"})
                         .op("Add", {"d", "x"}, {"y"})
                         .output("y", {1, 4})
                         .build());
}

TEST(SecondLibrary, ComputesWhatTheFirstDoes) {
  auto toy = testing::toy_network().open(nullptr, {});
  ASSERT_THAT(toy, IsOk());
  ASSERT_EQ(toy->inputs().size(), 1U);
  EXPECT_EQ(toy->inputs().front().name, "x");
  EXPECT_THAT(toy->outputs().front().shape, ElementsAre(1, 4));
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  auto other = in_onnx().open(*library, {});
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(run(*toy), Pointwise(FloatNear(1e-4F), run(*other)));
}

TEST(SecondLibrary, FeedsAreCheckedBeforeItSeesThem) {
  auto session = testing::toy_network().open(nullptr, {});
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(session->run({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'x'")));
  const std::vector<float> x(5);
  const Shape shape{1, 5};
  const TensorView wide{DType::kFloat32, shape, std::as_bytes(std::span(x))};
  const runtime::Feed feed{"x", wide};
  EXPECT_THAT(session->run({&feed, 1}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("[1,4]")));
}

TEST(SecondLibrary, TapsSeeValuesOnTheirWayToTheReaders_AndMayChangeThem) {
  const std::vector<std::string> taps{"d", "x"};
  Look look;
  auto session = testing::toy_network().open(nullptr, {.tap = &look}, taps);
  ASSERT_THAT(session, IsOk());
  const auto plain = run(*session);
  EXPECT_THAT(look.seen.at(1), ElementsAre(1));
  EXPECT_FLOAT_EQ(look.seen.at(0).at(0), plain[0] - 1) << "y = d + x";
  look.add = 10;
  look.seen.clear();
  const auto changed = run(*session);
  EXPECT_THAT(look.seen.at(1), ElementsAre(1)) << "what is fed is not changed";
  EXPECT_FLOAT_EQ(changed[0], look.seen.at(0).at(0) + 10 + 11);
}

TEST(SecondLibrary, KernelTimesAreOfItsOperators) {
  auto session = testing::toy_network().open(nullptr, {.profile = true});
  ASSERT_THAT(session, IsOk());
  run(*session);
  run(*session);
  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  const auto runs = runtime::kernels_by_run(*kernels);
  ASSERT_EQ(runs.size(), 2U);
  std::vector<std::string> names;
  for (const auto& kernel : runs.back()) {
    names.push_back(kernel.node + " " + kernel.op_type);
    EXPECT_GE(kernel.duration_us, 0);
    EXPECT_EQ(kernel.run, 1);
  }
  EXPECT_THAT(names, ElementsAre("first DENSE", "cut RELU", "second DENSE", "sum ADD"));
  EXPECT_THAT(session->end_profile(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("profile")));
}

}  // namespace
}  // namespace tessera::network
