// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/core/json.h"
#include "tessera/keras/quantizer.h"
#include "tessera/tensor/npy.h"

// Every quantizer on 2,000 values against what QKeras itself computes.
namespace tessera::keras {
namespace {

using testing::IsOk;

struct Table {
  std::string file;
  std::string id;
  Json entry;
};

/// Distance in units in the last place.
std::int64_t ulps(float a, float b) {
  const auto order = [](float value) {
    const auto bits = std::bit_cast<std::int32_t>(value);
    return std::int64_t{bits < 0 ? std::numeric_limits<std::int32_t>::min() - bits : bits};
  };
  return std::abs(order(a) - order(b));
}

/// x = 2^(k + 1/2) or a float beside it, where the last bit of a logarithm decides.
bool is_tie_of_powers(float x, bool quadratic) {
  const double log2 = std::log2(std::abs(static_cast<double>(x))) / (quadratic ? 2 : 1);
  return std::abs(log2 - std::floor(log2) - 0.5) < 3e-7;
}

class QuantizerTables : public ::testing::TestWithParam<const char*> {};

TEST_P(QuantizerTables, EveryQuantizer_GivesTheValuesOfQKeras) {
  const auto base = testing::shared_path(std::string("data/qkeras/") + GetParam());
  TESSERA_NEEDS_SHARED(base.string() + ".json");
  auto document = read_json(base.string() + ".json");
  ASSERT_THAT(document, IsOk());
  auto arrays = read_npz(base.string() + ".npz");
  ASSERT_THAT(arrays, IsOk());
  std::map<std::string, Tensor> named;
  for (auto& array : *arrays) {
    named.emplace(array.name, std::move(array.tensor));
  }
  int tables = 0;
  for (const auto& entry : (*document)["tables"]) {
    const auto id = entry["id"].get<std::string>();
    const auto text = entry["quantizer"].get<std::string>();
    SCOPED_TRACE(id + " " + text);
    auto parsed = parse_quantizer(Json(text), "the table");
    ASSERT_THAT(parsed, IsOk());
    ASSERT_TRUE(parsed->has_value());
    const auto& quantizer = **parsed;
    if (entry.contains("config")) {
      auto object = parse_quantizer(
          Json{{"class_name", quantizer.name}, {"config", entry["config"]}}, "the table");
      ASSERT_THAT(object, IsOk());
      EXPECT_EQ(to_string(**object), to_string(quantizer));
    }
    const bool powers =
        quantizer.kind == QuantizerKind::kPo2 || quantizer.kind == QuantizerKind::kReluPo2;
    for (const auto& [input, unused] : entry["tables"].items()) {
      SCOPED_TRACE(input);
      ++tables;
      const auto key = id + "/" + input;
      ASSERT_TRUE(named.contains(input) && named.contains(key));
      auto made = apply(quantizer, named.at(input).view());
      ASSERT_THAT(made, IsOk());
      const auto x = named.at(input).as<float>();
      const auto ours = made->as<float>();
      const auto& expected = named.at(named.contains(key + "/grid") ? key + "/grid" : key);
      const auto theirs = expected.as<float>();
      ASSERT_EQ(ours.size(), theirs.size());
      const auto graph = named.find(key + "/graph");
      int beside = 0;
      int ties = 0;
      for (std::size_t i = 0; i < ours.size(); ++i) {
        std::int64_t distance = ulps(ours[i], theirs[i]);
        // Without a table of the grid itself: as training has it, x + (q(x) - x).
        distance = std::min(distance, ulps(x[i] + (ours[i] - x[i]), theirs[i]));
        if (graph != named.end() && distance != 0) {
          distance = std::min(distance, ulps(ours[i], graph->second.as<float>()[i]));
        }
        if (distance == 0 || (ours[i] == 0 && theirs[i] == 0)) {
          continue;
        }
        if (powers && is_tie_of_powers(x[i], quantizer.quadratic)) {
          ++ties;
          continue;
        }
        ++beside;
        EXPECT_LE(distance, 1) << "x[" << i << "] = " << x[i] << ": " << ours[i] << " and "
                               << theirs[i];
        if (distance > 1 && beside > 5) {
          break;
        }
      }
      if (beside + ties > 0) {
        std::cout << id << " " << text << " " << input << ": " << beside << " beside, " << ties
                  << " ties" << std::endl;
      }
      EXPECT_LE(ties, 6);
    }
  }
  EXPECT_GT(tables, 0);
}

INSTANTIATE_TEST_SUITE_P(Files, QuantizerTables, ::testing::Values("quant_tables", "quant_linear"));

}  // namespace
}  // namespace tessera::keras
