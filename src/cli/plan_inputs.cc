// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "tessera/certificate/certificate.h"
#include "tessera/core/hash.h"
#include "tessera/placement/certify.h"
#include "tessera/profile/record.h"

namespace tessera::cli {
namespace {

/// A machine's profile file and whose it is.
struct ProfileFile {
  std::string machine;
  std::string path;
};

std::vector<std::string> names_of(const cluster::Cluster& cluster) {
  std::vector<std::string> names;
  for (const auto& machine : cluster.machines) {
    names.push_back(machine.name);
  }
  return names;
}

/// A machine of its own for every profile, or the only one without a name.
Result<cluster::Cluster> find_cluster(const PlanFiles& files) {
  if (!files.cluster.empty()) {
    return cluster::read_cluster(files.cluster);
  }
  if (files.profiles.size() != 1) {
    return fail(ErrorCode::kInvalidArgument, "which machines are there?")
        .hint(
            "give --cluster C.json (tessera cluster init makes one), or one --profile for a plan "
            "of one machine");
  }
  cluster::Cluster one;
  const auto& text = files.profiles.front();
  const auto at = text.find('=');
  one.machines = {{.name = at == std::string::npos ? "here" : text.substr(0, at)}};
  one.inputs_from = one.machines[0].name;
  one.outputs_to = one.machines[0].name;
  return one;
}

Result<ProfileFile> profile_file(const std::string& text, const cluster::Cluster& cluster) {
  const auto at = text.find('=');
  if (at == std::string::npos) {
    TESSERA_TRY(auto machine, machine_without_times(cluster));
    return ProfileFile{std::move(machine), text};
  }
  ProfileFile file{text.substr(0, at), text.substr(at + 1)};
  if (!cluster.find(file.machine)) {
    return fail(ErrorCode::kInvalidArgument,
                "--profile names machine '{}', which the cluster does "
                "not have",
                file.machine)
        .hint("machines: {}", fmt::join(names_of(cluster), ", "));
  }
  return file;
}

}  // namespace

Result<std::string> machine_without_times(const cluster::Cluster& cluster) {
  std::vector<std::string> open;
  for (const auto& machine : cluster.machines) {
    if (machine.profile.empty() && !machine.scaling) {
      open.push_back(machine.name);
    }
  }
  if (open.size() != 1) {
    return fail(ErrorCode::kInvalidArgument,
                "whose times are measured is not clear: {} machines of the cluster have neither a "
                "profile nor a scaling",
                open.size())
        .hint("name it: --profile MACHINE=FILE; machines: {}", fmt::join(names_of(cluster), ", "));
  }
  return open.front();
}

Result<PlanInputs> PlanInputs::read(const PlanFiles& given, const ModelInfo& model) {
  PlanInputs inputs;
  TESSERA_TRY(inputs.cluster_, find_cluster(given));
  for (const auto& change : given.changes) {
    TESSERA_CHECK(cluster::change(inputs.cluster_, change));
  }
  TESSERA_CHECK(cluster::validate(inputs.cluster_));
  std::map<std::string, std::string> files;
  for (const auto& machine : inputs.cluster_.machines) {
    if (!machine.profile.empty()) {
      files[machine.name] = machine.profile;
    }
  }
  std::set<std::string> given_for;
  for (const auto& text : given.profiles) {
    TESSERA_TRY(const auto file, profile_file(text, inputs.cluster_));
    if (!given_for.insert(file.machine).second) {
      return fail(ErrorCode::kInvalidArgument, "--profile is given twice for machine '{}'",
                  file.machine)
          .hint("a machine has one profile: leave the other out");
    }
    files[file.machine] = file.path;
  }
  for (const auto& machine : inputs.cluster_.machines) {
    auto& profile = inputs.profiles_.emplace_back();
    const auto file = files.find(machine.name);
    if (file == files.end()) {
      continue;
    }
    TESSERA_TRY(auto stored, profile::read_profile(file->second));
    if (!stored.model || stored.model->sha256 != model.sha256) {
      return fail(ErrorCode::kInvalidArgument, "profile '{}' is of another model{}", file->second,
                  stored.model ? ", " + stored.model->path : "")
          .hint("measure this one: tessera profile {} --data D -o P.json", model.path);
    }
    profile = std::move(stored.profile);
    TESSERA_CHECK(inputs.note(file->second));
  }
  if (!given.cluster.empty()) {
    TESSERA_CHECK(inputs.note(given.cluster));
  }
  if (!given.error_model.empty()) {
    TESSERA_TRY(inputs.error_model_, noise::read_error_model(given.error_model));
    if (!inputs.error_model_->network.sha256.empty() &&
        inputs.error_model_->network.sha256 != model.sha256) {
      return fail(ErrorCode::kInvalidArgument, "error model '{}' is of another model, {}",
                  given.error_model, inputs.error_model_->network.path)
          .hint("make one of this model: tessera error sweep and tessera error fit");
    }
    TESSERA_CHECK(inputs.note(given.error_model));
  }
  return inputs;
}

Status PlanInputs::note(const std::string& path) {
  TESSERA_TRY(const auto content, read_file(path));
  // Files of different folders may have one name: then more of the path tells them apart.
  const auto sum = sha256(std::as_bytes(std::span(content)));
  const auto name = std::filesystem::path(path).filename().string();
  const auto [known, is_new] = sums_.emplace(name, sum);
  if (!is_new && known->second != sum) {
    sums_[std::filesystem::path(path).lexically_normal().string()] = sum;
  }
  return {};
}

Result<std::optional<double>> PlanInputs::error_limit(std::optional<double> max_error,
                                                      std::optional<double> min_sqnr_db) const {
  if (!min_sqnr_db) {
    return max_error;
  }
  if (!error_model_) {
    return fail(ErrorCode::kInvalidArgument, "a limit on the SQNR needs an error model")
        .hint("make one with tessera error sweep and tessera error fit, and give --error-model");
  }
  const double offset = error_model_->sqnr_offset_db;
  if (!std::isfinite(offset)) {
    return fail(ErrorCode::kInvalidArgument,
                "the error model does not know decibels: its sweep did "
                "not say the power of the outputs")
        .hint("give --max-error instead");
  }
  const double error = std::pow(10, (offset - *min_sqnr_db) / 20);
  return std::min(max_error.value_or(error), error);
}

Status write_certificate(const std::filesystem::path& path, const PlanInputs& inputs,
                         const std::string& model_sha256, const graph::Graph& graph,
                         placement::Planned& planned, Overwrite overwrite) {
  TESSERA_TRY(const auto certificate,
              placement::certify(inputs.setting(graph), planned, model_sha256, inputs.sums()));
  const auto text = certificate::file_text(certificate);
  TESSERA_CHECK(write_file(path, text, overwrite));
  planned.plan.certificate = {path.filename().string(), sha256(std::as_bytes(std::span(text)))};
  return {};
}

}  // namespace tessera::cli
