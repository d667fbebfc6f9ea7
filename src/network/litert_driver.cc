// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/litert_driver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "network/first_bytes.h"
#include "network/litert_source.h"
#include "network/part.h"

namespace tessera::network {
namespace {

using litert::Model;

/// The oldest runtime that has every operator of a file, as its converter says.
constexpr std::string_view kRuntimeVersion = "min_runtime_version";
constexpr int kSchemaVersion = 3;  // the only one that is read

Json to_json(const std::vector<litert::SignatureValue>& values,
             const std::vector<std::string>& names) {
  auto list = Json::array();
  for (const auto& value : values) {
    list.push_back({{"name", value.name}, {"tensor", names[value.tensor]}});
  }
  return list;
}

Json or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

class LitertDriver final : public Driver {
 public:
  explicit LitertDriver(Model model) : model_(std::move(model)) { refresh(); }

  std::unique_ptr<Driver> clone() const override { return std::make_unique<LitertDriver>(*this); }
  LitertDriver(const LitertDriver& other)
      : model_(other.model_), given_(other.given_), assumed_(other.assumed_) {
    refresh();
  }
  LitertDriver& operator=(const LitertDriver&) = delete;
  ~LitertDriver() override = default;

  FileFormat format() const noexcept override { return FileFormat::kLitert; }
  const std::filesystem::path& path() const noexcept override { return model_.path(); }
  Result<ModelInfo> info() const override { return model_.info(); }

  Json properties() const override {
    const auto& content = model_.content();
    auto subgraphs = Json::array();
    std::vector<std::vector<std::string>> names;
    for (const auto& subgraph : content.subgraphs) {
      subgraphs.push_back({{"name", subgraph.name}, {"operators", subgraph.operators.size()}});
      names.push_back(litert::value_names(subgraph));
    }
    auto signatures = Json::array();
    for (const auto& signature : content.signatures) {
      signatures.push_back({{"key", signature.key},
                            {"subgraph", signature.subgraph},
                            {"inputs", to_json(signature.inputs, names[signature.subgraph])},
                            {"outputs", to_json(signature.outputs, names[signature.subgraph])}});
    }
    auto metadata = Json::array();
    for (const auto& entry : content.metadata) {
      metadata.push_back(entry.name);
    }
    const auto& reason = model_.not_writable();
    return {{"format", "litert"},
            {"schema_version", kSchemaVersion},
            {"min_runtime_version", or_null(this->metadata(kRuntimeVersion))},
            {"description", content.description},
            {"subgraphs", std::move(subgraphs)},
            {"signatures", std::move(signatures)},
            {"metadata", std::move(metadata)},
            {"not_rewritable", reason ? Json(reason->message) : Json(nullptr)}};
  }

  std::string description() const override {
    const auto& content = model_.content();
    auto text = fmt::format("LiteRT, schema {}", kSchemaVersion);
    if (const auto version = metadata(kRuntimeVersion)) {
      text += fmt::format(", runtime {} or newer", *version);
    }
    if (content.subgraphs.size() > 1) {
      text += fmt::format(", the first of {} subgraphs", content.subgraphs.size());
    }
    if (!content.signatures.empty()) {
      std::vector<std::string_view> keys;
      for (const auto& signature : content.signatures) {
        keys.push_back(signature.key);
      }
      text += fmt::format(", {} {}", keys.size() == 1 ? "signature" : "signatures",
                          fmt::join(keys, " "));
    }
    return text;
  }

  std::optional<std::string> metadata(std::string_view key) const override {
    return litert::metadata_of(model_.content(), key);
  }
  void set_metadata(std::string_view key, std::string_view value) override {
    litert::set_metadata(model_.content(), key, value);
  }

  Status save(const std::filesystem::path& path, const SaveOptions& options) const override {
    if (options.external_data == ExternalData::kAlways) {
      return fail(ErrorCode::kInvalidArgument, "a .tflite file holds its weights itself")
          .hint("leave the option for weights in a file of their own out");
    }
    return model_.save(path, options.overwrite);
  }
  Result<std::string> serialize() const override { return model_.serialize(); }

  Result<graph::Graph> view() const override { return litert::view(model_.content(), types_); }
  std::vector<std::string> inputs() const override { return names_of(network().inputs); }
  std::vector<std::string> outputs() const override { return names_of(network().outputs); }

  std::optional<ValueType> declared_type(std::string_view input) const override {
    const auto place = find(input);
    if (!place) {
      return std::nullopt;
    }
    auto type = declared_[*place];
    if (const auto given = given_.find(input); given != given_.end()) {
      type.shape = given->second;
    }
    return type;
  }
  std::optional<ValueType> type_of(std::string_view value) const override {
    const auto place = find(value);
    return place ? std::optional(types_[*place]) : std::nullopt;
  }

  Result<TensorView> constant(std::string_view name) const override {
    const auto place = find(name);
    const auto* const tensor = place ? &network().tensors[*place] : nullptr;
    if (tensor == nullptr || !shapes_[*place]) {
      return fail(ErrorCode::kNotFound, "no constant '{}'", name);
    }
    const auto dtype = litert::dtype_of(tensor->type);
    if (tensor->sparsity || dtype == DType::kUndefined || dtype == DType::kString) {
      return fail(ErrorCode::kUnimplemented, "the values of '{}' ({}{}) cannot be taken apart",
                  name, tensor->sparsity ? "sparse " : "", litert::to_string(tensor->type))
          .hint("convert the network without it");
    }
    return TensorView{dtype, *shapes_[*place], model_.content().buffers[tensor->buffer].bytes()};
  }

  Status set_dims(const std::map<std::string, std::int64_t>& values) override {
    if (values.empty()) {
      return {};
    }
    return fail(ErrorCode::kInvalidArgument, "no input has an extent '{}'", values.begin()->first)
        .hint(
            "extents have no names in a .tflite file: give an input's shape, as in --shape {}=...",
            inputs().front());
  }

  Status set_shape(std::string_view input, const Shape& shape) override {
    const auto names = inputs();
    if (std::find(names.begin(), names.end(), input) == names.end()) {
      return fail(ErrorCode::kInvalidArgument, "the model has no input '{}'", input)
          .hint("its inputs are: {}", fmt::join(names, ", "));
    }
    const auto declared = *declared_type(input);
    if (declared.shape && declared.shape->size() != shape.size()) {
      return fail(ErrorCode::kInvalidArgument, "input '{}' has {} extents; {} were given", input,
                  declared.shape->size(), shape.size())
          .hint("give one for each, as in --shape {}={}", input, fmt::join(shape, "x"));
    }
    std::vector<Dim> dims;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto known = declared.shape ? (*declared.shape)[i] : Dim{};
      if (known.known() && known.value != shape[i]) {
        return fail(ErrorCode::kInvalidArgument,
                    "extent {} of input '{}' is {} in the model, not {}", i, input, known.value,
                    shape[i])
            .hint("only extents that the model leaves open can be given");
      }
      if (shape[i] < 0) {
        return fail(ErrorCode::kInvalidArgument, "extent {} of input '{}' is negative", i, input)
            .hint("give a number of elements");
      }
      dims.push_back({shape[i], {}});
    }
    given_[std::string(input)] = std::move(dims);
    learn_types();
    return {};
  }

  void assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape) override {
    if (shape) {
      assumed_[std::string(input)] = std::move(*shape);
    } else {
      assumed_.erase(std::string(input));
    }
    learn_types();
  }
  std::map<std::string, std::vector<std::int64_t>> assumed_shapes() const override {
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, dims] : assumed_) {
      auto& extents = shapes[name];
      for (const auto& dim : dims) {
        extents.push_back(dim.known() ? dim.value : -1);
      }
    }
    return shapes;
  }

  /// As far as they are known without running it.
  bool tells_types() const noexcept override { return true; }
  Status infer_types(const std::shared_ptr<const runtime::Library>& /*library*/) override {
    learn_types();
    return {};
  }

  Result<SessionSourcePtr> source(std::span<const std::string> taps) const override {
    TESSERA_TRY(const auto graph, view());
    return litert_source(model_, graph, taps, extents());
  }

  Result<std::unique_ptr<Driver>> part(const PartSpec& spec) const override {
    const auto places = [&](std::span<const graph::TensorId> values) {
      std::vector<std::int32_t> tensors;
      for (const auto value : values) {
        tensors.push_back(static_cast<std::int32_t>(*find(spec.graph.tensor(value).name)));
      }
      return tensors;
    };
    const auto operators = with_constants(spec.graph, spec.ops);
    const auto inputs = places(spec.inputs);
    const auto outputs = places(spec.outputs);
    TESSERA_CHECK(check_crossing(inputs));
    TESSERA_CHECK(check_crossing(outputs));
    if (const auto state = litert::shared_state(model_.content(), operators)) {
      return fail(ErrorCode::kUnimplemented,
                  "the operators and the rest of the network share the state '{}'", *state)
          .hint("cut elsewhere: whatever reads or writes a state has to stay together");
    }
    auto part = model_;
    part.content() = litert::part_of(model_.content(), operators, inputs, outputs);
    auto driver = std::make_unique<LitertDriver>(std::move(part));
    for (const auto input : spec.inputs) {
      driver->learn_shape(spec.graph.tensor(input));
    }
    return std::unique_ptr<Driver>(std::move(driver));
  }

  void expose(std::span<const std::string> values) override {
    for (const auto& value : values) {
      if (const auto place = find(value)) {
        litert::expose(model_.content(), static_cast<std::int32_t>(*place));
      }
    }
  }

  std::set<std::uint32_t> sources() const override {
    std::set<std::uint32_t> all;
    for (const auto& op : network().operators) {
      all.insert(op.id);
    }
    return all;
  }

  Model* litert() noexcept override { return &model_; }
  void edited() override { refresh(); }

 private:
  /// An input that the file leaves open has the extents that it has in the whole.
  void learn_shape(const graph::TensorInfo& input) {
    if (input.shape && declared_type(input.name)->shape != input.shape) {
      assume_shape(input.name, input.shape);
    }
  }

  /// Handles of variables, tables and lists are nothing that a caller could pass on.
  Status check_crossing(const std::vector<std::int32_t>& tensors) const {
    for (const auto tensor : tensors) {
      const auto place = static_cast<std::size_t>(tensor);
      if (declared_[place].dtype == DType::kUndefined) {
        return fail(ErrorCode::kUnimplemented, "'{}' ({}) cannot go from one part to another",
                    names_[place], litert::to_string(network().tensors[place].type))
            .hint("cut where numbers cross");
      }
    }
    return {};
  }

  const litert::Subgraph& network() const { return model_.content().subgraphs.front(); }

  void refresh() {
    names_ = litert::value_names(network());
    places_.clear();
    shapes_.assign(names_.size(), std::nullopt);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      places_.emplace(names_[i], i);
      const auto& tensor = network().tensors[i];
      if (model_.content().is_constant(tensor)) {
        const auto extents = tensor.shape.value_or(std::vector<std::int32_t>());
        shapes_[i] = Shape(extents.begin(), extents.end());
      }
    }
    declared_ = litert::declared_types(model_.content(), network());
    learn_types();
  }

  void learn_types() { types_ = litert::types_of(model_.content(), extents()); }

  /// Of inputs whose extents are open, as far as they were given or assumed.
  litert::AssumedShapes extents() const {
    auto shapes = given_;
    for (const auto& [name, dims] : assumed_) {
      shapes[name] = dims;
    }
    return shapes;
  }

  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Once each, although a file may list a tensor twice.
  std::vector<std::string> names_of(const std::vector<std::int32_t>& tensors) const {
    std::vector<std::string> names;
    std::set<std::int32_t> seen;
    for (const auto tensor : tensors) {
      if (seen.insert(tensor).second) {
        names.push_back(names_[static_cast<std::size_t>(tensor)]);
      }
    }
    return names;
  }

  Model model_;
  litert::AssumedShapes given_;    ///< for open extents, by the caller
  litert::AssumedShapes assumed_;  ///< of what will be fed
  // By tensor of the network, for looking up.
  std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<std::optional<Shape>> shapes_;  ///< of constants
  std::vector<ValueType> declared_;
  std::vector<ValueType> types_;
};

}  // namespace

bool is_litert_file(const std::filesystem::path& path) {
  const auto bytes = first_bytes(path);
  return bytes && (litert::is_litert(*bytes) || path.extension() == ".tflite");
}

std::unique_ptr<Driver> litert_driver(litert::Model model) {
  return std::make_unique<LitertDriver>(std::move(model));
}

Network Network::of(litert::Model model) {
  return Network(litert_driver(std::move(model)));
}

}  // namespace tessera::network
