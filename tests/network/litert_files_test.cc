// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// .tflite files that others made: those of the shared data, and of the folders in
// TESSERA_LITERT_FILES (separated by ':').
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "network/litert_chains.h"
#include "support/matchers.h"
#include "support/network_values.h"
#include "tessera/core/file.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"
#include "tessera/runtime/litert.h"

namespace tessera::network {
namespace {

namespace fs = std::filesystem;
using runtime::OptLevel;
using testing::IsOk;
using testing::Values;

std::vector<fs::path> folders() {
  std::vector<fs::path> all;
  if (auto shared = testing::shared_file("models"); !shared.empty()) {
    all.push_back(std::move(shared));
  }
  if (const char* const given = std::getenv("TESSERA_LITERT_FILES")) {
    std::istringstream list(given);
    for (std::string folder; std::getline(list, folder, ':');) {
      all.emplace_back(folder);
    }
  }
  return all;
}

std::vector<fs::path> files() {
  std::vector<fs::path> all;
  for (const auto& folder : folders()) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".tflite") {
        all.push_back(entry.path());
      }
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

class LitertFilesSlow : public ::testing::Test {
 protected:
  void SetUp() override {
    files_ = files();
    if (files_.empty()) {
      GTEST_SKIP() << "NOT TESTED: no .tflite files; set TESSERA_SHARED or TESSERA_LITERT_FILES";
    }
    auto loaded = runtime::load_litert();
    if (!loaded) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << loaded.error().message;
    }
    library_ = *std::move(loaded);
  }

  /// Outputs by names for seeded inputs; the same names and inputs for the same signature.
  Result<std::vector<Values>> results(std::string_view bytes) const {
    runtime::SessionOptions options;
    options.opt_level = OptLevel::kDisabled;
    TESSERA_TRY(auto session, runtime::open_litert(library_, bytes, options));
    std::vector<Values> all;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      auto values = testing::random_inputs(session, seed);
      TESSERA_CHECK(testing::run_on(session, values));
      all.push_back(std::move(values));
    }
    return all;
  }

  static bool same(const std::vector<Values>& left, const std::vector<Values>& right) {
    bool all = left.size() == right.size();
    for (std::size_t i = 0; all && i < left.size(); ++i) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : left[i]) {
        names.push_back(name);
      }
      all = left[i].size() == right[i].size() && testing::same_values(left[i], right[i], names);
    }
    return all;
  }

  std::vector<fs::path> files_;
  std::shared_ptr<const runtime::Library> library_;
};

TEST_F(LitertFilesSlow, Rewritten_GiveTheSameBytes) {
  int ran = 0;
  for (const auto& file : files_) {
    SCOPED_TRACE(file.string());
    const auto model = litert::Model::load(file);
    ASSERT_THAT(model, IsOk());
    const auto written = model->serialize();
    ASSERT_THAT(written, IsOk());
    const auto again = litert::Model::parse(*written);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->serialize().value_or(""), *written);
    // LiteRT verifies what it opens by its own schema.
    const auto before = results(read_file(file).value());
    const auto after = results(*written);
    if (!before) {
      ASSERT_FALSE(after.has_value());
      EXPECT_EQ(before.error().message, after.error().message);
      std::printf("not run: %s: %s\n", file.filename().c_str(), before.error().message.c_str());
      continue;
    }
    ASSERT_THAT(after, IsOk());
    EXPECT_TRUE(same(*before, *after));
    ++ran;
  }
  std::printf("%zu files rewritten, %d of them run\n", files_.size(), ran);
  EXPECT_GT(ran, 0);
}

TEST_F(LitertFilesSlow, CutAtDrawnValues_GiveWhatTheWholeGives) {
  constexpr int kDrawn = 8;
  for (const auto& file : files_) {
    SCOPED_TRACE(file.string());
    auto network = read(file);
    ASSERT_THAT(network, IsOk());
    assume_extents(*network, {});
    for (const auto kernels : {OptLevel::kDisabled, OptLevel::kAll}) {
      SCOPED_TRACE(kernels == OptLevel::kAll ? "XNNPACK" : "built-in kernels");
      auto session = network->open(library_, {.opt_level = kernels});
      auto values = session ? testing::random_inputs(*session, 1) : Values();
      const auto ran = session ? testing::run_on(*session, values) : Status();
      if (!session || !ran) {
        const auto& error = session ? ran.error() : session.error();
        EXPECT_EQ(error.code, ErrorCode::kUnimplemented) << error.message;
        continue;
      }
      const testing::Cutting cutting(*network, library_, kernels);
      const int cuts = testing::cut_at_drawn(cutting, cutting.whole(1), 1, kDrawn);
      std::printf("%s: %d cuts\n", file.filename().c_str(), cuts);
    }
  }
}

/// Keeps what passes by.
class Look final : public runtime::TensorTap {
 public:
  void visit(std::int64_t tag, DType /*dtype*/, std::span<const std::int64_t> /*shape*/,
             std::span<std::byte> data) noexcept override {
    seen[tag].assign(data.begin(), data.end());
  }
  std::map<std::int64_t, std::vector<std::byte>> seen;
};

/// Every value that an operator makes of the inputs.
std::vector<std::string> made_values(const graph::Graph& graph) {
  const auto constant = graph::constant_tensors(graph);
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < graph.tensors().size(); ++i) {
    const auto& tensor = graph.tensor({i});
    // What a scalar counts, LiteRT keeps to itself.
    if (tensor.producer && !constant[i] && tensor.dtype != DType::kUndefined && tensor.shape &&
        !tensor.shape->empty()) {
      names.push_back(tensor.name);
    }
  }
  return names;
}

TEST_F(LitertFilesSlow, ATapSeesEveryValueAsAnOutputWouldBe) {
  int values_seen = 0;
  for (const auto& file : files_) {
    SCOPED_TRACE(file.string());
    auto network = read(file);
    ASSERT_THAT(network, IsOk());
    assume_extents(*network, {});
    const auto names = made_values(network->view().value());
    Look look;
    runtime::SessionOptions options{.opt_level = OptLevel::kDisabled, .tap = &look};
    auto tapped = network->open(library_, options, names);
    auto exposing = network->clone();
    exposing.expose(names);
    options.tap = nullptr;
    auto exposed = exposing.open(library_, options);
    if (!tapped || !exposed) {
      std::printf("not compared: %s: %s\n", file.filename().c_str(),
                  (tapped ? exposed : tapped).error().message.c_str());
      continue;
    }
    auto values = testing::random_inputs(*exposed, 1);
    auto same_inputs = testing::random_inputs(*tapped, 1);
    ASSERT_EQ(values.size(), same_inputs.size());
    const auto ran = testing::run_on(*exposed, values);
    if (!ran && ran.error().code == ErrorCode::kUnimplemented) {
      std::printf("not compared: %s: %s\n", file.filename().c_str(), ran.error().message.c_str());
      continue;
    }
    ASSERT_TRUE(ran) << ran.error().message;
    ASSERT_THAT(testing::run_on(*tapped, same_inputs), IsOk());
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto seen = look.seen.find(static_cast<std::int64_t>(i));
      ASSERT_NE(seen, look.seen.end()) << names[i];
      EXPECT_TRUE(std::ranges::equal(seen->second, values.at(names[i]).bytes())) << names[i];
      ++values_seen;
    }
  }
  std::printf("%d values compared\n", values_seen);
  EXPECT_GT(values_seen, 50);
}

}  // namespace
}  // namespace tessera::network
