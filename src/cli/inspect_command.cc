// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/driver.h"
#include "tessera/network/load.h"
#include "tessera/report/inspection.h"

namespace tessera::cli {
namespace {

using graph::QdqCounting;

const std::map<std::string, QdqCounting> kCountings = {{"include", QdqCounting::kInclude},
                                                       {"exclude", QdqCounting::kExclude},
                                                       {"discount", QdqCounting::kDiscount}};
constexpr int kDefaultCutTensors = 2;
constexpr int kMostCutTensors = 8;

struct Options {
  std::string model;
  std::string runtime;
  LoadOptions loading;
  QdqCounting qdq = QdqCounting::kInclude;
  int cut_tensors = 0;
  std::size_t top = 20;
};

/// None for a format that needs none.
Result<std::shared_ptr<const runtime::Library>> library_for(const network::Network& model,
                                                            const Options& options,
                                                            Context& context) {
  if (model.driver().tells_types()) {
    return std::shared_ptr<const runtime::Library>();
  }
  return context.library({.runtime = options.runtime});
}

/// Types come from the runtime. Without one, or where it does not know an operator, the file's
/// own declarations have to do: what can be told is told.
network::Simplification learn_types(network::Network& model, const Options& options,
                                    Context& context) {
  const auto warn = [&](const Error& error) {
    context.monitor().warn(
        {"types-not-inferred",
         fmt::format("shapes are those that the file declares: {}", error.message), error.hint});
  };
  const auto asked = library_for(model, options, context);
  if (!asked) {
    warn(asked.error());
  }
  const auto library = asked.value_or(nullptr);
  network::Simplification simplified;
  if (context.simplify) {
    simplified = network::simplify(model, library, true);
    if (simplified.problem) {
      warn(*simplified.problem);
    }
  }
  if (asked && !simplified.types_known) {
    if (const auto status = model.infer_types(library); !status) {
      warn(status.error());
    }
  }
  return simplified;
}

/// One line below the table; nothing where nothing was done.
std::string simplified_text(const network::Simplification& what) {
  std::string text;
  if (!what.text.empty()) {
    text = fmt::format("simplified: {} (--no-simplify shows the file as it is)\n", what.text);
  }
  for (const auto& reason : what.kept) {
    text += fmt::format("not simplified: {}\n", reason);
  }
  return text.empty() ? text : "\n" + text;
}

void warn_of_unknowns(const graph::Inspection& inspection, Context& context) {
  if (inspection.unknown_macs == 0) {
    return;
  }
  std::vector<std::string> examples;
  examples.reserve(inspection.symbols.size());
  for (const auto& symbol : inspection.symbols) {
    if (symbol != "?") {  // what exporters write where they know no name
      examples.push_back(fmt::format("--dim {}=NUMBER", symbol));
    }
  }
  context.monitor().warn(
      {"unknown-shapes",
       fmt::format("the cost of {} operator{} is unknown: {} shapes or types are not known",
                   inspection.unknown_macs, inspection.unknown_macs == 1 ? "" : "s",
                   inspection.unknown_macs == 1 ? "its" : "their"),
       examples.empty()
           ? "give shapes with --shape INPUT=1x3x224x224"
           : fmt::format("try {}, or --shape INPUT=1x3x224x224", fmt::join(examples, " "))});
}

std::string file_text(const network::Network& model) {
  return fmt::format("{} ({})", model.path().filename().string(), model.description());
}

Status run(const Options& options, Context& context) {
  TESSERA_TRY(auto model, context.open_model(options.model));
  TESSERA_CHECK(network::give_extents(model, options.loading));
  const auto simplified = learn_types(model, options, context);
  TESSERA_CHECK(context.assume_extents(model, {}));
  const auto library = library_for(model, options, context);
  if (library && !model.assumed_shapes().empty()) {
    // Where even this fails, learn_types has warned.
    static_cast<void>(network::learn_assumed_types(model, *library, context.simplify));
  }
  TESSERA_TRY(const auto view, model.view().map_error(in_file(options.model)));
  const auto inspection =
      graph::inspect(view, {.qdq = options.qdq, .max_cut_tensors = options.cut_tensors});
  warn_of_unknowns(inspection, context);
  const auto envelope = context.envelope("inspect", nullptr, &model);
  if (context.json) {
    auto json = model.properties();
    json.update(to_json(inspection, view));
    json["simplified"] = context.simplify ? to_json(simplified) : Json(nullptr);
    context.answer(envelope, json, {});
    return {};
  }
  const auto sheet = report::operator_table(inspection, view);
  context.answer(
      envelope, nullptr,
      report::inspection_text(inspection, view, file_text(model), context.page(), options.top) +
          simplified_text(simplified),
      &sheet);
  return {};
}

}  // namespace

void add_inspect_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto& command = *app.add_subcommand(
      "inspect", "Structure, shapes, MACs, bytes per tensor and cut, quantization state");
  command.add_option("model", options->model, "the model, an .onnx, .tflite, .h5 or .keras file")
      ->type_name("MODEL")
      ->required();
  context.reads(options->model);
  add_load_options(command, options->loading);
  command
      .add_option_function<std::string>(
          "--qdq", [&how = options->qdq](const std::string& name) { how = kCountings.at(name); },
          "how Quantize/DequantizeLinear count; discount leaves out those that a runtime folds "
          "into integer kernels")
      ->type_name("HOW")
      ->default_str("include")
      ->check(one_of({"include", "exclude", "discount"}));
  command
      .add_option_function<std::string>(
          "--cuts",
          [&cuts = options->cut_tensors](const std::string& text) {
            cuts = text.empty() ? kDefaultCutTensors : std::stoi(text);
          },
          fmt::format("list the places to split the model where at most N tensors cross ({})",
                      kDefaultCutTensors))
      ->type_name("[N]")
      ->expected(0, 1)
      ->check(between(1, kMostCutTensors));
  command.add_option("--top", options->top, "rows of the long tables, 0 for all")
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--runtime", options->runtime,
                  "inference library that infers the shapes (file or folder)")
      ->type_name("PATH");
  add_common_options(command, context, "tessera inspect model.onnx --dim N=1 --cuts", true);
  command.callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
