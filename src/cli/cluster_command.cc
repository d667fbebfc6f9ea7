// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "cli/cluster_checks.h"
#include "cli/context.h"
#include "cli/documents.h"
#include "cli/input_codecs.h"
#include "cli/options.h"
#include "tessera/cluster/cluster.h"
#include "tessera/cluster/text.h"
#include "tessera/core/host.h"
#include "tessera/core/names.h"
#include "tessera/placement/instance.h"
#include "tessera/profile/record.h"
#include "tessera/report/cluster.h"

namespace tessera::cli {
namespace {

using cluster::Cluster;
using cluster::Machine;

// init

struct InitCommand {
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::vector<std::string> machines;
  std::vector<std::string> scales;
  std::vector<std::string> links;
  std::string inputs_from;
  std::string outputs_to;
  std::string data;
  std::string model;
  LoadOptions loading;
};

/// The host's name as one that a machine may have.
std::string name_of(const Host& host) {
  auto name = host.name.substr(0, host.name.find('.'));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c >= 0x80 || std::isalnum(c) == 0; },
      '-');
  return name.empty() ? "here" : name;
}

/// As it is written into the file: seen from there.
std::string seen_from(const std::string& output, const std::filesystem::path& profile) {
  if (profile.is_absolute()) {
    return profile.string();
  }
  const auto folder = std::filesystem::path(output).parent_path();
  return profile.lexically_proximate(folder.empty() ? "." : folder).string();
}

/// "NAME" or "NAME=PROFILE.json". One that was profiled on this processor is taken for this
/// machine.
Result<Machine> machine_from(const std::string& text, const InitCommand& command, const Host& host,
                             bool first) {
  const auto equals = text.find('=');
  Machine machine;
  machine.name = text.substr(0, equals);
  bool here = first;
  if (equals != std::string::npos) {
    const auto file = text.substr(equals + 1);
    TESSERA_CHECK(expect_kind(file, "profile"));
    TESSERA_TRY(const auto stored, profile::read_profile(file));
    machine.profile = seen_from(command.output, file);
    here = here && (stored.cpu.empty() || stored.cpu == host.cpu);
  }
  if (here) {
    machine.cores = std::max(1, host.logical_cpus);
    if (host.memory_bytes > 0) {
      machine.memory_bytes = host.memory_bytes;
    }
  }
  return machine;
}

Status add_machines(const InitCommand& command, Cluster& cluster) {
  const auto host = describe_host();
  auto machines = command.machines;
  if (machines.empty()) {
    machines.push_back(name_of(host));
  }
  for (const auto& text : machines) {
    TESSERA_TRY(auto machine, machine_from(text, command, host, cluster.machines.empty()));
    cluster.machines.push_back(std::move(machine));
  }
  for (const auto& text : command.scales) {
    TESSERA_TRY(auto machine, cluster::scaled_machine_from(text));
    machine.scaling->source = "stated: tessera cluster init --scale " + text;
    cluster.machines.push_back(std::move(machine));
  }
  return {};
}

Status add_links(const InitCommand& command, Cluster& cluster) {
  std::vector<std::string> names;
  for (const auto& machine : cluster.machines) {
    names.push_back(machine.name);
  }
  for (const auto& text : command.links) {
    TESSERA_TRY(auto links, cluster::links_from(text, names));
    for (auto& link : links) {
      link.source = "stated: tessera cluster init --link " + text;
      cluster.links.push_back(std::move(link));
    }
  }
  return {};
}

/// What was measured here holds for machines that are scaled from this one, stretched as they are.
void stretch(const Cluster& cluster, cluster::InputCodec& codec) {
  const auto here = codec.decode_us["*"];
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    const auto factor = time_factor(cluster, i, "fp32");
    if (cluster.machines[i].scaling && profiled(cluster, i) == 0 && factor) {
      codec.decode_us[cluster.machines[i].name] = here * *factor;
    }
  }
}

Status add_codecs(const InitCommand& command, Cluster& cluster, Context& context) {
  std::vector<cluster::InputCodec> codecs;
  if (!command.data.empty()) {
    TESSERA_TRY(codecs, measure_image_codecs(command.data, context.monitor()));
  }
  if (!command.model.empty()) {
    TESSERA_TRY(auto model, context.open_model(command.model));
    TESSERA_CHECK(network::give_extents(model, command.loading));
    network::assume_extents(model, {});
    TESSERA_TRY(auto pixels, measure_pixel_codecs(model, context.monitor()));
    std::move(pixels.begin(), pixels.end(), std::back_inserter(codecs));
  }
  for (auto& codec : codecs) {
    stretch(cluster, codec);
    cluster.codecs.push_back(std::move(codec));
  }
  return {};
}

Status run_init(const InitCommand& command, Context& context) {
  TESSERA_CHECK(Context::check_output(command.output, command.overwrite, {".json"}));
  Cluster cluster;
  TESSERA_CHECK(add_machines(command, cluster));
  TESSERA_CHECK(add_links(command, cluster));
  cluster.inputs_from =
      command.inputs_from.empty() ? cluster.machines.front().name : command.inputs_from;
  cluster.outputs_to = command.outputs_to.empty() ? cluster.inputs_from : command.outputs_to;
  TESSERA_CHECK(validate(cluster));
  TESSERA_CHECK(add_codecs(command, cluster, context));
  TESSERA_CHECK(validate(cluster));
  const auto envelope = context.envelope("cluster");
  const auto json = to_json(cluster);
  TESSERA_CHECK(context.write(command.output, envelope, json, command.overwrite));
  context.answer(
      envelope, json,
      report::cluster_text(cluster, context.page()) +
          fmt::format("\nwritten to {}; what else may stand there (power, memory, energy "
                      "of links, pins): docs/cluster.md\nnext: tessera cluster check {}\n",
                      command.output, command.output));
  return {};
}

// check

struct CheckCommand {
  std::string file;
  std::string model;
  LoadOptions loading;
};

/// What is known of a machine's times.
struct MachineProfile {
  std::string machine;
  std::string of;  ///< the machine whose profile it is
  std::string file;
  std::optional<ModelInfo> model;
  std::set<std::string> precisions;  ///< that were measured
  std::vector<std::string> planned;  ///< as plans name them
  std::size_t layers = 0;
};

Result<MachineProfile> profile_of(const Cluster& cluster, std::size_t i, Context& context) {
  const auto& base = cluster.machines[profiled(cluster, i)];
  MachineProfile found{.machine = cluster.machines[i].name, .of = base.name, .file = base.profile};
  if (found.file.empty()) {
    return found;
  }
  TESSERA_TRY(
      const auto stored,
      profile::read_profile(found.file).map_error(in_file(fmt::format("machine '{}'", base.name))));
  found.model = stored.model;
  found.layers = stored.profile.layers.size();
  for (const auto& layer : stored.profile.layers) {
    for (const auto& [precision, cost] : layer.precisions) {
      found.precisions.insert(precision);
    }
  }
  found.planned = placement::precisions_of(stored.profile);
  if (stored.profile.interrupted) {  // without a model, which is what names them
    found.planned.insert(found.planned.end(), found.precisions.begin(), found.precisions.end());
  }
  if (stored.profile.interrupted && found.machine == found.of) {
    context.monitor().warn({"interrupted-profile",
                            fmt::format("the profile of '{}' was interrupted", base.name),
                            "go on with it: tessera profile ... --resume"});
  }
  return found;
}

/// As a planner refuses them.
Status check_precisions(const Cluster& cluster, const std::vector<MachineProfile>& profiles) {
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (!profiles[i].file.empty()) {
      const auto& known = profiles[i].planned;
      TESSERA_CHECK(placement::check_precisions(cluster.machines[i], known));
    }
  }
  return {};
}

void warn_of_machines(const Cluster& cluster, const std::vector<MachineProfile>& profiles,
                      Monitor& monitor) {
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (profiles[i].file.empty() && profiles[i].machine == profiles[i].of) {
      monitor.warn({"no-profile", fmt::format("nothing says how fast '{}' is", profiles[i].machine),
                    "measure it there: tessera profile MODEL --data D -o P.json; write its name "
                    "into 'profile', or give it with the plan"});
    }
  }
  for (const auto& name : unreachable(cluster)) {
    monitor.warn({"unreachable-machine",
                  fmt::format("no way leads to '{}' and back: no plan makes use of it", name),
                  "give links, one for each direction"});
  }
}

/// Where energy is told of some machines, it cannot be summed without the others.
void warn_of_power(const Cluster& cluster, Monitor& monitor) {
  const auto far = unreachable(cluster);
  std::vector<std::string> unknown;
  bool any = false;
  for (const auto& machine : cluster.machines) {
    any = any || machine.busy_watts;
    if (!machine.busy_watts && std::find(far.begin(), far.end(), machine.name) == far.end()) {
      unknown.push_back(machine.name);
    }
  }
  if (any && !unknown.empty()) {
    monitor.warn({"unknown-power",
                  fmt::format("what {} draws is not known, and no plan's energy with it",
                              fmt::join(unknown, ", ")),
                  "give busy_watts: 0 for a machine whose energy does not count"});
  }
}

/// Machines whose profiles are of another model than this one; without one, than the first.
std::vector<std::string> of_other_models(const std::vector<MachineProfile>& profiles,
                                         std::string sha256) {
  std::vector<std::string> other;
  for (const auto& known : profiles) {
    if (!known.model || known.machine != known.of) {
      continue;
    }
    if (sha256.empty()) {
      sha256 = known.model->sha256;
    }
    if (known.model->sha256 != sha256) {
      other.push_back(known.machine);
    }
  }
  return other;
}

Json check_json(const Cluster& cluster, const std::vector<MachineProfile>& profiles,
                const std::vector<std::string>& other) {
  const auto word = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  auto machines = Json::array();
  for (const auto& known : profiles) {
    machines.push_back({{"name", known.machine},
                        {"profile_of", known.of},
                        {"profile", word(known.file)},
                        {"model", known.model ? Json(known.model->path) : Json()},
                        {"model_sha256", known.model ? Json(known.model->sha256) : Json()},
                        {"layers", known.layers},
                        {"precisions", Json(known.precisions)}});
  }
  return {{"machines", std::move(machines)},
          {"links", cluster.links.size()},
          {"codecs", cluster.codecs.size()},
          {"unreachable", Json(unreachable(cluster))},
          {"other_models", Json(other)}};
}

std::string check_text(const Cluster& cluster, const std::vector<MachineProfile>& profiles,
                       report::Page page) {
  report::Table table({{"machine", report::Align::kLeft, true},
                       {"profile", report::Align::kLeft, true},
                       {"layers"},
                       {"precisions", report::Align::kLeft, false, 0, true},
                       {"of model", report::Align::kLeft, true}});
  for (const auto& known : profiles) {
    table.add_row({known.machine,
                   known.file.empty()          ? "-"
                   : known.machine == known.of ? known.file
                                               : known.of + "'s, scaled",
                   known.file.empty() ? "-" : std::to_string(known.layers),
                   fmt::format("{}", fmt::join(known.precisions, " ")),
                   known.model ? known.model->path : ""});
  }
  return table.text(page) + fmt::format("\nin order: machines {}, links {}, forms of inputs {}\n",
                                        cluster.machines.size(), cluster.links.size(),
                                        cluster.codecs.size());
}

Status run_check(const CheckCommand& command, Context& context) {
  TESSERA_CHECK(expect_kind(command.file, "cluster"));
  TESSERA_TRY(const auto cluster, cluster::read_cluster(command.file));
  std::vector<MachineProfile> profiles;
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    TESSERA_TRY(auto known, profile_of(cluster, i, context));
    profiles.push_back(std::move(known));
  }
  TESSERA_CHECK(check_precisions(cluster, profiles));
  std::string sha256;
  if (!command.model.empty()) {
    TESSERA_TRY(auto model, context.open_model(command.model));
    TESSERA_CHECK(network::give_extents(model, command.loading));
    TESSERA_CHECK(check_against(cluster, model));
    TESSERA_TRY(const auto info, model.info());
    sha256 = info.sha256;
  }
  warn_of_machines(cluster, profiles, context.monitor());
  warn_of_power(cluster, context.monitor());
  const auto other = of_other_models(profiles, sha256);
  context.answer(context.envelope("cluster-check"), check_json(cluster, profiles, other),
                 check_text(cluster, profiles, context.page()));
  if (!other.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "the profile of {} is of another model than {}",
                fmt::join(other, ", "),
                sha256.empty() ? "that of the machines before" : "'" + command.model + "'")
        .hint("profile one and the same file on every machine");
  }
  return {};
}

// show

Status run_show(const std::string& file, Context& context) {
  TESSERA_CHECK(expect_kind(file, "cluster"));
  TESSERA_TRY(const auto cluster, cluster::read_cluster(file));
  context.answer(context.envelope("cluster-show"), report::cluster_figures(cluster),
                 report::cluster_text(cluster, context.page()));
  return {};
}

void add_init_command(CLI::App& parent, Context& context) {
  auto options = std::make_shared<InitCommand>();
  auto* command = parent.add_subcommand(
      "init", "Write a file of machines and links to start from: this machine, and what is stated");
  command
      ->add_option("--machine", options->machines,
                   "a machine, with its profile; the first is this one: its cores and memory are "
                   "filled in; repeatable")
      ->type_name("NAME[=PROFILE.json]")
      ->allow_extra_args(false);
  command
      ->add_option("--scale", options->scales,
                   "a machine that takes FACTOR times as long as another one; repeatable")
      ->type_name("NAME=OF*FACTOR")
      ->allow_extra_args(false);
  command
      ->add_option("--link", options->links,
                   "a link with its rate and latency, in both directions, or with A>B in one; "
                   "repeatable")
      ->type_name("A-B=10MB/s,2ms")
      ->allow_extra_args(false);
  command
      ->add_option("--inputs-from", options->inputs_from,
                   "the machine where inputs are; the first one without it")
      ->type_name("NAME");
  command
      ->add_option("--outputs-to", options->outputs_to,
                   "the machine where outputs are wanted; where inputs are without it")
      ->type_name("NAME");
  command
      ->add_option("--data", options->data,
                   "folder of samples: what their JPEG and PNG files take on a link and to decode "
                   "is measured")
      ->type_name("DIR");
  command
      ->add_option("--model", options->model,
                   "also what the pixels of its inputs take, 8 bits each")
      ->type_name("MODEL");
  add_load_options(*command, options->loading);
  add_output_options(*command, options->output, options->overwrite, true);
  add_common_options(
      *command, context,
      "tessera cluster init --machine edge=edge.json --scale 'device=edge*4' --link "
      "device-edge=20MB/s,3ms --inputs-from device -o cluster.json\n"
      "  tessera cluster init --machine box=p.json --data images/ --model model.onnx "
      "-o cluster.json");
  command->callback([options, &context] {
    context.action = [options, &context] { return run_init(*options, context); };
  });
}

void add_check_command(CLI::App& parent, Context& context) {
  auto options = std::make_shared<CheckCommand>();
  auto* command = parent.add_subcommand(
      "check", "Say whether a file of machines and links is in order, with the profiles it names");
  command->add_option("cluster", options->file, "of machines and links")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--model", options->model,
                   "also whether profiles are of this model, and patterns match its operators")
      ->type_name("MODEL");
  add_load_options(*command, options->loading);
  add_common_options(*command, context, "tessera cluster check cluster.json --model model.onnx");
  command->callback([options, &context] {
    context.action = [options, &context] { return run_check(*options, context); };
  });
}

void add_show_command(CLI::App& parent, Context& context) {
  auto file = std::make_shared<std::string>();
  auto* command = parent.add_subcommand(
      "show", "Machines, and what each link takes in time and energy for transfers of some sizes");
  command->add_option("cluster", *file, "of machines and links")->type_name("FILE")->required();
  add_common_options(*command, context, "tessera cluster show cluster.json");
  command->callback(
      [file, &context] { context.action = [file, &context] { return run_show(*file, context); }; });
}

}  // namespace

void add_cluster_command(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "cluster", "The machines that a network may run on: written, checked, shown");
  command->require_subcommand(1);
  command->footer(
      "Example:\n  tessera cluster init --machine edge=edge.json --scale 'device=edge*4' --link "
      "device-edge=20MB/s,3ms -o cluster.json\n  tessera cluster check cluster.json");
  add_init_command(*command, context);
  add_check_command(*command, context);
  add_show_command(*command, context);
}

}  // namespace tessera::cli
