// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/comparison.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using evaluate::Accuracy;
using evaluate::Comparison;

std::string decibels(double value) {
  return std::isinf(value) && value > 0 ? "exact" : fmt::format("{:.1f}", value);
}

std::string cosine_cell(double value) {
  return fmt::format("{:.6f}", value);
}

std::vector<std::string> with_errors(std::vector<std::string> cells, const ErrorMetrics& error) {
  cells.insert(cells.end(), {decibels(error.sqnr_db), cosine_cell(error.cosine),
                             number(error.max_abs), fmt::format("{:.2e}", error.l2_per_element)});
  return cells;
}

std::vector<Column> with_error_columns(std::vector<Column> columns) {
  columns.push_back({"SQNR dB"});
  columns.push_back({.header = "cosine", .rank = 2});
  columns.push_back({"max abs"});
  columns.push_back({.header = "L2/element", .rank = 3});
  return columns;
}

std::string top1_text(const evaluate::Top1& top1) {
  const auto agreement = fmt::format("the same class for {:.2f} % of {} samples",
                                     top1.agreement_percent, top1.samples);
  if (!top1.reference_percent) {
    return fmt::format("top-1   {}\n", agreement);
  }
  const double change = -*top1.drop();
  return fmt::format(
      "top-1   reference {:.2f} %, candidate {:.2f} %, {} on {} labelled samples; {}\n",
      *top1.reference_percent, *top1.candidate_percent,
      std::abs(change) < 0.005 ? "no change" : fmt::format("{:+.2f} points", change), top1.labelled,
      agreement);
}

std::string non_finite_text(const Accuracy& accuracy) {
  std::string text;
  for (const auto& output : accuracy.outputs) {
    if (output.error.non_finite > 0) {
      text += fmt::format(
          "warning {}: {} elements are NaN or infinite on one side and left out above\n",
          output.name, output.error.non_finite);
    }
  }
  return text;
}

/// What the conversion of the file cost, and what quantizing.
std::string loss_text(const Comparison& comparison) {
  std::string text;
  if (!comparison.loss) {
    return text;
  }
  const auto line = [&](std::string_view step, const Accuracy& accuracy) {
    text += fmt::format("{:<13} SQNR {} dB, max abs {}\n", step, decibels(accuracy.overall.sqnr_db),
                        number(accuracy.overall.max_abs));
  };
  line("conversion", comparison.loss->conversion);
  line("quantization", comparison.loss->quantization);
  return text + "\n";
}

std::string gates_text(const Comparison& comparison) {
  std::string text;
  for (const auto& [gate, value, passed] : comparison.gates) {
    text += fmt::format("gate    {} {}: {}\n", passed ? "ok    " : "MISSED", to_string(gate),
                        number(value, 4));
  }
  return text;
}

}  // namespace

Table output_error_table(const Accuracy& accuracy) {
  Table table(with_error_columns({{"output", Align::kLeft, true}}));
  for (const auto& output : accuracy.outputs) {
    table.add_row(with_errors({output.name}, output.error));
  }
  if (accuracy.outputs.size() > 1) {
    table.set_total(with_errors({"all outputs"}, accuracy.overall));
  }
  return table;
}

Table tensor_error_table(const Comparison& comparison) {
  Table table(with_error_columns({{"value inside", Align::kLeft, true},
                                  {.header = "made by", .align = Align::kLeft, .rank = 1}}));
  for (const auto& [pair, error] : comparison.tensors) {
    table.add_row(with_errors({pair.name, pair.op_type}, error));
  }
  return table;
}

std::string comparison_text(const Comparison& comparison, Page page, std::size_t top) {
  const auto& accuracy = comparison.accuracy;
  auto text = output_error_table(accuracy).text(page) + "\n" + loss_text(comparison);
  if (!comparison.tensors.empty()) {
    text += tensor_error_table(comparison).text(page, top);
    text += fmt::format("{} of {} values inside the reference have a counterpart\n\n",
                        comparison.tensors.size(), comparison.reference_tensors);
  }
  text += fmt::format("samples {}\n", accuracy.samples);
  if (comparison.free_running) {
    text += fmt::format("SQNR dB with its own states: {}\n",
                        decibels(comparison.free_running->sqnr_db));
  }
  if (accuracy.top1) {
    text += top1_text(*accuracy.top1);
  }
  return text + non_finite_text(accuracy) + gates_text(comparison);
}

}  // namespace tessera::report
