// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/documents.h"

#include <array>
#include <fstream>
#include <string>

namespace tessera::cli {
namespace {

struct Kind {
  std::string_view kind;
  std::string_view what;
  std::string_view made_by;
};
constexpr std::array<Kind, 8> kKinds{
    {{"error-sweep", "a sweep", "tessera error sweep MODEL --data D -o SWEEP.jsonl"},
     {"error-fit", "the fit of a sweep", "tessera error fit SWEEP.jsonl -o FIT.json"},
     {"profile", "a profile", "tessera profile MODEL --data D -o PROFILE.json"},
     {"profile-shard", "a part of a profile", "tessera profile MODEL --shard 0/2 -o SHARD.json"},
     {"calibrate", "ranges", "tessera calibrate MODEL --data D -o RANGES.json"},
     {"calibrate-shard", "a part of ranges", "tessera calibrate MODEL --shard 0/2 -o SHARD.json"},
     {"bench", "a bench", "tessera bench MODEL --data D -o BENCH.json"},
     {"cluster", "a file of machines and links", "tessera cluster init -o CLUSTER.json"}}};

const Kind* find(std::string_view kind) {
  for (const auto& known : kKinds) {
    if (known.kind == kind) {
      return &known;
    }
  }
  return nullptr;
}

/// "profile" of a file that has "schema": "tessera.profile/1" near its beginning.
std::string kind_of(const std::filesystem::path& path) {
  constexpr std::size_t kNear = 4096;
  std::string head(kNear, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.gcount()));
  constexpr std::string_view kSchema = "\"tessera.";
  const auto key = head.find("\"schema\"");
  const auto at = key == std::string::npos ? key : head.find(kSchema, key);
  const auto end = at == std::string::npos ? at : head.find('/', at);
  if (end == std::string::npos) {
    return {};
  }
  return head.substr(at + kSchema.size(), end - at - kSchema.size());
}

}  // namespace

Status expect_kind(const std::filesystem::path& path, std::string_view kind) {
  const auto found = kind_of(path);
  if (found.empty() || found == kind) {
    return {};
  }
  const auto* is = find(found);
  const auto* wanted = find(kind);
  return fail(ErrorCode::kDataLoss, "'{}' is {}, not {}", path.string(),
              is == nullptr ? "a document tessera." + found : std::string(is->what),
              wanted == nullptr ? kind : wanted->what)
      .hint("make it: {}", wanted == nullptr ? "tessera --help" : wanted->made_by);
}

}  // namespace tessera::cli
