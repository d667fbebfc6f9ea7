// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tessera/graph/inspect.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// One row per operator type, most MACs first.
[[nodiscard]] Table type_table(const graph::Inspection& inspection);

/// One row per operator, most MACs first, then most output bytes.
[[nodiscard]] Table operator_table(const graph::Inspection& inspection, const graph::Graph& graph);

/// The `top` cuts with the fewest bytes as int8 (0: all), in order of MACs before.
[[nodiscard]] Table cut_table(const graph::Inspection& inspection, const graph::Graph& graph,
                              std::size_t top);

/// Summary, inputs and outputs, tables. `file` is a line about the file: name, format, versions.
[[nodiscard]] std::string inspection_text(const graph::Inspection& inspection,
                                          const graph::Graph& graph, const std::string& file,
                                          Page page, std::size_t top);

}  // namespace tessera::report
