// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "onnx/model_state.h"
#include "onnx/wire.h"
#include "tessera/core/hash.h"

namespace tessera::onnx {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t kModelGraph = proto::ModelProto::kGraphFieldNumber;
constexpr std::uint32_t kGraphNode = proto::GraphProto::kNodeFieldNumber;
constexpr std::uint32_t kGraphInitializer = proto::GraphProto::kInitializerFieldNumber;
constexpr std::uint32_t kTensorRawData = proto::TensorProto::kRawDataFieldNumber;
/// Tensors below this stay in memory: a mapping would save nothing.
constexpr std::size_t kMappedBytes = 1024;

bool is_message(const wire::Field& field, std::uint32_t number) {
  return field.number == number && field.type == wire::Type::kLengthDelimited;
}

Status parse_message(google::protobuf::Message& message, wire::Bytes bytes, std::string_view what) {
  const auto fits = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (!fits || !message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::kDataLoss, "malformed {}", what);
  }
  return {};
}

void append(std::string& text, wire::Bytes bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

wire::Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Takes a serialized model apart field by field.
class ModelReader {
 public:
  ModelReader(Model::State& state, wire::Bytes bytes, std::shared_ptr<WeightFile> file)
      : state_(state), all_(bytes), file_(std::move(file)) {}

  Status read() {
    std::string rest;
    std::string graph_rest;
    bool has_graph = false;
    for (wire::Reader reader(all_); !reader.done();) {
      TESSERA_TRY(const auto field, reader.next());
      if (is_message(field, kModelGraph)) {
        has_graph = true;
        TESSERA_CHECK(read_graph(field.payload, graph_rest));
      } else {
        append(rest, field.whole);
      }
    }
    TESSERA_CHECK(parse_message(state_.shell, bytes_of(rest), "model"));
    if (has_graph) {
      TESSERA_CHECK(parse_message(state_.graph(), bytes_of(graph_rest), "graph"));
    }
    state_.index_values();
    return {};
  }

 private:
  Status read_graph(wire::Bytes graph, std::string& rest) {
    for (wire::Reader reader(graph); !reader.done();) {
      TESSERA_TRY(const auto field, reader.next());
      if (is_message(field, kGraphNode)) {
        auto node = std::make_unique<proto::NodeProto>();
        TESSERA_CHECK(parse_message(*node, field.payload, "operator"));
        state_.insert(std::move(node), kNoNode);
      } else if (is_message(field, kGraphInitializer)) {
        TESSERA_CHECK(read_initializer(field.payload));
      } else {
        append(rest, field.whole);
      }
    }
    return {};
  }

  Status read_initializer(wire::Bytes bytes) {
    auto header = std::make_shared<proto::TensorProto>();
    auto initializer = std::make_unique<Initializer>();
    if (file_ == nullptr || bytes.size() < kMappedBytes) {
      TESSERA_CHECK(parse_message(*header, bytes, "initializer"));
    } else {
      std::string rest;
      for (wire::Reader reader(bytes); !reader.done();) {
        TESSERA_TRY(const auto field, reader.next());
        if (is_message(field, kTensorRawData) && field.payload.size() >= kMappedBytes) {
          initializer->range = FileRange{file_, field.payload.data() - all_.data(),
                                         static_cast<std::int64_t>(field.payload.size())};
        } else {
          append(rest, field.whole);
        }
      }
      TESSERA_CHECK(parse_message(*header, bytes_of(rest), "initializer"));
    }
    initializer->name = header->name();
    initializer->dtype = onnx::dtype_of(*header);
    initializer->shape = shape_of(*header);
    initializer->header = std::move(header);
    if (state_.initializer_index.contains(initializer->name)) {
      return fail(ErrorCode::kDataLoss, "there are two initializers '{}'", initializer->name);
    }
    state_.add_initializer(std::move(initializer));
    return {};
  }

  Model::State& state_;
  wire::Bytes all_;
  std::shared_ptr<WeightFile> file_;
};

/// Opens files of external data, each once.
class WeightFolder {
 public:
  explicit WeightFolder(fs::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::vector<fs::path> paths() const {
    std::vector<fs::path> paths;
    for (const auto& [location, file] : files_) {
      paths.push_back(file->path());
    }
    return paths;
  }

  Result<FileRange> locate(const proto::TensorProto& tensor) {
    TESSERA_TRY(const auto where, external_location(tensor));
    TESSERA_TRY(auto file, open(where.location, tensor.name()));
    const auto available = file->size_bytes() - where.offset;
    const auto length = where.length.value_or(std::max<std::int64_t>(available, 0));
    if (available < 0 || length > available) {
      return fail(ErrorCode::kDataLoss, "'{}' has {} bytes; the {} of tensor '{}' begin at {}",
                  file->path().string(), file->size_bytes(), length, tensor.name(), where.offset)
          .hint("copy the model together with its complete external data");
    }
    return FileRange{std::move(file), where.offset, length};
  }

 private:
  Result<std::shared_ptr<WeightFile>> open(const std::string& location, const std::string& tensor) {
    if (const auto found = files_.find(location); found != files_.end()) {
      return found->second;
    }
    const auto path = folder_ / location;
    std::error_code problem;
    const auto size = fs::file_size(path, problem);
    if (problem || !fs::is_regular_file(path, problem)) {
      return fail(ErrorCode::kNotFound, "'{}', which holds the weights of tensor '{}', is missing",
                  path.string(), tensor)
          .hint("copy the model together with its external data");
    }
    auto file = std::make_shared<WeightFile>(path, static_cast<std::int64_t>(size));
    files_.emplace(location, file);
    return file;
  }

  fs::path folder_;
  StringMap<std::shared_ptr<WeightFile>> files_;
};

/// Tensors outside the main graph's initializers are small; those that lie in external files are
/// taken in, so that a model written elsewhere does not point to files that are not there.
class Inliner {
 public:
  explicit Inliner(WeightFolder& folder) : folder_(folder) {}

  template <class List>  // of attributes
  Status inline_attributes(List& attributes) {
    for (auto& attribute : attributes) {
      if (attribute.has_t()) {
        TESSERA_CHECK(inline_tensor(*attribute.mutable_t()));
      }
      for (auto& tensor : *attribute.mutable_tensors()) {
        TESSERA_CHECK(inline_tensor(tensor));
      }
      if (attribute.has_g()) {
        TESSERA_CHECK(inline_graph(*attribute.mutable_g()));
      }
      for (auto& graph : *attribute.mutable_graphs()) {
        TESSERA_CHECK(inline_graph(graph));
      }
    }
    return {};
  }

  template <class List>
  Status inline_nodes(List& nodes) {
    for (auto& node : nodes) {
      TESSERA_CHECK(inline_attributes(*node.mutable_attribute()));
    }
    return {};
  }

 private:
  Status inline_graph(proto::GraphProto& graph) {
    for (auto& tensor : *graph.mutable_initializer()) {
      TESSERA_CHECK(inline_tensor(tensor));
    }
    for (const auto& sparse : graph.sparse_initializer()) {
      TESSERA_CHECK(check_sparse(sparse));
    }
    return inline_nodes(*graph.mutable_node());
  }

  Status inline_tensor(proto::TensorProto& tensor) {
    if (!is_external(tensor)) {
      return check_tensor(tensor, std::nullopt);
    }
    TESSERA_TRY(const auto range, folder_.locate(tensor));
    TESSERA_CHECK(check_tensor(tensor, range.size_bytes));
    TESSERA_TRY(const auto bytes, range.file->range(range.offset, range.size_bytes));
    tensor.set_raw_data(bytes.data(), bytes.size());
    tensor.clear_external_data();
    tensor.clear_data_location();
    return {};
  }

  WeightFolder& folder_;
};

}  // namespace

Status read_model(Model::State& state, std::span<const std::byte> bytes,
                  std::shared_ptr<WeightFile> file) {
  if (bytes.empty()) {
    return fail(ErrorCode::kDataLoss, "the model is empty")
        .hint("the download or export that made the file failed; make it again");
  }
  return ModelReader(state, bytes, std::move(file)).read().map_error([](Error error) {
    error.hint = "the file is truncated, damaged, or not an ONNX model";
    return error;
  });
}

Status resolve_external_data(Model::State& state) {
  WeightFolder folder(state.folder);
  for (auto& initializer : state.initializers) {
    if (!is_external(*initializer->header)) {
      continue;
    }
    TESSERA_TRY(initializer->range, folder.locate(*initializer->header));
    auto header = std::make_shared<proto::TensorProto>(*initializer->header);
    header->clear_external_data();
    header->clear_data_location();
    initializer->header = std::move(header);
    state.had_external_data = true;
  }
  Inliner inliner(folder);
  for (auto& node : state.nodes) {
    TESSERA_CHECK(inliner.inline_attributes(*node.proto->mutable_attribute()));
  }
  // Their operators become the model's when calls are taken apart.
  for (auto& function : *state.shell.mutable_functions()) {
    TESSERA_CHECK(inliner.inline_nodes(*function.mutable_node()));
  }
  state.weight_files = folder.paths();
  return {};
}

namespace {

Result<std::unique_ptr<Model::State>> finish_loading(std::unique_ptr<Model::State> state) {
  const auto advise = [](Error error) {
    if (error.code == ErrorCode::kDataLoss && error.hint.empty()) {
      error.hint = "the file is damaged, or its writer does not follow the ONNX specification";
    }
    return error;
  };
  TESSERA_CHECK(resolve_external_data(*state).map_error(advise));
  TESSERA_CHECK(validate(*state).map_error(advise));
  return state;
}

}  // namespace

Result<Model> Model::load(const fs::path& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->folder = path.parent_path();
  std::error_code ignored;
  const auto named = in_file(path.string());
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored) &&
      !fs::is_directory(path, ignored)) {  // a pipe: cannot be mapped
    TESSERA_TRY(const auto text, read_file(path));
    TESSERA_CHECK(read_model(*state, bytes_of(text), nullptr).map_error(named));
    state->hash = std::make_shared<FileHash>(sha256(bytes_of(text)));
  } else {
    TESSERA_TRY(auto mapped, MappedFile::open(path));
    const auto bytes = mapped.bytes();
    auto file = std::make_shared<WeightFile>(path, std::move(mapped));
    TESSERA_CHECK(read_model(*state, bytes, file).map_error(named));
    state->hash = std::make_shared<FileHash>(file);
    // The system maps large blocks around what was read: most of a model of large tensors.
    file->release(0, file->size_bytes());
  }
  TESSERA_TRY(state, finish_loading(std::move(state)).map_error(named));
  return Model(std::move(state));
}

Result<Model> Model::parse(std::string_view bytes, std::string_view what, const fs::path& folder) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  const auto named = in_file(std::string(what));
  const auto view = std::as_bytes(std::span(bytes.data(), bytes.size()));
  TESSERA_CHECK(read_model(*state, view, nullptr).map_error(named));
  TESSERA_TRY(state, finish_loading(std::move(state)).map_error(named));
  return Model(std::move(state));
}

Model Model::empty(std::int64_t opset) {
  auto state = std::make_unique<State>();
  state->shell.set_ir_version(8);
  state->shell.set_producer_name("tessera");
  auto& import = *state->shell.add_opset_import();
  import.set_domain("");
  import.set_version(opset);
  state->graph().set_name("graph");
  return Model(std::move(state));
}

}  // namespace tessera::onnx
