// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/app.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // Large buffers (images, tensors) go back to the system when freed. By default glibc moves them
  // to the heap after the first one, where small long-lived blocks pin their memory: up to 25 MiB
  // more, and a peak that differs from run to run.
  constexpr int kLarge = 1 << 20;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
  (void)::mallopt(M_MMAP_THRESHOLD, kLarge);
#endif
  // Before any thread exists: the inference library then does not even start its telemetry client,
  // which would write a session file into the folder for temporary files.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  (void)::setenv("ORT_DISABLE_TELEMETRY", "1", 0);
  return tessera::cli::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
