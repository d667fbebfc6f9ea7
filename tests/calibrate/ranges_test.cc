// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/ranges.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/matchers.h"

namespace tessera::calibrate {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Ranges example() {
  Ranges ranges;
  ranges.methods = {RangeMethod::kMinMax, RangeMethod::kMse};
  ranges.samples = 3;
  ranges.tensors["a"] = {{RangeMethod::kMinMax, {-1, 2}}, {RangeMethod::kMse, {-0.1, 1.5}}};
  ranges.tensors["b/c:0"] = {{RangeMethod::kMinMax, {0, 1e-30}}, {RangeMethod::kMse, {0, 0}}};
  ranges.data = R"({"source":"photos","samples":3})";
  ranges.unusual["mask"] = {.finite = 3, .infinite = 5};
  ranges.unusual["cache"] = {};
  ranges.channels["a"] = {{-0.1, 1.5}, {0, 0}};
  ranges.wall_us = 1234.5;
  ranges.peak_rss_bytes = 1 << 20;
  return ranges;
}

TEST(Ranges, JsonRoundTrips) {
  const Ranges ranges = example();
  const auto parsed = parse_json(to_text(to_json(ranges)), "text");
  ASSERT_THAT(parsed, IsOk());
  const auto back = ranges_from_json(*parsed, "ranges");
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->methods, ranges.methods);
  EXPECT_EQ(back->samples, ranges.samples);
  EXPECT_EQ(back->tensors, ranges.tensors);
  EXPECT_EQ(back->unusual, ranges.unusual);
  EXPECT_EQ(back->channels, ranges.channels);
  EXPECT_EQ(back->data, ranges.data);
  EXPECT_EQ(back->wall_us, ranges.wall_us);
  EXPECT_EQ(back->peak_rss_bytes, ranges.peak_rss_bytes);
}

RC_GTEST_PROP(Ranges, NumbersRoundTripBitForBit, (float a, float b)) {
  Ranges ranges;
  ranges.tensors["t"] = {{RangeMethod::kMinMax, {double{std::min(a, b)}, double{std::max(a, b)}}}};
  const auto parsed = parse_json(to_text(to_json(ranges)), "text");
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(ranges_from_json(*parsed, "ranges")->tensors == ranges.tensors);
}

TEST(Ranges, Find_KnowsTensorsAndMethods) {
  const Ranges ranges = example();
  EXPECT_EQ(ranges.find("a", RangeMethod::kMse), (RealRange{-0.1, 1.5}));
  EXPECT_FALSE(ranges.find("a", RangeMethod::kEntropy));
  EXPECT_FALSE(ranges.find("z", RangeMethod::kMse));
}

TEST(ReadRanges, DocumentAndBareFile) {
  const auto folder = TemporaryDirectory::create("tessera-ranges-test");
  ASSERT_THAT(folder, IsOk());
  const auto document = folder->path() / "document.json";
  const Envelope envelope{.kind = "calibrate", .model = ModelInfo{"m.onnx", "abc", "onnx"}};
  ASSERT_THAT(write_json(document, enclose(envelope, to_json(example())), Overwrite::kRefuse),
              IsOk());
  const auto ranges = read_ranges(document);
  ASSERT_THAT(ranges, IsOk());
  ASSERT_TRUE(ranges->model);
  EXPECT_EQ(ranges->model->sha256, "abc");

  const auto bare = folder->path() / "bare.json";
  ASSERT_THAT(write_file(bare, R"({"tensors": {"x": {"percentile": {"min": -1, "max": 1}}}})",
                         Overwrite::kRefuse),
              IsOk());
  const auto of_bare = read_ranges(bare);
  ASSERT_THAT(of_bare, IsOk());
  EXPECT_FALSE(of_bare->model);
  EXPECT_THAT(of_bare->methods, ElementsAre(RangeMethod::kPercentile));

  const auto other = folder->path() / "other.json";
  ASSERT_THAT(write_json(other, enclose({.kind = "bench"}, Json::object()), Overwrite::kRefuse),
              IsOk());
  EXPECT_THAT(read_ranges(other), FailsWith(ErrorCode::kDataLoss, HasSubstr("tessera.bench/1")));
  EXPECT_THAT(read_ranges(folder->path() / "none"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none")));
}

TEST(RangesFromJson, Malformed_IsRefusedByName) {
  const auto refused = [](const char* text, const char* message,
                          ErrorCode code = ErrorCode::kDataLoss) {
    const auto json = parse_json(text, "text");
    ASSERT_THAT(json, IsOk());
    EXPECT_THAT(ranges_from_json(*json, "r.json"), FailsWith(code, HasSubstr(message))) << text;
  };
  refused("[]", "no object 'tensors'");
  refused("{}", "no object 'tensors'");
  refused(R"({"tensors": []})", "no object 'tensors'");
  refused(R"({"tensors": {"x": 1}})", "tensor 'x'");
  refused(R"({"tensors": {"x": {"minmax": 1}}})", "a range is no object");
  refused(R"({"tensors": {"x": {"minmax": {"min": 0}}}})", "'max' is no finite number");
  refused(R"({"tensors": {"x": {"minmax": {"min": "0", "max": 1}}}})", "'min' is no finite number");
  refused(R"({"tensors": {"x": {"minmax": {"min": null, "max": 1}}}})",
          "'min' is no finite number");
  refused(R"({"tensors": {"x": {"minmax": {"min": 2, "max": 1}}}})", "min 2 is above max 1");
  refused(R"({"tensors": {"x": {"maximum": {"min": 0, "max": 1}}}})", "'maximum'",
          ErrorCode::kInvalidArgument);
  refused(R"({"tensors": {}, "methods": 3})", "'methods' is no array");
  refused(R"({"tensors": {}, "methods": [3]})", "names");
  refused(R"({"tensors": {}, "samples": "3"})", "'samples'");
  refused(R"({"tensors": {}, "unusual": []})", "'unusual'");
  refused(R"({"tensors": {}, "channels": []})", "'channels' is no object");
  for (const char* channels :
       {"[]", R"({"min": [0]})", R"({"min": [0], "max": [1, 2]})", R"({"min": [2], "max": [1]})",
        R"({"min": ["0"], "max": [1]})", R"({"min": [0], "max": 1})"}) {
    refused(fmt::format(R"({{"tensors": {{}}, "channels": {{"x": {}}}}})", channels).c_str(),
            "tensor 'x': extrema by channel");
  }
  refused(R"({"tensors": {}, "unusual": {"m": {"finite": 1, "nan": -1, "infinite": 0}}})", "'nan'");
}

}  // namespace
}  // namespace tessera::calibrate
