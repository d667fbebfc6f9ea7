// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "runtime/litert_library.h"
#include "runtime/litert_tiny_model.h"
#include "tessera/runtime/litert.h"

namespace tessera::testing {

/// LiteRT, loaded once; null where scripts/setup did not fetch one.
inline std::shared_ptr<const runtime::Library> litert() {
  static const auto loaded = runtime::load_litert();
  return loaded ? *loaded : nullptr;
}

#define TESSERA_NEEDS_LITERT()                                         \
  if (::tessera::testing::litert() == nullptr) {                       \
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: "       \
                 << ::tessera::runtime::load_litert().error().message; \
  }                                                                    \
  static_assert(true)

/// The same LiteRT as if it had nothing of what the observer needs.
inline std::shared_ptr<const runtime::Library> without_observer() {
  const auto& loaded = dynamic_cast<const runtime::litert::LitertLibrary&>(*litert());
  runtime::litert::LitertLibrary::State state{
      .functions = loaded.functions(), .version = "2.1.0", .path = loaded.path()};
  state.functions.has_observer = false;
  return std::make_shared<const runtime::litert::LitertLibrary>(std::move(state));
}

/// x [1, 4] -> RELU -> a -> ADD(a, x) -> b -> TANH -> y, floats.
inline runtime::litert::TinyModel relu_add_tanh() {
  using namespace runtime::litert;  // NOLINT(google-build-using-namespace)
  constexpr std::uint8_t kAddOptions = 11;
  return {.graphs = {{.tensors = {{.name = "x", .shape = {1, 4}},
                                  {.name = "a", .shape = {1, 4}},
                                  {.name = "b", .shape = {1, 4}},
                                  {.name = "y", .shape = {1, 4}}},
                      .operators = {{.code = kRelu, .inputs = {0}, .outputs = {1}},
                                    {.code = kAdd,
                                     .inputs = {1, 0},
                                     .outputs = {2},
                                     .options_kind = kAddOptions,
                                     .options = runtime::FlatTable()},
                                    {.code = kTanh, .inputs = {2}, .outputs = {3}}},
                      .inputs = {0},
                      .outputs = {3}}}};
}

}  // namespace tessera::testing
