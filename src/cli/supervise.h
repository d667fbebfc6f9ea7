// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace tessera::cli {

/// Does `work` in a child process and returns its exit code, so that an inference library that
/// ends the process takes the work with it and not the answer: the child is started again and told
/// which session ended it, which is then refused as any other that does not open. `work` gets the
/// number of the attempt, from 0. Returns in the child too, with the code that it is to end with.
///
/// To be called before any other thread exists. Costs under a millisecond. Interruptions are
/// passed on; the child ends with its parent. Where no child can be made, `work` is done here.
int supervise(const std::function<int(int attempt)>& work);

}  // namespace tessera::cli
