// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "certificate/program.h"

int main(int argc, char** argv) {
  try {
    const auto answer = tessera::certificate::answer({argv, argv + argc});
    std::fputs(answer.out.c_str(), stdout);
    std::fputs(answer.err.c_str(), stderr);
    return answer.exit_code;
  } catch (const std::exception& problem) {
    constexpr int kInternal = 70;
    (void)std::fprintf(stderr, "error: %s\n", problem.what());
    return kInternal;
  }
}
