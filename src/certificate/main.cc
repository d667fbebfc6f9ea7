// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "certificate/program.h"

int main(int argc, char** argv) {
  try {
    const auto answer = tessera::certificate::answer({argv, argv + argc});
    const bool written = std::fputs(answer.out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    std::fputs(answer.err.c_str(), stderr);
    if (!written) {
      // An answer that nobody can read is none, whatever it was.
      constexpr int kOutput = 3;
      std::fputs(
          "error: the answer could not be written\n"
          "  hint: redirect it to where there is room\n",
          stderr);
      return kOutput;
    }
    return answer.exit_code;
  } catch (const std::exception& problem) {
    constexpr int kInternal = 70;
    (void)std::fprintf(stderr, "error: %s\n", problem.what());
    return kInternal;
  }
}
