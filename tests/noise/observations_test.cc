// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/observations.h"

#include <gmock/gmock.h>

#include <cmath>

#include "noise/error_support.h"
#include "support/matchers.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Listener;

std::string header(std::string_view sha = "aa", std::string_view second = "conv2") {
  return fmt::format(
      R"({{"schema":"tessera.error-sweep/1","model":{{"path":"m.onnx","sha256":"{}","format":"onnx"}},)"
      R"("result":{{"layers":[{{"name":"conv1","type":"Conv","macs":10,"noise_power":0.5}},)"
      R"({{"name":"{}","type":"Conv","macs":20}},{{"name":"fc","type":"Gemm","macs":30}}],)"
      R"("images":4,"outputs":[{{"name":"y","elements":10,"power":40}}]}}}})"
      "\n",
      sha, second);
}

std::string line(std::string_view layers, std::string_view error, int images = 4) {
  return fmt::format(R"({{"layers":[{}],"error":{},"sqnr_db":20,"images":{}}})"
                     "\n",
                     layers, error, images);
}

Result<Observations> parse(std::vector<SweepText> files, ObservationNotes* notes = nullptr,
                           Monitor& monitor = Monitor::silent()) {
  return parse_observations(files, monitor, notes);
}

TEST(Observations, WholeSweep_IsReadWithItsLayers) {
  const auto read = parse({{"a", header() + line(R"("fc","conv1")", "0.5") +
                                     line(R"("conv2")", "0.25") + line("", "0")}});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->model.sha256, "aa");
  EXPECT_EQ(read->layers[0], (ObservedLayer{"conv1", "Conv", 10, 0.5, 0}));
  EXPECT_DOUBLE_EQ(read->signal, 4);  // 40 x 10 elements / 10^2
  ASSERT_EQ(read->rows.size(), 3U);
  EXPECT_TRUE(read->rows[0].layers.empty());
  EXPECT_THAT(read->rows[1].layers, ElementsAre(0, 2));
  EXPECT_EQ(read->rows[1].error, 0.5);
  EXPECT_EQ(read->rows[1].images, 4);
}

TEST(Observations, ShardsInAnyOrder_GiveTheSame) {
  const SweepText a{"a", header() + line(R"("fc")", "0.5")};
  const SweepText b{"b", header() + line(R"("conv1","fc")", "0.7") + line(R"("conv1")", "0.1")};
  const auto one = parse({a, b});
  const auto two = parse({b, a});
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  ASSERT_EQ(one->rows.size(), 3U);
  for (std::size_t i = 0; i < one->rows.size(); ++i) {
    EXPECT_EQ(one->rows[i].layers, two->rows[i].layers);
    EXPECT_EQ(one->rows[i].error, two->rows[i].error);
  }
}

TEST(Observations, RepeatedRecords_CountOnceByImages) {
  ObservationNotes notes;
  Listener listener;
  const auto read = parse({{"a", header() + line(R"("fc")", "0.4", 3) + line(R"("fc")", "0.8", 1) +
                                     line(R"("conv1")", "0.3") + line(R"("conv1")", "0.3")}},
                          &notes, listener);
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->rows.size(), 2U);
  EXPECT_EQ(read->rows[0].error, 0.3);
  EXPECT_DOUBLE_EQ(read->rows[1].error, 0.5);
  EXPECT_EQ(notes.repeated, 2);
  EXPECT_EQ(notes.conflicting, 1);
  EXPECT_TRUE(listener.ids.contains("repeated-subsets"));
}

TEST(Observations, FormatKernelsAndOthers_AreRefused) {
  const auto in = [](const std::string& scheme) {
    return R"({"schema":"tessera.error-sweep/1","result":{"layers":[{"name":"x","scheme":")" +
           scheme + "\"}]}}\n" + line(R"("x")", "0.5");
  };
  EXPECT_THAT(parse({{"a", in("kernels-u8s8")}, {"b", in("kernels-u8s8-channel")}}), IsOk());
  EXPECT_THAT(parse({{"a", in("qdq-u8s8")}, {"b", in("dynamic-u8s8")}}), IsOk());
  EXPECT_THAT(parse({{"a", in("qdq-u8s8")}, {"b", in("kernels-u8s8")}}),
              FailsWith(ErrorCode::kInvalidArgument,
                        HasSubstr("b has layer 'x' in kernels-u8s8, and a in qdq-u8s8")));
}

TEST(Observations, RecordsWithoutError_AreLeftOutAndCounted) {
  ObservationNotes notes;
  Listener listener;
  const auto read = parse({{"a", header() + line(R"("fc")", "null") + line(R"("conv1")", "-1") +
                                     line(R"("conv2")", "1e-3")}},
                          &notes, listener);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->rows.size(), 1U);
  EXPECT_EQ(notes.without_error, 2);
  EXPECT_TRUE(listener.ids.contains("errors-missing"));
}

TEST(Observations, WrittenByHand_IsRead) {
  ObservationNotes notes;
  const auto read =
      parse({{"a", R"({"schema":"tessera.error-sweep/1","result":{"layers":[{"name":"x"}],)"
                   R"("outputs":[{"elements":10.0,"power":40}]}})"
                   "\n\n"
                   R"({"layers":["x"],"error":0.5,"later":true})"
                   "\n"
                   R"({"layers":[]})"
                   "\n"}},
            &notes);
  ASSERT_THAT(read, IsOk());
  EXPECT_DOUBLE_EQ(read->signal, 4);
  ASSERT_EQ(read->rows.size(), 1U);
  EXPECT_EQ(read->rows[0].error, 0.5);
  EXPECT_EQ(read->rows[0].images, 0);
  EXPECT_TRUE(std::isnan(read->rows[0].sqnr_db));
  EXPECT_EQ(notes.without_error, 1);
}

TEST(Observations, MeanOfLargeErrors_IsFinite) {
  const auto read =
      parse({{"a", header() + line(R"("fc")", "1.5e308", 1) + line(R"("fc")", "0.5e308", 3)}});
  ASSERT_THAT(read, IsOk());
  EXPECT_DOUBLE_EQ(read->rows[0].error, 0.75e308);
}

TEST(Observations, NothingButMissingErrors_IsRefused) {
  EXPECT_THAT(parse({{"a", header() + line(R"("fc")", "null")}}),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no usable record")));
}

TEST(Observations, LastLineCutShort_IsLeftOut) {
  ObservationNotes notes;
  Listener listener;
  const auto read = parse({{"a", header() + line(R"("fc")", "0.5") + R"({"layers":["conv1"],"er)"}},
                          &notes, listener);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->rows.size(), 1U);
  EXPECT_EQ(notes.truncated, 1);
  EXPECT_TRUE(listener.ids.contains("truncated-sweep"));
}

TEST(Observations, LastLineWithoutNewlineButWhole_Counts) {
  auto text = header() + line(R"("fc")", "0.5");
  text.pop_back();
  const auto read = parse({{"a", text}});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->rows.size(), 1U);
}

TEST(Observations, BrokenLineInTheMiddle_IsAnErrorWithItsNumber) {
  EXPECT_THAT(parse({{"a", header() + "{\"layers\":[\n" + line(R"("fc")", "0.5")}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("a:2")));
}

TEST(Observations, EmptyFile_IsRefused) {
  EXPECT_THAT(parse({{"a", ""}}), FailsWith(ErrorCode::kDataLoss, HasSubstr("a: is empty")));
  EXPECT_THAT(parse({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no sweep")));
}

TEST(Observations, OtherDocument_IsRefused) {
  EXPECT_THAT(parse({{"a", "{\"schema\":\"tessera.bench/1\",\"result\":{}}\n"}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("error-sweep")));
}

TEST(Observations, UnknownLayer_IsRefusedWithLineAndNearestName) {
  const auto read = parse({{"a", header() + line(R"("conv3")", "0.5")}});
  ASSERT_THAT(read, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("unknown layer 'conv3'")));
  EXPECT_THAT(read.error().message, HasSubstr("a:2"));
  EXPECT_THAT(read.error().hint, HasSubstr("conv"));
}

TEST(Observations, OtherModelOrLayers_AreRefused) {
  const auto row = line(R"("fc")", "0.5");
  EXPECT_THAT(parse({{"a", header() + row}, {"b", header("bb") + row}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("another model")));
  EXPECT_THAT(parse({{"a", header() + row}, {"b", header("aa", "other") + row}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("other layers")));
}

TEST(LayerIndex, Names_AreFoundOnceAndInOrder) {
  const auto layers = testing::layers_named(12);
  const LayerIndex index(layers);
  const std::vector<std::string> names{"l10", "l2", "l10"};
  const auto found = index.find(names);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(*found, ElementsAre(2, 10));
  EXPECT_EQ(index.position("l99"), -1);
}

}  // namespace
}  // namespace tessera::noise
