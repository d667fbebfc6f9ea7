// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace tessera::cli {

void add_error_command(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "error", "How much error quantized layers add: measured, modelled, predicted, ranked");
  command->require_subcommand(1);
  command->footer(
      "Example:\n  tessera error sweep model.onnx --data images/ --preprocess imagenet "
      "-o sweep.jsonl\n  tessera error fit sweep.jsonl -o fit.json");
  add_error_sweep_command(*command, context);
  add_error_merge_command(*command, context);
  add_error_check_command(*command, context);
  add_error_tail_command(*command, context);
  add_error_bits_command(*command, context);
  add_error_model_commands(*command, context);
}

}  // namespace tessera::cli
