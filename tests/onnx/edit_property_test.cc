// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Whatever is done to a model, its indices agree with a search through all operators, and writing
// and reading it changes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/core/random.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

using testing::ModelBuilder;

/// Edits at random, always leaving an acyclic graph in which every value has one maker.
class Editor {
 public:
  explicit Editor(std::uint64_t seed) : random_(seed), model_(make()) {}

  void edit() {
    const auto nodes = model_.nodes();
    const auto node = nodes[random_.below(nodes.size())];
    switch (random_.below(7)) {
      case 0: {  // a new operator behind a value, and some of its readers behind that
        const auto value = model_.inputs(node)[0];
        const auto made = model_.unique_name(value);
        const auto added =
            model_.add_node({model_.unique_name("op"), "Relu", "", {value}, {made}, {}}, node);
        if (random_.below(2) == 0) {
          model_.set_input(node, 0, made);
        } else {
          model_.replace_uses(value, made);
          model_.set_input(added, 0, value);
        }
        break;
      }
      case 1:  // an operator that nobody reads goes, as long as others are left
        if (nodes.size() > 2 && model_.consumers(model_.outputs(node)[0]).empty() &&
            !model_.is_output(model_.outputs(node)[0])) {
          model_.remove_node(node);
        }
        break;
      case 2:
        model_.set_name(node, model_.unique_name("renamed"));
        break;
      case 3: {
        const auto weight = model_.unique_name("w");
        model_.set_initializer(weight, Tensor::of(std::vector<float>{1, 2}, {2}));
        model_.set_input(node, 1, weight);
        break;
      }
      case 4:
        model_.set_inputs(node, {model_.inputs(node)[0]});
        break;
      case 5:
        model_.remove_unused_initializers();
        break;
      default:
        model_.set_attribute(node, "alpha", static_cast<float>(random_.uniform()));
    }
  }

  [[nodiscard]] Model& model() { return model_; }

 private:
  static Model make() {
    return ModelBuilder()
        .input("x", {2})
        .weight("w0", {2})
        .op("Add", {"x", "w0"}, {"a"})
        .op("Mul", {"a", "a"}, {"b"})
        .op("Add", {"a", "b"}, {"y"})
        .output("y", {2})
        .build();
  }

  Random random_;
  Model model_;
};

void expect_consistent(const Model& model) {
  std::map<std::string, std::vector<NodeId>> makers;
  std::map<std::string, std::vector<NodeId>> readers;
  for (const auto node : model.nodes()) {
    for (const auto& output : model.outputs(node)) {
      makers[output].push_back(node);
    }
    std::set<std::string> seen;
    for (const auto& input : model.inputs(node)) {
      if (!input.empty() && seen.insert(input).second) {
        readers[input].push_back(node);
      }
    }
    if (!model.name(node).empty()) {
      EXPECT_EQ(model.find_node(model.name(node)), node);
    }
  }
  std::set<std::string> values = {"x", "y", "nowhere"};
  for (const auto& [value, nodes] : makers) {
    values.insert(value);
  }
  for (const auto& [value, nodes] : readers) {
    values.insert(value);
  }
  for (const auto& value : values) {
    EXPECT_EQ(model.consumers(value), readers[value]) << value;
    const auto& made = makers[value];
    EXPECT_EQ(model.producer(value), made.empty() ? std::nullopt : std::optional(made[0])) << value;
  }
}

TEST(EditProperty, IndicesAgreeWithASearch) {
  EXPECT_TRUE(rc::check("indices and files agree with the model", [](std::uint64_t seed) {
    Editor editor(seed);
    for (int i = 0; i < 60; ++i) {
      editor.edit();
    }
    expect_consistent(editor.model());
    const auto text = editor.model().serialize();
    RC_ASSERT(text.has_value());
    const auto again = Model::parse(*text, "again");
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->serialize().value_or("") == *text);
    RC_ASSERT(again->initializers() == editor.model().initializers());
    expect_consistent(*again);
  }));
}

}  // namespace
}  // namespace tessera::onnx
