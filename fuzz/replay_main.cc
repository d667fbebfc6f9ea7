// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Stands in for libFuzzer in builds without clang: runs every seed whole, cut short at up to 256
// places, and with up to 256 seeded damages, through the same entry point. Deterministic.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

// The name and signature are libFuzzer's.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kVariants = 256;

Bytes read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const Bytes& input) {
  // A copy of exact size: reading one byte too far is then seen by the address sanitizer.
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void run_prefixes(const Bytes& seed) {
  const auto step = std::max<std::size_t>(1, seed.size() / kVariants);
  for (std::size_t size = 0; size < seed.size(); size += step) {
    run(Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

void run_damaged(const Bytes& seed) {
  if (seed.empty()) {
    return;
  }
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed.size()));
  for (std::size_t variant = 0; variant < kVariants; ++variant) {
    auto damaged = seed;
    for (std::size_t flips = 1 + random() % 4; flips > 0; --flips) {
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    }
    run(damaged);
  }
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t seeds = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& path : files_in(argv[i])) {
      std::printf("%s\n", path.filename().string().c_str());
      std::fflush(stdout);  // the last line names the seed of a crash
      const auto seed = read(path);
      run(seed);
      run_prefixes(seed);
      run_damaged(seed);
      ++seeds;
    }
  }
  if (seeds == 0) {
    std::fprintf(stderr, "no seeds: name a folder with some\n");
    return 1;
  }
  std::printf("%zu seeds\n", seeds);
  return 0;
}
