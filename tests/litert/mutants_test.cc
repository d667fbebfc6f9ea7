// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Files with a few bytes changed, many of them: each is refused with a hint, or read, looked at and
// written again, in no time. fuzz/litert_fuzz.cc looks further, without a plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <limits>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/timing.h"
#include "tessera/graph/inspect.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using testing::IsOk;

std::vector<std::string> seeds() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus/litert")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> all;
  for (const auto& file : files) {
    all.push_back(read_file(file).value());
  }
  all.push_back(Model::of(testing::small_litert())->serialize().value());
  return all;
}

/// Numbers that offsets, sizes and indices go wrong at.
std::uint32_t awkward(Random& random, std::size_t size) {
  const std::array numbers = {0U,
                              1U,
                              4U,
                              static_cast<std::uint32_t>(size),
                              static_cast<std::uint32_t>(size - 4),
                              0x7FFFFFFFU,
                              0x80000000U,
                              std::numeric_limits<std::uint32_t>::max(),
                              static_cast<std::uint32_t>(random.below(size)),
                              static_cast<std::uint32_t>(0 - random.below(size))};
  return numbers[random.below(numbers.size())];
}

void put(std::string& bytes, std::size_t at, std::uint32_t number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

void change(std::string& bytes, const std::string& other, Random& random) {
  const auto at = random.below(bytes.size() - 8);
  switch (random.below(6)) {
    case 0:
      bytes[at] = static_cast<char>(random.below(256));
      return;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      return;
    case 2:
      put(bytes, at / 4 * 4, awkward(random, bytes.size()));
      return;
    case 3: {  // an offset that leads a little further or back
      std::uint32_t number = 0;
      std::memcpy(&number, bytes.data() + at / 4 * 4, sizeof number);
      put(bytes, at / 4 * 4, number + static_cast<std::uint32_t>(random.below(64)) - 32);
      return;
    }
    case 4: {  // a piece of another place or file
      const auto from = random.below(other.size() - 8);
      const auto size = std::min({bytes.size() - at, other.size() - from, 1 + random.below(48)});
      bytes.replace(at, size, other, from, size);
      return;
    }
    default:
      if (random.below(8) == 0) {
        bytes.resize(std::max<std::size_t>(at, 16));
      } else if (random.below(2) == 0) {
        bytes.insert(at / 4 * 4, 4, '\0');
      } else {
        bytes.erase(at / 4 * 4, 4);
      }
  }
}

struct Outcomes {
  int refused = 0;
  int seen = 0;
  int written = 0;
};

/// False where something is wrong with how it was dealt with.
bool deal_with(const std::string& bytes, Outcomes& outcomes) {
  const auto model = Model::parse(bytes);
  if (!model) {
    ++outcomes.refused;
    return !model.error().hint.empty() && model.error().code != ErrorCode::kInternal;
  }
  const auto& content = model->content();
  if (const auto graph = view(content, types_of(content, {}))) {
    ++outcomes.seen;
    const auto inspection = graph::inspect(*graph, {});
    if (inspection.weight_bytes < 0 || inspection.macs.value_or(0) < 0) {
      return false;
    }
  }
  const auto written = model->serialize();
  if (!written) {
    return !written.error().hint.empty();
  }
  ++outcomes.written;
  const auto again = Model::parse(*written);
  return again && again->serialize().value_or("") == *written;
}

TEST(LitertMutantsSlow, AHundredThousand_AreReadOrRefused) {
  constexpr int kMutants = 100000;
  constexpr double kLongestUs = 5e6;
  const auto files = seeds();
  ASSERT_GE(files.size(), 7U);
  Random random(2026);
  Outcomes outcomes;
  double longest_us = 0;
  for (int i = 0; i < kMutants; ++i) {
    auto bytes = files[random.below(files.size())];
    const auto& other = files[random.below(files.size())];
    for (auto changes = 1 + random.below(4); changes > 0; --changes) {
      change(bytes, other, random);
    }
    const double start_us = thread_cpu_us();
    ASSERT_TRUE(deal_with(bytes, outcomes)) << "mutant " << i;
    longest_us = std::max(longest_us, thread_cpu_us() - start_us);
  }
  EXPECT_LT(longest_us, kLongestUs);
  RecordProperty("refused", outcomes.refused);
  RecordProperty("seen", outcomes.seen);
  RecordProperty("written", outcomes.written);
  RecordProperty("longest_us", static_cast<int>(longest_us));
  // Else the changes are all too crude, or too fine.
  EXPECT_GT(outcomes.refused, kMutants / 10);
  EXPECT_GT(outcomes.written, kMutants / 10);
}

}  // namespace
}  // namespace tessera::litert
