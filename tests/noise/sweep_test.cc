// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::noise {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

SweepHeader small_header() {
  SweepHeader header;
  header.model = ModelInfo{"m.onnx", "0123456789abcdef", "onnx"};
  header.seed = 7;
  header.layers = {{"a", "Conv", 10, "qdq-u8s8", 0.5, 2}, {"b", "Gemm", 20, "qdq-u8s8", 0.25, 1}};
  header.images = 2;
  header.metric = "l2_per_element";
  header.outputs = {{"y", 10, 1.5, 1}};
  header.design = R"({"subsets":["random:3"],"count":3})";
  return header;
}

Json document_of(const SweepHeader& header) {
  Envelope envelope;
  envelope.kind = "error-sweep";
  envelope.model = header.model;
  envelope.seed = header.seed;
  envelope.timeless = true;
  return enclose(envelope, to_json(header));
}

SweepRecord record_of(std::int64_t index, std::vector<std::string> layers, double error) {
  SweepRecord record;
  record.index = index;
  record.layers = std::move(layers);
  record.error = error;
  record.sqnr_db = 20;
  record.relative_l2 = 0.1;
  record.images = 2;
  record.outputs = {{"y", error, 20}};
  return record;
}

class SweepFile : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::create("tessera-sweep");
    ASSERT_THAT(folder, IsOk());
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
  }
  std::filesystem::path path(const std::string& name) const { return folder_->path() / name; }
  void put(const std::string& name, const std::string& text) {
    ASSERT_THAT(write_file(path(name), text, Overwrite::kReplace), IsOk());
  }
  Result<Sweep> read(const std::vector<std::string>& names) {
    std::vector<std::filesystem::path> paths;
    for (const auto& name : names) {
      paths.push_back(path(name));
    }
    return read_sweep(paths);
  }
  std::unique_ptr<TemporaryDirectory> folder_;
};

TEST_F(SweepFile, WrittenAndRead_SameRecordsByIndex) {
  auto plain = record_of(1, {"a"}, 0.25);
  auto rich = record_of(0, {"a", "b"}, 0.5);
  rich.agreement = 75;
  rich.metric = 0.5;
  rich.non_finite = 3;
  const std::vector<SweepRecord> records{plain, rich};
  ASSERT_THAT(
      write_sweep(path("s"), to_line(document_of(small_header())), records, Overwrite::kRefuse),
      IsOk());
  const auto sweep = read({"s"});
  ASSERT_THAT(sweep, IsOk());
  ASSERT_EQ(sweep->records.size(), 2);
  EXPECT_EQ(sweep->records[0], rich);
  EXPECT_EQ(sweep->records[1], plain);
  EXPECT_EQ(sweep->header.layers, small_header().layers);
  EXPECT_EQ(sweep->header.outputs, small_header().outputs);
  EXPECT_EQ(sweep->header.model->sha256, "0123456789abcdef");
  EXPECT_EQ(sweep->header.seed, 7);
}

TEST_F(SweepFile, NumbersThatJsonHasNot_ComeBack) {
  auto equal = record_of(0, {}, 0);
  equal.sqnr_db = std::numeric_limits<double>::infinity();
  auto hopeless = record_of(1, {"a"}, std::numeric_limits<double>::quiet_NaN());
  auto zero = record_of(2, {"b"}, 1);
  zero.sqnr_db = -std::numeric_limits<double>::infinity();
  zero.relative_l2 = std::numeric_limits<double>::infinity();
  const std::vector<SweepRecord> records{equal, hopeless, zero};
  ASSERT_THAT(
      write_sweep(path("s"), to_line(document_of(small_header())), records, Overwrite::kRefuse),
      IsOk());
  const auto sweep = read({"s"});
  ASSERT_THAT(sweep, IsOk());
  EXPECT_EQ(sweep->records[0].sqnr_db, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(sweep->records[1].error));
  EXPECT_EQ(sweep->records[2].sqnr_db, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(sweep->records[2].relative_l2, std::numeric_limits<double>::infinity());
}

TEST_F(SweepFile, LastLineCutOff_IsPassedOver) {
  const auto text = to_line(document_of(small_header())) +
                    to_line(to_json(record_of(0, {"a"}, 1))) + R"({"index":1,"lay)";
  put("s", text);
  const auto sweep = read({"s"});
  ASSERT_THAT(sweep, IsOk());
  EXPECT_EQ(sweep->records.size(), 1);
}

TEST_F(SweepFile, BrokenLineInBetween_IsNamed) {
  put("s", to_line(document_of(small_header())) + "{\"index\":1,\n" +
               to_line(to_json(record_of(0, {"a"}, 1))));
  EXPECT_THAT(read({"s"}), FailsWith(ErrorCode::kDataLoss, HasSubstr("s:2")));
  put("t", to_line(document_of(small_header())) + "{\"layers\":[]}\n");
  EXPECT_THAT(read({"t"}), FailsWith(ErrorCode::kDataLoss, HasSubstr("error")));
}

TEST_F(SweepFile, OnlyWhatIsPromised_IsEnough) {
  put("s", R"({"schema":"tessera.error-sweep/1","result":{"layers":[{"name":"a"}],"outputs":[]}})"
           "\n"
           R"({"layers":["a"],"error":0.5,"sqnr_db":12,"later":true})"
           "\n"
           R"({"layers":[],"error":0})");
  const auto sweep = read({"s"});
  ASSERT_THAT(sweep, IsOk());
  ASSERT_EQ(sweep->records.size(), 2);
  EXPECT_EQ(sweep->records[0].error, 0.5);
  EXPECT_EQ(sweep->records[0].sqnr_db, 12);
  EXPECT_EQ(sweep->records[1].index, 1);
}

TEST_F(SweepFile, Shards_MergeInAnyOrder) {
  auto first = small_header();
  first.design = R"({"subsets":["random:3"],"count":3,"shard":"0/2"})";
  auto second = small_header();
  second.design = R"({"subsets":["random:3"],"count":3,"shard":"1/2"})";
  put("a", to_line(document_of(first)) + to_line(to_json(record_of(2, {"b"}, 1))));
  put("b", to_line(document_of(second)) + to_line(to_json(record_of(0, {"a"}, 2))) +
               to_line(to_json(record_of(1, {"a", "b"}, 3))));
  for (const auto& order : {std::vector<std::string>{"a", "b"}, {"b", "a"}, {"a", "b", "a"}}) {
    const auto sweep = read(order);
    ASSERT_THAT(sweep, IsOk());
    ASSERT_EQ(sweep->records.size(), 3);
    EXPECT_EQ(sweep->records[0].error, 2);
    EXPECT_EQ(sweep->records[2].error, 1);
    EXPECT_EQ(sweep->document, to_line(document_of(small_header())));
  }
}

TEST_F(SweepFile, DesignThatIsNoObject_IsLeftAsItIs) {
  const SweepText file{
      "s", R"({"schema":"tessera.error-sweep/1","result":{"layers":[],"design":"mine"}})"
           "\n"};
  const auto sweep = parse_sweep(std::vector{file, file});
  ASSERT_THAT(sweep, IsOk());
  EXPECT_EQ(sweep->document, file.text);
}

TEST_F(SweepFile, FilesOfDifferentSweeps_AreRefused) {
  put("a", to_line(document_of(small_header())) + to_line(to_json(record_of(0, {"a"}, 1))));
  auto header = small_header();
  header.model->sha256 = "fedcba9876543210";
  put("b", to_line(document_of(header)));
  EXPECT_THAT(read({"a", "b"}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("fedcba987654")));
  header = small_header();
  header.layers.pop_back();
  put("b", to_line(document_of(header)));
  EXPECT_THAT(read({"a", "b"}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("layers")));
  header = small_header();
  header.seed = 8;
  put("b", to_line(document_of(header)));
  EXPECT_THAT(read({"a", "b"}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("seed")));
  put("b", to_line(document_of(small_header())) + to_line(to_json(record_of(0, {"b"}, 1))));
  EXPECT_THAT(read({"a", "b"}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("subset 0")));
}

TEST_F(SweepFile, AnotherDocument_IsNamed) {
  put("s", R"({"schema":"tessera.calibrate/1","result":{}})");
  EXPECT_THAT(read({"s"}), FailsWith(ErrorCode::kDataLoss, HasSubstr("tessera.calibrate/1")));
  EXPECT_THAT(read({"absent"}), FailsWith(ErrorCode::kNotFound, HasSubstr("absent")));
  EXPECT_THAT(read_sweep({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no sweep")));
}

}  // namespace
}  // namespace tessera::noise
