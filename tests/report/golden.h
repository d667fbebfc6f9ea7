// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/report/chart.h"

namespace tessera::report {

/// Compares with tests/golden/chart/<name>.svg; TESSERA_UPDATE_GOLDEN=1 rewrites it.
inline void expect_golden(const std::string& name, const Result<Chart>& chart) {
  ASSERT_THAT(chart, testing::IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  const auto path =
      std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/chart" / (name + ".svg");
  if (const char* update = std::getenv("TESSERA_UPDATE_GOLDEN"); update != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    ASSERT_THAT(write_file(path, document, Overwrite::kReplace), testing::IsOk());
  }
  EXPECT_THAT(read_file(path, 1 << 20), testing::IsOkAndHolds(document));
}

}  // namespace tessera::report
