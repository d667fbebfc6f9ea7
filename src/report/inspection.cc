// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/inspection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tessera/core/checked.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using graph::Graph;
using graph::Inspection;

constexpr std::string_view kTooLarge = "too large to count";

std::string percent(const std::optional<std::int64_t>& part,
                    const std::optional<std::int64_t>& whole) {
  return part && whole && *whole > 0 ? fmt::format("{:.1f}", 100.0 * static_cast<double>(*part) /
                                                                 static_cast<double>(*whole))
                                     : "-";
}

std::string count_cell(const std::optional<std::int64_t>& value) {
  return or_dash(value, [](double v) { return count(v); });
}

/// The largest number stands for those that do not fit.
std::string count_or_large(const std::optional<std::int64_t>& value) {
  return value && *value < std::numeric_limits<std::int64_t>::max()
             ? count(static_cast<double>(*value))
             : std::string(kTooLarge);
}

std::string bytes_or_large(std::int64_t value) {
  return value < std::numeric_limits<std::int64_t>::max() ? bytes(static_cast<double>(value))
                                                          : std::string(kTooLarge);
}

std::string bytes_cell(const std::optional<std::int64_t>& value) {
  return or_dash(value, [](double v) { return bytes(v); });
}

/// All extents are known, but not what they make.
bool too_large(const graph::TensorInfo& tensor) {
  return tensor.static_shape() && bits_of(tensor.dtype) > 0 && !tensor.size_bytes();
}

std::string size_cell(const graph::TensorInfo& tensor) {
  return too_large(tensor) ? std::string(kTooLarge) : bytes_cell(tensor.size_bytes());
}

/// A sum is too large where each of its parts is known.
std::string peak_text(const Inspection& inspection, const Graph& graph) {
  const auto known = [](const graph::TensorInfo& tensor) {
    return tensor.size_bytes() || too_large(tensor);
  };
  if (!inspection.peak_activation_bytes &&
      std::all_of(graph.tensors().begin(), graph.tensors().end(), known)) {
    return std::string(kTooLarge);
  }
  return bytes_cell(inspection.peak_activation_bytes) + " at most at a time";
}

std::string type_cell(const graph::Op& op) {
  return op.domain.empty() ? op.type : op.domain + "." + op.type;
}

const graph::TensorInfo* first_output(const Graph& graph, const graph::Op& op) {
  for (const auto& output : op.outputs) {
    if (output) {
      return &graph.tensor(*output);
    }
  }
  return nullptr;
}

std::vector<std::uint32_t> most_macs_first(const Inspection& inspection) {
  std::vector<std::uint32_t> order(inspection.costs.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto key = [&](std::uint32_t op) {
    const auto& cost = inspection.costs[op];
    return std::pair(cost.macs.value_or(0), cost.output_bytes.value_or(0));
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) > key(b); });
  return order;
}

Table value_table(const Graph& graph) {
  Table table({{"", Align::kLeft},
               {"name", Align::kLeft, true},
               {"type", Align::kLeft},
               {"shape", Align::kLeft},
               {"bytes"}});
  const auto add = [&](const char* role, std::span<const graph::TensorId> ids) {
    for (const auto id : ids) {
      const auto& tensor = graph.tensor(id);
      table.add_row({role, tensor.name, std::string(to_string(tensor.dtype)), shape_text(tensor),
                     size_cell(tensor)});
    }
  };
  add("input", graph.inputs());
  add("output", graph.outputs());
  return table;
}

/// What the format calls the operators of a kind, if the graph has any.
const std::string* type_of(const Graph& graph, graph::OpKind kind) {
  const auto found = std::find_if(graph.ops().begin(), graph.ops().end(),
                                  [&](const graph::Op& op) { return op.kind == kind; });
  return found == graph.ops().end() ? nullptr : &found->type;
}

std::string conversions_text(const graph::Quantization& quantization, const Graph& graph) {
  const auto* const quantize = type_of(graph, graph::OpKind::kQuantize);
  const auto* const dequantize = type_of(graph, graph::OpKind::kDequantize);
  return (quantize == nullptr ? fmt::format(", {} QuantizeLinear", quantization.quantize_nodes)
                              : fmt::format(", {} {}", quantization.quantize_nodes, *quantize)) +
         (dequantize == nullptr
              ? fmt::format(", {} DequantizeLinear", quantization.dequantize_nodes)
              : fmt::format(", {} {}", quantization.dequantize_nodes, *dequantize));
}

std::string quantization_text(const graph::Quantization& quantization, const Graph& graph) {
  std::string text(to_string(quantization.state));
  if (quantization.quantize_nodes + quantization.dequantize_nodes > 0) {
    text += conversions_text(quantization, graph);
  }
  if (quantization.int8_ops > 0) {
    text += fmt::format(", {} integer operators", quantization.int8_ops);
    if (quantization.int8_mac_share) {
      text += fmt::format(" with {:.1f} % of the MACs", 100 * *quantization.int8_mac_share);
    }
  }
  return text;
}

std::string compute_text(const Inspection& inspection) {
  if (!inspection.macs || !inspection.flops) {
    return std::string(kTooLarge);
  }
  const auto flops = count(static_cast<double>(*inspection.flops));
  auto text = fmt::format("{}{} MACs, {}{}FLOP", inspection.unknown_macs > 0 ? "at least " : "",
                          count(static_cast<double>(*inspection.macs)), flops,
                          flops.find(' ') == std::string::npos ? " " : "");
  if (inspection.quantization.quantize_nodes + inspection.quantization.dequantize_nodes > 0) {
    text += inspection.qdq == graph::QdqCounting::kInclude    ? ", Q/DQ included"
            : inspection.qdq == graph::QdqCounting::kDiscount ? ", folded Q/DQ left out"
                                                              : ", Q/DQ left out";
  }
  if (inspection.unknown_macs > 0) {
    text += fmt::format(" ({} operators of unknown cost left out)", inspection.unknown_macs);
  }
  return text;
}

std::string summary(const Inspection& inspection, const Graph& graph, const std::string& file) {
  const auto bodies = inspection.body_nodes == 0
                          ? std::string()
                          : fmt::format(" and {} in bodies", inspection.body_nodes);
  return fmt::format(
      "model       {}\n"
      "operators   {}{}\n"
      "parameters  {}, {} of constants\n"
      "compute     {}\n"
      "activations {}\n"
      "quantized   {}\n",
      file, inspection.nodes, bodies, count_or_large(inspection.parameters),
      bytes_or_large(inspection.weight_bytes), compute_text(inspection),
      peak_text(inspection, graph), quantization_text(inspection.quantization, graph));
}

}  // namespace

Table type_table(const Inspection& inspection) {
  Table table({{"type", Align::kLeft, true}, {"count"}, {"MACs"}, {"% of MACs"}, {"weights"}});
  for (const auto& total : inspection.types) {
    table.add_row({total.type, std::to_string(total.count), count_cell(total.macs),
                   percent(total.macs, inspection.macs), bytes_or_large(total.weight_bytes)});
  }
  if (inspection.types.size() > 1) {
    table.set_total({"all", std::to_string(inspection.costs.size()),
                     count_or_large(inspection.macs), "", bytes_or_large(inspection.weight_bytes)});
  }
  return table;
}

Table operator_table(const Inspection& inspection, const Graph& graph) {
  Table table({{"operator", Align::kLeft, true},
               {.header = "type", .align = Align::kLeft, .rank = 1},
               {.header = "output", .align = Align::kLeft, .rank = 2},
               {.header = "dtype", .align = Align::kLeft, .rank = 6},
               {"MACs"},
               {.header = "% of MACs", .rank = 4},
               {.header = "FLOPs", .rank = 7},
               {.header = "weights", .rank = 3},
               {.header = "output bytes", .rank = 5}});
  for (const auto index : most_macs_first(inspection)) {
    const auto& op = graph.ops()[index];
    const auto& cost = inspection.costs[index];
    const auto* output = first_output(graph, op);
    table.add_row({op.name, type_cell(op), output == nullptr ? "-" : shape_text(*output),
                   output == nullptr ? "-" : std::string(to_string(output->dtype)),
                   count_cell(cost.macs), percent(cost.macs, inspection.macs),
                   count_cell(cost.flops), bytes_or_large(cost.weight_bytes),
                   bytes_cell(cost.output_bytes)});
  }
  if (inspection.costs.size() > 1) {
    table.set_total({"all", "", "", "", count_or_large(inspection.macs), "",
                     count_or_large(inspection.flops), bytes_or_large(inspection.weight_bytes),
                     ""});
  }
  return table;
}

Table cut_table(const Inspection& inspection, const Graph& graph, std::size_t top) {
  Table table({{"crossing tensors", Align::kLeft, true},
               {.header = "bytes", .rank = 1},
               {"as int8"},
               {"MACs before"},
               {.header = "MACs after", .rank = 2},
               {"% before"}});
  if (!inspection.cuts) {
    return table;
  }
  const auto& cuts = *inspection.cuts;
  std::vector<std::size_t> chosen(cuts.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (top > 0 && top < chosen.size()) {
    const auto size = [&](std::size_t i) {
      return cuts[i].int8_bytes.value_or(std::numeric_limits<std::int64_t>::max());
    };
    std::stable_sort(chosen.begin(), chosen.end(),
                     [&](auto a, auto b) { return size(a) < size(b); });
    chosen.resize(top);
    std::sort(chosen.begin(), chosen.end());
  }
  for (const auto i : chosen) {
    const auto& cut = cuts[i];
    std::vector<std::string> names;
    names.reserve(cut.tensors.size());
    for (const auto tensor : cut.tensors) {
      names.push_back(
          fmt::format("{} {}", graph.tensor(tensor).name, shape_text(graph.tensor(tensor))));
    }
    table.add_row({fmt::format("{}", fmt::join(names, " + ")), bytes_cell(cut.bytes),
                   bytes_cell(cut.int8_bytes), count_or_large(cut.macs_before),
                   count_or_large(cut.macs_after),
                   percent(cut.macs_before, checked_add(cut.macs_before, cut.macs_after))});
  }
  return table;
}

std::string inspection_text(const Inspection& inspection, const Graph& graph,
                            const std::string& file, Page page, std::size_t top) {
  auto text = summary(inspection, graph, file);
  text += "\n" + value_table(graph).text(page);
  text += "\n" + type_table(inspection).text(page);
  text += "\n" + operator_table(inspection, graph).text(page, top);
  if (inspection.cuts) {
    const auto shown = top == 0 ? inspection.cuts->size() : std::min(top, inspection.cuts->size());
    text += fmt::format("\n{} cuts{}\n", inspection.cuts->size(),
                        shown < inspection.cuts->size()
                            ? fmt::format(", the {} with the fewest bytes as int8", shown)
                            : "");
    text += cut_table(inspection, graph, top).text(page);
  }
  return text;
}

}  // namespace tessera::report
