// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "onnx/model_state.h"
#include "onnx/wire.h"

namespace tessera::onnx {
namespace fs = std::filesystem;
namespace {

/// A protobuf message must stay below 2 GiB.
constexpr std::int64_t kMessageLimit = std::numeric_limits<std::int32_t>::max();
/// Tensors of at least this size go to the external file, if there is one.
constexpr std::int64_t kExternalBytes = 1024;
/// Where tensors begin in the external file: cache lines, and pages for what is worth mapping.
constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kPageAlignment = 4096;
constexpr std::int64_t kPageAlignedBytes = 65536;
constexpr std::int64_t kFirstIrWithSeparateInitializers = 4;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Data that is written as raw_data behind the header, or -1 if the header has it all.
std::int64_t raw_bytes(const Initializer& initializer) {
  if (initializer.range) {
    return initializer.range->size_bytes;
  }
  if (initializer.value || initializer.make) {
    return bytes_of(initializer.dtype, element_count(initializer.shape));
  }
  return -1;
}

/// A part of the serialized graph: text, then the raw data of an initializer.
struct Piece {
  std::string text;
  const Initializer* data = nullptr;
  [[nodiscard]] std::int64_t size_bytes() const {
    return static_cast<std::int64_t>(text.size()) + (data == nullptr ? 0 : raw_bytes(*data));
  }
};

struct ExternalTensor {
  const Initializer* initializer = nullptr;
  std::int64_t offset = 0;
};

/// Memory does not grow with what was written: pages of a mapped file are given back.
template <class Write>
Status write_data(const Initializer& initializer, const Write& write) {
  TESSERA_TRY(const auto data, InitializerData::of(initializer));
  TESSERA_CHECK(write(data.bytes()));
  if (initializer.range && !initializer.value && !initializer.make) {
    initializer.range->release();
  }
  return {};
}

/// The model as a sequence of pieces whose sizes are known before any data is touched.
class Layout {
 public:
  /// `external`: name of the file that takes large tensors; empty for none.
  static Result<Layout> of(const Model::State& state, const std::string& external) {
    Layout layout;
    TESSERA_TRY(const auto order, state.topological_order());
    for (const auto id : order) {
      layout.add_message(proto::GraphProto::kNodeFieldNumber, state.node(id).SerializeAsString());
    }
    const auto shell = graph_shell(state).SerializeAsString();
    const auto split = wire::offset_of_field(shell, proto::GraphProto::kInitializerFieldNumber);
    layout.pieces_.push_back({shell.substr(0, split), nullptr});
    for (const auto& initializer : state.initializers) {
      if (initializer) {
        layout.add_initializer(*initializer, external);
      }
    }
    layout.pieces_.push_back({shell.substr(split), nullptr});
    layout.wrap(state.shell);
    return layout;
  }

  [[nodiscard]] std::int64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] const std::vector<ExternalTensor>& external() const { return external_; }

  [[nodiscard]] Status write(const Sink& sink) const {
    for (const auto& piece : pieces_) {
      TESSERA_CHECK(sink(as_bytes(piece.text)));
      if (piece.data != nullptr) {
        TESSERA_CHECK(write_data(*piece.data, sink));
      }
    }
    return {};
  }

 private:
  /// The graph without operators and initializers; types of values that are gone are dropped,
  /// and files of the first IR versions list their initializers among the inputs.
  static proto::GraphProto graph_shell(const Model::State& state) {
    auto shell = state.graph();
    auto& infos = *shell.mutable_value_info();
    const auto gone = [&](const auto& info) {
      const auto* uses = state.find_uses(info.name());
      return (uses == nullptr || uses->empty()) && !state.output_index.contains(info.name()) &&
             !state.initializer_index.contains(info.name()) &&
             !state.input_index.contains(info.name());
    };
    infos.erase(std::remove_if(infos.begin(), infos.end(), gone), infos.end());
    if (state.shell.ir_version() < kFirstIrWithSeparateInitializers) {
      for (const auto& initializer : state.initializers) {
        if (initializer && !state.input_index.contains(initializer->name)) {
          auto& input = *shell.add_input();
          input.set_name(initializer->name);
          assign_type(*input.mutable_type(), to_value_type(initializer->dtype, initializer->shape));
        }
      }
    }
    return shell;
  }

  void add_message(std::uint32_t number, const std::string& message) {
    pieces_.push_back({wire::header(number, message.size()) + message, nullptr});
  }

  void add_initializer(const Initializer& initializer, const std::string& external) {
    constexpr std::uint32_t kNumber = proto::GraphProto::kInitializerFieldNumber;
    const auto raw = raw_bytes(initializer);
    const auto inline_raw = static_cast<std::int64_t>(initializer.header->raw_data().size());
    if (!external.empty() && std::max(raw, inline_raw) >= kExternalBytes) {
      auto header = *initializer.header;
      header.clear_raw_data();
      place_externally(header, initializer, std::max(raw, inline_raw), external);
      add_message(kNumber, header.SerializeAsString());
      return;
    }
    const auto header = initializer.header->SerializeAsString();
    if (raw < 0) {
      add_message(kNumber, header);
      return;
    }
    const auto size = static_cast<std::uint64_t>(raw);
    const auto raw_header = wire::header(proto::TensorProto::kRawDataFieldNumber, size);
    pieces_.push_back(
        {wire::header(kNumber, header.size() + raw_header.size() + size) + header + raw_header,
         &initializer});
  }

  void place_externally(proto::TensorProto& header, const Initializer& initializer,
                        std::int64_t size, const std::string& file) {
    const auto alignment = size >= kPageAlignedBytes ? kPageAlignment : kAlignment;
    const auto offset = (external_end_ + alignment - 1) / alignment * alignment;
    external_.push_back({&initializer, offset});
    external_end_ = offset + size;
    header.set_data_location(proto::TensorProto::EXTERNAL);
    const auto add = [&](const char* key, std::string value) {
      auto& entry = *header.add_external_data();
      entry.set_key(key);
      entry.set_value(std::move(value));
    };
    add("location", file);
    add("offset", std::to_string(offset));
    add("length", std::to_string(size));
  }

  /// Puts the model around the graph's pieces.
  void wrap(const proto::ModelProto& shell) {
    std::int64_t graph_size = 0;
    for (const auto& piece : pieces_) {
      graph_size += piece.size_bytes();
    }
    proto::ModelProto outer = shell;
    outer.clear_graph();
    const auto text = outer.SerializeAsString();
    const auto split = wire::offset_of_field(text, proto::ModelProto::kGraphFieldNumber);
    pieces_.insert(pieces_.begin(),
                   {text.substr(0, split) + wire::header(proto::ModelProto::kGraphFieldNumber,
                                                         static_cast<std::uint64_t>(graph_size)),
                    nullptr});
    pieces_.push_back({text.substr(split), nullptr});
    size_bytes_ = graph_size + pieces_.front().size_bytes() + pieces_.back().size_bytes();
  }

  std::vector<Piece> pieces_;
  std::vector<ExternalTensor> external_;
  std::int64_t external_end_ = 0;
  std::int64_t size_bytes_ = 0;
};

Failure too_large(std::int64_t size_bytes) {
  return fail(ErrorCode::kResourceExhausted,
              "the model has {} bytes; one ONNX file holds less than 2 GiB", size_bytes);
}

Status write_external(AtomicFile& file, const Layout& layout) {
  static constexpr std::array<std::byte, kPageAlignment> kZeros{};
  for (const auto& tensor : layout.external()) {
    const auto gap = static_cast<std::size_t>(tensor.offset - file.position());
    TESSERA_CHECK(file.write(std::span(kZeros).first(gap)));
    TESSERA_CHECK(
        write_data(*tensor.initializer, [&](auto bytes) -> Status { return file.write(bytes); }));
  }
  return {};
}

/// Collects small writes: a model is thousands of them.
class BufferedFile {
 public:
  explicit BufferedFile(AtomicFile& file) : file_(file) {}
  Status write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > kCapacity) {
      TESSERA_CHECK(flush());
    }
    if (bytes.size() > kCapacity) {
      return file_.write(bytes);
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Status flush() {
    TESSERA_CHECK(file_.write(buffer_));
    buffer_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kCapacity = std::size_t{1} << 18;
  AtomicFile& file_;
  std::vector<std::byte> buffer_;
};

Status write_model(AtomicFile& file, const Layout& layout) {
  BufferedFile buffer(file);
  TESSERA_CHECK(layout.write([&](auto bytes) { return buffer.write(bytes); }));
  return buffer.flush();
}

bool wants_external(const Model::State& state, ExternalData wish, std::int64_t size_bytes) {
  switch (wish) {
    case ExternalData::kAlways:
      return true;
    case ExternalData::kNever:
      return false;
    case ExternalData::kAuto:
      return state.had_external_data || size_bytes > kMessageLimit;
  }
  return false;
}

}  // namespace

Result<InitializerData> InitializerData::of(const Initializer& initializer) {
  InitializerData data;
  if (initializer.value || (initializer.make && initializer.cache)) {
    data.owner_ = initializer.value ? initializer.value : initializer.cache;
    data.bytes_ = data.owner_->bytes();
    return data;
  }
  if (initializer.make) {
    TESSERA_TRY(auto made, initializer.make());
    if (made.dtype() != initializer.dtype || made.shape() != initializer.shape) {
      return fail(ErrorCode::kInternal, "initializer '{}' was promised as {} {}, but made as {} {}",
                  initializer.name, to_string(initializer.dtype), to_string(initializer.shape),
                  to_string(made.dtype()), to_string(made.shape()));
    }
    data.owner_ = std::make_shared<const Tensor>(std::move(made));
    data.bytes_ = data.owner_->bytes();
    return data;
  }
  if (initializer.range) {
    const auto& range = *initializer.range;
    TESSERA_TRY(data.bytes_, range.file->range(range.offset, range.size_bytes));
    return data;
  }
  data.bytes_ = as_bytes(initializer.header->raw_data());
  return data;
}

Result<std::string> Model::serialize() const {
  TESSERA_TRY(const auto layout, Layout::of(*state_, {}));
  if (layout.size_bytes() > kMessageLimit) {
    return too_large(layout.size_bytes());
  }
  std::string text;
  text.reserve(static_cast<std::size_t>(layout.size_bytes()));
  TESSERA_CHECK(layout.write([&](std::span<const std::byte> bytes) -> Status {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }));
  return text;
}

namespace {

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code problem;
  return fs::equivalent(a, b, problem) || a.lexically_normal() == b.lexically_normal();
}

/// Writing over what the model was read from is meant only where it replaces the model itself.
/// Errors: kInvalidArgument if `target` holds weights of a model that stays.
Status check_not_source(const Model::State& state, const fs::path& target, const fs::path& model) {
  if (state.path.empty() || same_file(model, state.path)) {
    return {};
  }
  const bool holds_weights = std::any_of(state.weight_files.begin(), state.weight_files.end(),
                                         [&](const auto& file) { return same_file(file, target); });
  if (!holds_weights && !(target != model && same_file(target, state.path))) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' belongs to '{}': it would be overwritten",
              target.string(), state.path.string())
      .hint("give -o another name, or another folder");
}

}  // namespace

Status Model::save(const fs::path& path, const SaveOptions& options) const {
  TESSERA_CHECK(check_not_source(*state_, path, path));
  TESSERA_TRY(auto layout, Layout::of(*state_, {}));
  if (!wants_external(*state_, options.external_data, layout.size_bytes())) {
    if (layout.size_bytes() > kMessageLimit) {
      return too_large(layout.size_bytes()).hint("use --external-data auto");
    }
    TESSERA_TRY(auto file, AtomicFile::create(path, options.overwrite));
    TESSERA_CHECK(write_model(file, layout));
    return file.commit();
  }
  const auto data_name = path.filename().string() + ".data";
  TESSERA_TRY(layout, Layout::of(*state_, data_name));
  if (layout.size_bytes() > kMessageLimit) {
    return too_large(layout.size_bytes());
  }
  TESSERA_TRY(auto file, AtomicFile::create(path, options.overwrite));
  if (layout.external().empty()) {
    TESSERA_CHECK(write_model(file, layout));
    return file.commit();
  }
  const auto data_path = path.parent_path() / data_name;
  TESSERA_CHECK(check_not_source(*state_, data_path, path));
  std::error_code ignored;
  const auto replaces = fs::exists(data_path, ignored);
  TESSERA_TRY(auto data, AtomicFile::create(data_path, options.overwrite));
  TESSERA_CHECK(write_external(data, layout));
  TESSERA_CHECK(write_model(file, layout));
  TESSERA_CHECK(data.commit());
  const auto committed = file.commit();
  if (!committed && !replaces) {
    fs::remove(data_path, ignored);
  }
  return committed;
}

}  // namespace tessera::onnx
