// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/runtime/litert.h"

/// What is measured of .tflite networks, whose fastest kernels show no value but outputs.
namespace tessera::calibrate {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;
using testing::IsOk;

class CalibrateLitert : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = runtime::load_litert();
    if (!loaded) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << loaded.error().message;
    }
    library_ = *std::move(loaded);
    const auto inputs = network::input_specs(network_);
    ASSERT_THAT(inputs, IsOk());
    auto samples = data::SampleSet::open({.source = "random:6"}, *inputs, Monitor::silent());
    ASSERT_THAT(samples, IsOk());
    samples_.emplace(*std::move(samples));
  }

  Result<Ranges> ranges(CalibrateOptions options) {
    return calibrate(network_, *samples_, library_, options, Monitor::silent());
  }

  /// The least and the greatest value that a session of this level gives out.
  RealRange seen(const std::string& value, runtime::OptLevel level) {
    auto exposed = network_.clone();
    exposed.expose({&value, 1});
    auto session = exposed.open(library_, {.opt_level = level});
    EXPECT_THAT(session, IsOk());
    RealRange range{1e30, -1e30};
    for (std::int64_t i = 0; i < samples_->size(); ++i) {
      const auto sample = samples_->load(i);
      const std::vector<runtime::Feed> feeds = {{"x", sample->tensors.front().tensor.view()}};
      const auto outputs = session->run(feeds);
      const auto& infos = session->outputs();
      const auto place = std::find_if(infos.begin(), infos.end(),
                                      [&](const auto& info) { return info.name == value; });
      const auto numbers = to_float32((*outputs)[static_cast<std::size_t>(place - infos.begin())]);
      for (const float number : *numbers) {
        range = {std::min(range.min, double{number}), std::max(range.max, double{number})};
      }
    }
    return range;
  }

  network::Network network_ = network::Network::of(*litert::Model::of(testing::small_litert()));
  std::shared_ptr<const runtime::Library> library_;
  std::optional<data::SampleSet> samples_;
};

TEST_F(CalibrateLitert, RangesAreThoseOfTheFastKernels) {
  const auto measured = ranges({});
  ASSERT_THAT(measured, IsOk());
  for (const auto* value : {"c", "d", "y"}) {
    EXPECT_EQ(measured->find(value, RangeMethod::kMinMax), seen(value, runtime::OptLevel::kAll))
        << value;
  }
  EXPECT_EQ(measured->find("r", RangeMethod::kMse), measured->find("d", RangeMethod::kMse));
  EXPECT_TRUE(measured->find("x", RangeMethod::kMinMax));
}

TEST_F(CalibrateLitert, AsWritten_RangesAreThoseOfTheBuiltInKernels) {
  const auto measured = ranges({.as_written = true});
  ASSERT_THAT(measured, IsOk());
  for (const auto* value : {"c", "d", "y"}) {
    EXPECT_EQ(measured->find(value, RangeMethod::kMinMax),
              seen(value, runtime::OptLevel::kDisabled))
        << value;
  }
}

TEST_F(CalibrateLitert, ThreadsAndFewerMethods_GiveTheSame) {
  const auto all = ranges({});
  const auto threads = ranges({.threads = 3});
  const auto extrema = ranges({.methods = {RangeMethod::kMinMax}});
  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(threads, IsOk());
  ASSERT_THAT(extrema, IsOk());
  EXPECT_EQ(all->tensors, threads->tensors);
  for (const auto& [tensor, by_method] : all->tensors) {
    EXPECT_EQ(extrema->find(tensor, RangeMethod::kMinMax), by_method.at(RangeMethod::kMinMax));
    EXPECT_FALSE(extrema->find(tensor, RangeMethod::kMse));
  }
}

}  // namespace
}  // namespace tessera::calibrate
