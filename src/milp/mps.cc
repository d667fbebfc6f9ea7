// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "milp/naming.h"
#include "tessera/milp/export.h"

namespace tessera::milp {
namespace {

class MpsWriter {
 public:
  MpsWriter(const plan::Problem& problem, const Model& model) : model_(model), naming_(problem) {
    for (std::size_t r = 0; r < model.rows.size(); ++r) {
      const auto& limit = model.rows[r].limit;
      rows_.push_back(limit ? fmt::format("limit_{}", naming_.limit(*limit))
                            : fmt::format("r{}", r));
    }
  }

  std::string write(const CostNote& note) {
    put("* {}\n", words(note));
    put("NAME plan\nROWS\n N cost\n");
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      put(" {} {}\n", model_.rows[r].equal ? 'E' : 'L', rows_[r]);
    }
    put_columns();
    put("RHS\n");
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      if (model_.rows[r].right != 0) {
        put(" rhs {} {}\n", rows_[r], model_.rows[r].right);
      }
    }
    put("BOUNDS\n");
    for (const auto& column : model_.columns) {
      put(" UP bound {} 1\n", naming_.of(column));
    }
    put("ENDATA\n");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  /// Rows and coefficients of each column.
  [[nodiscard]] std::vector<std::vector<Entry>> by_column() const {
    std::vector<std::vector<Entry>> columns(model_.columns.size());
    for (std::size_t r = 0; r < model_.rows.size(); ++r) {
      for (const auto& [column, coefficient] : model_.rows[r].entries) {
        columns[column].push_back({r, coefficient});
      }
    }
    return columns;
  }

  void put_columns() {
    const auto entries = by_column();
    put("COLUMNS\n M1 'MARKER' 'INTORG'\n");
    bool states = true;  // they come first
    for (std::size_t c = 0; c < model_.columns.size(); ++c) {
      if (states && model_.columns[c].kind != Column::Kind::kState) {
        states = false;
        put(" M2 'MARKER' 'INTEND'\n");
      }
      const auto name = naming_.of(model_.columns[c]);
      put(" {} cost {}\n", name, model_.columns[c].cost_ns);
      for (const auto& [row, coefficient] : entries[c]) {
        put(" {} {} {}\n", name, rows_[row], coefficient);
      }
    }
    if (states) {
      put(" M2 'MARKER' 'INTEND'\n");
    }
  }

  const Model& model_;
  Naming naming_;
  std::vector<std::string> rows_;
  std::string text_;
};

}  // namespace

Result<std::string> to_mps(const plan::Problem& problem, const CostNote& note) {
  TESSERA_TRY(const auto model, model_to_export(problem));
  return MpsWriter(problem, model).write(note);
}

}  // namespace tessera::milp
