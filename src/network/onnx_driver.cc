// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/onnx_driver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "network/first_bytes.h"
#include "network/onnx_source.h"
#include "network/part.h"
#include "tessera/keras/keras.h"
#include "tessera/network/load.h"
#include "tessera/onnx/simplify.h"
#include "tessera/onnx/source_file.h"
#include "tessera/runtime/evaluator.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::network {
namespace {

using onnx::Model;
using onnx::NodeId;

/// Below, ONNX Runtime promises nothing and refuses most operators.
constexpr std::int64_t kFirstSupportedOpset = 7;
/// Old enough for every tool, new enough for Q/DQ per channel.
constexpr std::int64_t kCommonOpset = 13;

void keep_only(Model& model, const std::set<std::uint32_t>& kept) {
  std::vector<NodeId> constants;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == "Constant") {
      constants.push_back(node);  // an initializer of the view
    } else if (!kept.contains(node.value)) {
      model.remove_node(node);
    }
  }
  for (const auto node : constants) {
    const auto value = model.outputs(node).front();
    if (model.consumers(value).empty() && !model.used_by_body(value)) {
      model.remove_node(node);
    }
  }
}

/// Lets a value pass through a tap on its way to every reader: its producer makes a value of
/// another name, of which the tap makes it again; an input goes to its readers by another name.
Status insert_tap(Model& model, const std::string& value, std::int64_t tag) {
  const auto producer = model.producer(value);
  if (!producer && !model.is_input(value)) {
    return fail(ErrorCode::kInternal, "no value '{}' to look at", value);
  }
  const auto other = model.unique_name(value + (producer ? "_before_tap" : "_behind_tap"));
  onnx::NodeSpec tap{.name = other + "_tap",
                     .op_type = std::string(runtime::kTapOp),
                     .domain = std::string(runtime::kTapDomain),
                     .inputs = {producer ? other : value},
                     .outputs = {producer ? value : other},
                     .attributes = {{"tag", tag}}};
  if (producer) {
    const auto outputs = model.outputs(*producer);
    const auto place = std::find(outputs.begin(), outputs.end(), value) - outputs.begin();
    model.set_output(*producer, static_cast<std::size_t>(place), other);
  } else {
    model.replace_uses(value, other);
  }
  model.add_node(tap);
  return {};
}

Simplification told(const onnx::Simplified& simplified) {
  const auto& what = simplified.what;
  return {.text = onnx::to_text(what),
          .counts = {{"inlined_functions", what.inlined_functions},
                     {"inlined_branches", what.inlined_branches},
                     {"constant_operators", what.constant_operators},
                     {"folded_operators", what.folded_operators},
                     {"folded_shapes", what.folded_shapes},
                     {"passed_through", what.passed_through},
                     {"unread_operators", what.unread_operators},
                     {"unread_constants", what.unread_constants},
                     {"dense_constants", what.dense_constants},
                     {"listed_constants", what.listed_constants}},
          .kept = what.kept,
          .types_known = simplified.types_known,
          .problem = {}};
}

onnx::ExternalData of_onnx(ExternalData where) {
  switch (where) {
    case ExternalData::kAlways:
      return onnx::ExternalData::kAlways;
    case ExternalData::kNever:
      return onnx::ExternalData::kNever;
    case ExternalData::kAuto:
      break;
  }
  return onnx::ExternalData::kAuto;
}

constexpr std::string_view kKeras = "keras";

class OnnxDriver final : public Driver {
 public:
  /// `format`: of the file that the model was made from.
  explicit OnnxDriver(Model model, std::string_view format = "onnx")
      : model_(std::move(model)), format_(format) {}

  std::unique_ptr<Driver> clone() const override {
    return std::make_unique<OnnxDriver>(model_.clone(), format_);
  }
  FileFormat format() const noexcept override { return FileFormat::kOnnx; }
  const std::filesystem::path& path() const noexcept override { return model_.path(); }
  Result<ModelInfo> info() const override {
    TESSERA_TRY(auto info, model_.info());
    info.format = format_;
    return info;
  }

  Json properties() const override {
    Json json = {{"format", "onnx"}, {"ir_version", model_.ir_version()}};
    const auto opset = model_.opset();
    json["opset"] = opset ? Json(*opset) : Json(nullptr);
    auto imports = Json::object();
    for (const auto& [domain, version] : model_.opsets()) {
      imports[domain.empty() ? "ai.onnx" : domain] = version;
    }
    json["opsets"] = std::move(imports);
    return json;
  }

  std::string description() const override {
    std::vector<std::string> imports;
    for (const auto& [domain, version] : model_.opsets()) {
      imports.push_back(domain.empty() ? fmt::format("opset {}", version)
                                       : fmt::format("{} {}", domain, version));
    }
    return fmt::format("{}ONNX, IR {}, {}", format_ == kKeras ? "Keras, imported as " : "",
                       model_.ir_version(), fmt::join(imports, ", "));
  }

  std::optional<std::string> metadata(std::string_view key) const override {
    return model_.metadata(key);
  }
  void set_metadata(std::string_view key, std::string_view value) override {
    model_.set_metadata(key, value);
  }
  Status save(const std::filesystem::path& path, const SaveOptions& options) const override {
    return model_.save(path, {of_onnx(options.external_data), options.overwrite});
  }
  Result<std::string> serialize() const override { return model_.serialize(); }

  Result<graph::Graph> view() const override { return model_.view(); }
  std::vector<std::string> inputs() const override { return model_.inputs(); }
  std::vector<std::string> outputs() const override { return model_.outputs(); }
  std::optional<ValueType> declared_type(std::string_view input) const override {
    return model_.declared_type(input);
  }
  std::optional<ValueType> type_of(std::string_view value) const override {
    return model_.type_of(value);
  }
  Result<TensorView> constant(std::string_view tensor) const override {
    return model_.initializer(tensor);
  }

  Status set_dims(const std::map<std::string, std::int64_t>& values) override {
    return model_.set_dims(values);
  }
  Status set_shape(std::string_view input, const Shape& shape) override {
    return model_.set_shape(input, shape);
  }
  void assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape) override {
    model_.assume_shape(input, std::move(shape));
  }
  std::map<std::string, std::vector<std::int64_t>> assumed_shapes() const override {
    return model_.assumed_shapes();
  }
  void forget_symbol(std::string_view symbol) override { model_.forget_symbol(symbol); }

  Simplification simplify(const std::shared_ptr<const runtime::Library>& library,
                          bool as_written) override {
    onnx::SimplifyOptions options;
    if (library != nullptr) {
      options = {runtime::type_oracle(library), runtime::evaluator(library)};
    }
    auto result = told(onnx::simplify(model_, options));
    if (as_written) {
      if (auto shared = onnx::share_transposed(model_); !shared) {
        result.problem = std::move(shared).error();
      }
    }
    return result;
  }

  Status infer_types(const std::shared_ptr<const runtime::Library>& library) override {
    return model_.infer_types(runtime::type_oracle(library));
  }

  /// A twin whose inputs really have these shapes tells those that follow by shape arithmetic, too.
  Status infer_assumed_types(const std::shared_ptr<const runtime::Library>& library,
                             bool simplifying) override {
    if (!simplifying) {
      return infer_types(library);
    }
    OnnxDriver twin(model_.with_assumed_shapes());
    if (!twin.simplify(library, false).types_known) {
      TESSERA_CHECK(twin.infer_types(library));
    }
    model_.adopt_types(twin.model_);
    return {};
  }

  /// The runtime gave up these opsets; what they meant can still be said in a newer one.
  Result<bool> modernize(Monitor& monitor) override {
    const auto opset = model_.opset().value_or(kFirstSupportedOpset);
    if (opset >= kFirstSupportedOpset) {
      return false;
    }
    TESSERA_CHECK(onnx::upgrade_opset(model_, kCommonOpset));
    monitor.warn({"opset-raised",
                  fmt::format("the runtime does not run opset {}; the model was rewritten to {}",
                              opset, kCommonOpset),
                  "figures and artefacts are those of the rewritten model"});
    return true;
  }

  Result<SessionSourcePtr> source(std::span<const std::string> taps) const override {
    if (taps.empty()) {
      return onnx_source(model_);
    }
    auto tapped = model_.clone();
    tapped.set_opset(runtime::kTapDomain, 1);
    for (std::size_t tag = 0; tag < taps.size(); ++tag) {
      TESSERA_CHECK(insert_tap(tapped, taps[tag], static_cast<std::int64_t>(tag)));
    }
    return onnx_source(tapped);
  }

  Result<std::unique_ptr<Driver>> part(const PartSpec& spec) const override {
    auto part = model_.clone();
    for (const auto& output : part.outputs()) {
      part.remove_output(output);
    }
    for (const auto& input : part.inputs()) {
      part.remove_input(input);
    }
    keep_only(part, with_constants(spec.graph, spec.ops));
    for (const auto input : spec.inputs) {
      const auto& name = spec.graph.tensor(input).name;
      const auto type = model_.type_of(name);
      if (!type || type->dtype == DType::kUndefined) {
        return fail(ErrorCode::kUnimplemented, "the type of '{}' is not known", name)
            .hint("give symbolic dimensions values with --dim");
      }
      part.add_input(name, *type);
    }
    for (const auto output : spec.outputs) {
      part.add_output(spec.graph.tensor(output).name);
    }
    part.remove_unused_initializers();
    return onnx_driver(std::move(part));
  }

  void expose(std::span<const std::string> values) override {
    for (const auto& value : values) {
      if (!model_.is_output(value)) {
        model_.add_output(value);
      }
    }
  }

  std::set<std::uint32_t> sources() const override {
    std::set<std::uint32_t> all;
    for (const auto node : model_.nodes()) {
      all.insert(node.value);
    }
    return all;
  }

  Model* onnx() noexcept override { return &model_; }

 private:
  Model model_;
  std::string_view format_;  // one of the two
};

}  // namespace

bool is_keras_file(const std::filesystem::path& path) {
  const auto bytes = first_bytes(path);
  return bytes && keras::is_keras_file(*bytes, path);
}

Result<Network> imported_network(onnx::Model model, const std::filesystem::path& file) {
  TESSERA_CHECK(onnx::set_source_file(model, file));
  return Network(std::make_unique<OnnxDriver>(std::move(model), kKeras));
}

std::unique_ptr<Driver> onnx_driver(onnx::Model model) {
  return std::make_unique<OnnxDriver>(std::move(model));
}

Network Network::of(onnx::Model model) {
  return Network(onnx_driver(std::move(model)));
}

}  // namespace tessera::network
