// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "milp/naming.h"
#include "tessera/milp/export.h"

namespace tessera::milp {
namespace {

/// Readers have buffers for lines.
constexpr std::size_t kTermsOfLine = 4;

class LpWriter {
 public:
  LpWriter(const plan::Problem& problem, const Model& model) : model_(model), naming_(problem) {
    for (const auto& column : model.columns) {
      names_.push_back(naming_.of(column));
    }
  }

  std::string write(const CostNote& note) {
    put("\\ {}\n\\ x_<variable>_<state>: which operator in which state.\nMinimize\n cost:",
        words(note));
    std::vector<Entry> costs;
    for (std::size_t c = 0; c < model_.columns.size(); ++c) {
      if (model_.columns[c].cost_ns != 0) {
        costs.push_back({c, model_.columns[c].cost_ns});
      }
    }
    put_terms(costs);
    put("\nSubject To\n");
    for (std::size_t r = 0; r < model_.rows.size(); ++r) {
      put_row(r);
    }
    put_columns();
    put("End\n");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  void put_terms(const std::vector<Entry>& entries) {
    // Neither an objective nor a row may be empty.
    if (entries.empty()) {
      put(" 0 {}", names_[0]);
    }
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const auto coefficient = entries[k].coefficient;
      put("{} {} {} {}", k > 0 && k % kTermsOfLine == 0 ? "\n " : "", coefficient < 0 ? "-" : "+",
          coefficient < 0 ? -coefficient : coefficient, names_[entries[k].column]);
    }
  }

  void put_row(std::size_t r) {
    const auto& row = model_.rows[r];
    put(" {}:",
        row.limit ? fmt::format("limit_{}", naming_.limit(*row.limit)) : fmt::format("r{}", r));
    put_terms(row.entries);
    put(" {} {}\n", row.equal ? "=" : "<=", row.right);
  }

  void put_columns() {
    put("Bounds\n");
    for (std::size_t c = 0; c < names_.size(); ++c) {
      if (model_.columns[c].kind != Column::Kind::kState) {
        put(" 0 <= {} <= 1\n", names_[c]);
      }
    }
    put("Binary\n");
    for (std::size_t c = 0; c < names_.size(); ++c) {
      if (model_.columns[c].kind == Column::Kind::kState) {
        put(" {}\n", names_[c]);
      }
    }
  }

  const Model& model_;
  Naming naming_;
  std::vector<std::string> names_;
  std::string text_;
};

}  // namespace

Result<std::string> to_lp(const plan::Problem& problem, const CostNote& note) {
  TESSERA_TRY(const auto model, model_to_export(problem));
  return LpWriter(problem, model).write(note);
}

}  // namespace tessera::milp
