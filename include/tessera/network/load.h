// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/tensor/tensor.h"

namespace tessera::network {

/// Values for extents that a model leaves open.
struct GivenExtents {
  std::map<std::string, std::int64_t> dims;  ///< by symbol
  std::map<std::string, Shape> shapes;       ///< by input

  [[nodiscard]] bool empty() const { return dims.empty() && shapes.empty(); }
};

/// Extents of an input that samples agree on; -1 where they do not, none where ranks differ.
using Extents = std::vector<std::int64_t>;
using ExtentsByInput = std::map<std::string, Extents>;

/// Which driver reads the file: by its first bytes, or, where those say nothing, by its name. ONNX
/// for what is not there or is neither, and for files of Keras, which are imported as such.
[[nodiscard]] FileFormat format_of(const std::filesystem::path& path);

/// What names of such files end in: ".onnx", ".tflite"; empty for kOther.
[[nodiscard]] std::string_view ending_of(FileFormat format) noexcept;

/// Reads a file; types are those that it declares.
/// Errors: kNotFound; kDataLoss for a damaged file; kUnimplemented for a format or version that is
/// not known.
[[nodiscard]] Result<Network> read(const std::filesystem::path& path);

/// A model of another format as a network that answers for the file that it was imported from, as
/// do its copies: path, SHA-256, format "keras". Errors: those of opening the file.
[[nodiscard]] Result<Network> imported_network(onnx::Model model,
                                               const std::filesystem::path& file);

/// Errors: those of Network::set_dims() and set_shape().
[[nodiscard]] Status give_extents(Network& network, const GivenExtents& given);

/// What simplifying did, for people and for programs.
struct Simplification {
  std::string text;  ///< "3 operators computed, ...", empty if nothing changed
  std::vector<std::pair<std::string, std::int64_t>> counts;  ///< by what was done
  std::vector<std::string> kept;  ///< why something stays as it was, a sentence each
  bool types_known = false;       ///< as after Network::infer_types()
  std::optional<Error> problem;   ///< what could not be looked at
};
/// The counts by their names, and "kept".
[[nodiscard]] Json to_json(const Simplification& what);

/// Takes out what does not depend on the inputs and what does nothing, bit for bit; see
/// docs/models.md. Without a library only the structure is looked at. `as_written`: a weight that
/// is used as it is and transposed counts once, as a file that is written has it.
Simplification simplify(Network& network, const std::shared_ptr<const runtime::Library>& library,
                        bool as_written = false);

/// What loading does once extents are given: simplifies, if that is wanted, and learns the type of
/// every value. A version that the runtime gave up is rewritten in a newer one, with a warning
/// (opset-raised); what cannot be simplified is warned of (not-simplified).
/// Errors: those of the runtime.
[[nodiscard]] Status learn_types(Network& network,
                                 const std::shared_ptr<const runtime::Library>& library,
                                 bool simplifying, Monitor& monitor);

[[nodiscard]] bool has_open_inputs(const Network& network);

/// Adds what these samples have to `common`, which keeps what all have.
void keep_common(ExtentsByInput& common, const std::vector<data::InputExtents>& samples);

/// Assumes the extents that the samples agree on where the network leaves them open; symbols that
/// stand for two numbers are no symbols any more. Without any, a leading extent is a batch of one.
void assume_extents(Network& network, const ExtentsByInput& common);

/// "x 1x3x?x?, y 1"; empty if nothing is assumed.
[[nodiscard]] std::string assumptions_text(const Network& network);

/// The types that values have where inputs have the shapes that were assumed.
[[nodiscard]] Status learn_assumed_types(Network& network,
                                         const std::shared_ptr<const runtime::Library>& library,
                                         bool simplifying);

/// The graph with the extents that this sample has, for costs where samples differ in them.
[[nodiscard]] Result<graph::Graph> view_for(const Network& network, const data::Sample& sample,
                                            const std::shared_ptr<const runtime::Library>& library,
                                            bool simplifying);

/// What samples have to be to feed a network, from the types in the file: open extents are -1.
/// Errors: kUnimplemented naming an input that is no tensor; kInvalidArgument without inputs.
[[nodiscard]] Result<std::vector<data::InputSpec>> input_specs(const Network& network);

}  // namespace tessera::network
