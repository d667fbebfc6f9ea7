// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/record.h"

#include <nlohmann/json.hpp>

#include "core/build_info.h"

namespace tessera {
namespace {

/// Of the documents of a kind, as docs/versioning.md has it.
int schema_number(std::string_view kind) {
  return kind == "error-rank" ? 2 : 1;
}

Json context_json(const Envelope& envelope) {
  Json context = {{"host", envelope.host.name},
                  {"cpu", envelope.host.cpu},
                  {"architecture", envelope.host.architecture},
                  {"isa", envelope.host.isa},
                  {"threads", envelope.threads}};
  if (!envelope.provider.empty()) {
    context["provider"] = envelope.provider;
  }
  if (!envelope.cpus.empty()) {
    context["cpus"] = envelope.cpus;
  }
  if (envelope.runtime) {
    context["runtime"] = {{"name", envelope.runtime->name},
                          {"version", envelope.runtime->version},
                          {"providers", envelope.runtime->providers}};
  }
  return context;
}

Json warnings_json(const std::vector<Warning>& warnings) {
  auto list = Json::array();
  for (const auto& warning : warnings) {
    list.push_back({{"id", warning.id}, {"message", warning.message}, {"hint", warning.hint}});
  }
  return list;
}

}  // namespace

std::string_view version() {
  return TESSERA_VERSION;
}
std::string_view commit() {
  return TESSERA_COMMIT;
}

Json enclose(const Envelope& envelope, Json result) {
  Json document = {
      {"schema", fmt::format("tessera.{}/{}", envelope.kind, schema_number(envelope.kind))},
      {"tool", {{"version", version()}}}};
  if (!envelope.timeless) {
    document["tool"]["commit"] = commit();
    document["command"] = envelope.command;
    document["started_at"] = envelope.started_at;
    document["context"] = context_json(envelope);
  }
  if (envelope.model) {
    document["model"] = {{"path", envelope.model->path},
                         {"sha256", envelope.model->sha256},
                         {"format", envelope.model->format}};
    if (!envelope.model->assumed_shapes.empty()) {
      auto& shapes = document["model"]["assumed_shapes"];
      for (const auto& [input, extents] : envelope.model->assumed_shapes) {
        auto& list = shapes[input] = Json::array();
        for (const auto extent : extents) {
          list.push_back(extent < 0 ? Json() : Json(extent));
        }
      }
    }
  }
  document["seed"] = envelope.seed;
  document["result"] = std::move(result);
  document["warnings"] = warnings_json(envelope.warnings);
  return document;
}

Result<Json> open_envelope(const Json& document, std::string_view kind, std::string_view what) {
  const auto schema = document.is_object() ? document.value("schema", Json()) : Json();
  if (!schema.is_string()) {
    return fail(ErrorCode::kDataLoss, "{} is not a document of tessera: it has no 'schema'", what);
  }
  const auto expected = fmt::format("tessera.{}/{}", kind, schema_number(kind));
  if (schema.get<std::string>() != expected) {
    return fail(ErrorCode::kDataLoss, "{} is '{}'; '{}' was expected", what,
                schema.get<std::string>(), expected);
  }
  if (!document.contains("result")) {
    return fail(ErrorCode::kDataLoss, "{} has no 'result'", what);
  }
  return document["result"];
}

}  // namespace tessera
