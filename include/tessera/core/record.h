// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/host.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"

namespace tessera {

/// The inference library that took part in a measurement.
struct RuntimeInfo {
  std::string name;     ///< "onnxruntime"
  std::string version;  ///< "1.32.0"
  std::vector<std::string> providers;
};

/// Which file a record is about.
struct ModelInfo {
  std::string path;
  std::string sha256;
  std::string format;  ///< "onnx"
  /// Shapes that inputs were taken to have where the model leaves them open; -1 where they were not
  /// taken to have any one value.
  std::map<std::string, std::vector<std::int64_t>> assumed_shapes = {};
};

/// What every JSON document and artefact starts with, so that a figure can be traced to the
/// machine, the library and the command that made it.
struct Envelope {
  std::string kind;  ///< "calibrate": the schema becomes "tessera.calibrate/1"
  std::vector<std::string> command;
  std::string started_at;
  Host host;
  int threads = 1;
  std::string provider;  ///< execution providers asked for; empty: none was
  std::string cpus;      ///< processors the process was confined to, "0,2-3"; empty: it was not
  std::optional<RuntimeInfo> runtime;
  std::optional<ModelInfo> model;
  std::uint64_t seed = 0;
  std::vector<Warning> warnings;
  /// Leaves out what changes from run to run or machine to machine, for golden tests.
  bool timeless = false;
};

/// {schema, tool, command, started_at, context, model, seed, result, warnings}.
[[nodiscard]] Json enclose(const Envelope& envelope, Json result);

/// The `result` of a document of the given kind and of the current number of its schema.
/// Errors: kDataLoss if it is another document, with both kinds named.
[[nodiscard]] Result<Json> open_envelope(const Json& document, std::string_view kind,
                                         std::string_view what);

/// "0.1.0", and the commit it was built from ("unknown" outside a checkout).
[[nodiscard]] std::string_view version();
[[nodiscard]] std::string_view commit();

}  // namespace tessera
