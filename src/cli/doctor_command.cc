// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <link.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "cli/context.h"
#include "cli/doctor_litert.h"
#include "tessera/core/affinity.h"
#include "tessera/core/energy.h"
#include "tessera/core/host.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/network/micro.h"
#include "tessera/quantize/scheme.h"
#include "tessera/report/format.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

/// A library this program is linked with, as the loader found it.
struct LoadedLibrary {
  std::string name;     ///< "libprotobuf"
  std::string version;  ///< from the file's name, "32.0.12"
  std::string path;
};

/// Something to see to.
struct Finding {
  bool serious = false;  ///< the program cannot do its work
  std::string what;
  std::string remedy;
};

/// A small network that was run on the provider that was asked for.
struct Probe {
  std::string name;
  std::string ran_on;  ///< short names of the providers whose kernels ran
  std::string error;   ///< why it did not run; empty if it did
};

struct Report {
  Host host;
  std::vector<LoadedLibrary> libraries;
  std::shared_ptr<const runtime::Library> runtime;
  std::string runtime_error;
  std::vector<runtime::PluginProvider> plugins;
  std::vector<Probe> probes;
  LitertReport litert;
  std::vector<int> cpus;
  std::vector<NumaNode> nodes;
  std::string energy;  ///< the counters that can be read, or why there are none
  bool energy_readable = false;
  std::vector<Finding> findings;
};

/// Libraries whose version can matter to a result or to a defect report.
bool is_of_interest(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {"libfmt",  "libprotobuf",  "libonnx_proto",
                                                      "libonnx", "libturbojpeg", "libpng16",
                                                      "libz",    "libhwy",       "libcrypto"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

LoadedLibrary describe_library(const char* path) {
  std::error_code error;
  const auto real = fs::canonical(path, error);
  const auto file = (error ? fs::path(path) : real).filename().string();
  const auto dot = file.find(".so");
  LoadedLibrary library{file.substr(0, dot), {}, path};
  if (dot != std::string::npos && dot + 4 < file.size()) {
    library.version = file.substr(dot + 4);
  }
  // Some name the version before the suffix: libonnx_proto-1.12.so.
  const auto dash = library.name.find('-');
  if (dash != std::string::npos) {
    library.version = library.name.substr(dash + 1);
    library.name.resize(dash);
  }
  return library;
}

std::vector<LoadedLibrary> loaded_libraries() {
  std::vector<LoadedLibrary> libraries;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* opaque) {
        auto library = describe_library(info->dlpi_name);
        if (is_of_interest(library.name)) {
          static_cast<std::vector<LoadedLibrary>*>(opaque)->push_back(std::move(library));
        }
        return 0;
      },
      &libraries);
  std::sort(libraries.begin(), libraries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return libraries;
}

void check_machine(Report& report) {
  constexpr double kLittleMemory = 2e9;
  constexpr std::uintmax_t kLittleSpace = std::uintmax_t{1} << 30;
  if (static_cast<double>(report.host.memory_bytes) < kLittleMemory) {
    report.findings.push_back({false,
                               fmt::format("only {} of memory", report::bytes(static_cast<double>(
                                                                    report.host.memory_bytes))),
                               "large models may not fit; use a machine with more"});
  }
  std::error_code error;
  const auto folder = fs::temp_directory_path(error);
  const auto space = error ? fs::space_info{} : fs::space(folder, error);
  if (error || ::access(folder.c_str(), W_OK) != 0) {
    report.findings.push_back({true, "no folder for temporary files", "set TMPDIR to one"});
  } else if (space.available < kLittleSpace) {
    report.findings.push_back(
        {false,
         fmt::format("only {} free in {}", report::bytes(static_cast<double>(space.available)),
                     folder.string()),
         "free some, or set TMPDIR"});
  }
  if (report.host.isa.empty()) {
    report.findings.push_back({false, "the instruction set is unknown (no /proc/cpuinfo)",
                               "types are chosen as for a machine without dot products"});
  }
}

void check_energy(Report& report) {
  const auto meter = EnergyMeter::open();
  report.energy_readable = meter.has_value();
  if (!meter) {
    report.energy = meter.error().message;
    if (meter.error().code == ErrorCode::kPermissionDenied) {
      report.findings.push_back({false, meter.error().message, meter.error().hint});
    }
    return;
  }
  report.energy = "powercap:";
  for (const auto& domain : meter->domains()) {
    report.energy += " " + domain.name;
  }
}

std::string node_text(const NumaNode& node) {
  return fmt::format("node {}: processors {}, {}", node.id, cpu_list_text(node.cpus),
                     report::bytes(static_cast<double>(node.memory_bytes)));
}

Result<std::string> providers_of(const network::Micro& micro,
                                 std::shared_ptr<const runtime::Library> library,
                                 runtime::SessionOptions session) {
  session.profile = true;
  TESSERA_TRY(auto opened, micro.network.open(std::move(library), session));
  const std::array<runtime::Feed, 1> feeds = {{{micro.input, micro.values.view()}}};
  TESSERA_CHECK(opened.run(feeds).map([](const auto&) {}));
  TESSERA_TRY(const auto kernels, opened.end_profile());
  std::set<std::string> names;
  for (const auto& kernel : kernels) {
    names.insert(runtime::short_provider_name(kernel.provider));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// That a provider is there says little: it may take no operator, or fail at the first.
void probe(const RunOptions& options, Context& context, Report& report) {
  const auto session = context.session_options(options);
  if (!session) {
    report.findings.push_back({true, session.error().message, session.error().hint});
    return;
  }
  for (const bool integer : {false, true}) {
    for (const auto& micro : {network::matrix_product(network::FileFormat::kOnnx, integer),
                              network::convolution(network::FileFormat::kOnnx, integer)}) {
      if (!micro) {
        continue;
      }
      const auto ran = providers_of(*micro, report.runtime, *session);
      report.probes.push_back({fmt::format("{} in {}", micro->name, integer ? "int8" : "float32"),
                               ran.value_or(std::string()),
                               ran ? std::string() : ran.error().message});
      if (!ran && !integer) {
        report.findings.push_back(
            {true,
             fmt::format("provider '{}' does not run: {}", options.provider, ran.error().message),
             "use another --provider, or see what it needs: docs/providers.md"});
      }
    }
  }
}

/// Only models that were made with --kernels need them.
void probe_kernels(const RunOptions& options, Context& context, Report& report) {
  const auto session = context.session_options(options);
  if (!session) {
    return;  // probe() says why
  }
  const auto micro = network::lookup_of_kernels();
  const auto ran = providers_of(micro, report.runtime, *session);
  report.probes.push_back(
      {micro.name, ran.value_or(std::string()), ran ? std::string() : ran.error().message});
  if (!ran) {
    report.findings.push_back({false, "models made with --kernels tessera cannot be run here",
                               ran.error().hint.empty() ? ran.error().message : ran.error().hint});
  }
}

/// Only .tflite models need it, so that its absence is worth a note, unless it was asked for.
void check_litert(const std::string& path, Report& report) {
  report.litert = examine_litert(path);
  if (report.litert.library == nullptr) {
    report.findings.push_back({!path.empty(),
                               path.empty() ? ".tflite models cannot be run: there is no LiteRT"
                                            : report.litert.problem.message,
                               report.litert.problem.hint});
    return;
  }
  for (const auto& skill : wrong_skills(report.litert)) {
    report.findings.push_back({false, fmt::format("LiteRT computes wrong values in {}", skill),
                               "do not quantize .tflite models so, or take a newer LiteRT"});
  }
}

Report examine(const RunOptions& options, Context& context) {
  Report report;
  report.host = describe_host();
  report.libraries = loaded_libraries();
  report.cpus = usable_cpus();
  report.nodes = numa_nodes();
  check_energy(report);
  auto plain = options;
  plain.provider = RunOptions().provider;
  std::string litert;
  if (runtime::names_litert(options.runtime)) {
    litert = std::exchange(plain.runtime, {});
  }
  auto library = context.library(plain);
  if (library) {
    report.runtime = *library;
    report.plugins = runtime::find_plugins(**library);
    auto probed = options;
    probed.runtime = plain.runtime;
    probe(probed, context, report);
    probe_kernels(probed, context, report);
  } else {
    report.runtime_error = library.error().message;
    report.findings.push_back({true, library.error().message, library.error().hint});
  }
  check_litert(litert, report);
  check_machine(report);
  return report;
}

bool has_provider(const Report& report, std::string_view name) {
  if (report.runtime == nullptr) {
    return false;
  }
  const auto& providers = report.runtime->providers();
  return std::any_of(providers.begin(), providers.end(), [&](const std::string& provider) {
    return runtime::short_provider_name(provider) == name;
  });
}

Json to_json(const Report& report) {
  auto libraries = Json::array();
  for (const auto& library : report.libraries) {
    libraries.push_back(
        {{"name", library.name}, {"version", library.version}, {"path", library.path}});
  }
  auto nodes = Json::array();
  for (const auto& node : report.nodes) {
    nodes.push_back(
        {{"id", node.id}, {"cpus", cpu_list_text(node.cpus)}, {"memory_bytes", node.memory_bytes}});
  }
  auto absent = Json::array();
  for (const auto& [name, how, beside] : runtime::known_providers()) {
    if (!has_provider(report, name)) {
      absent.push_back({{"name", name}, {"needs", how}});
    }
  }
  auto findings = Json::array();
  for (const auto& finding : report.findings) {
    findings.push_back(
        {{"serious", finding.serious}, {"what", finding.what}, {"remedy", finding.remedy}});
  }
  auto plugins = Json::array();
  for (const auto& plugin : report.plugins) {
    plugins.push_back({{"name", plugin.name},
                       {"device", plugin.device},
                       {"vendor", plugin.vendor},
                       {"path", plugin.file.string()}});
  }
  Json runtime;
  if (report.runtime != nullptr) {
    runtime = {{"name", "onnxruntime"},
               {"version", report.runtime->version()},
               {"path", report.runtime->path().string()},
               {"providers", report.runtime->providers()},
               {"plugins", plugins}};
  }
  auto probes = Json::array();
  for (const auto& probe : report.probes) {
    probes.push_back({{"name", probe.name},
                      {"ran_on", probe.error.empty() ? Json(probe.ran_on) : Json()},
                      {"error", probe.error.empty() ? Json() : Json(probe.error)}});
  }
  const auto listed = [](const std::vector<fs::path>& paths) {
    auto places = Json::array();
    for (const auto& path : paths) {
      places.push_back(path.string());
    }
    return places;
  };
  return {{"host",
           {{"cpu", report.host.cpu},
            {"architecture", report.host.architecture},
            {"isa", report.host.isa},
            {"logical_cpus", report.host.logical_cpus},
            {"cpus", cpu_list_text(report.cpus)},
            {"numa_nodes", nodes},
            {"memory_bytes", report.host.memory_bytes},
            {"int8_dot_product", report.host.has_int8_dot_product()},
            {"explanation", evaluate::explain_isa(report.host)},
            {"default_scheme", to_string(quantize::scheme_for(report.host))}}},
          {"libraries", libraries},
          {"runtime", runtime},
          {"searched", listed(runtime::Library::search_places())},
          {"litert", to_json(report.litert)},
          {"litert_searched", listed(runtime::litert_search_places())},
          {"absent_providers", absent},
          {"probes", probes},
          {"energy", {{"readable", report.energy_readable}, {"what", report.energy}}},
          {"findings", findings}};
}

std::string to_text(const Report& report) {
  std::string isa;
  for (const auto& extension : report.host.isa) {
    isa += (isa.empty() ? "" : " ") + extension;
  }
  auto text = fmt::format("tessera    {} ({})\n", version(), commit());
  text += fmt::format("cpu        {}, {} usable ({}), {} of memory\n", report.host.cpu,
                      report.host.logical_cpus, cpu_list_text(report.cpus),
                      report::bytes(static_cast<double>(report.host.memory_bytes)));
  for (const auto& node : report.nodes) {
    text += fmt::format("numa       {}\n", node_text(node));
  }
  text += fmt::format("energy     {}\n", report.energy);
  text += fmt::format("isa        {}: {}\n", report.host.architecture, isa);
  text += fmt::format("meaning    {}\n", evaluate::explain_isa(report.host));
  text += fmt::format("default    {}\n", to_string(quantize::scheme_for(report.host)));
  for (const auto& library : report.libraries) {
    text += fmt::format("library    {} {}\n", library.name, library.version);
  }
  if (report.runtime != nullptr) {
    text += fmt::format("runtime    onnxruntime {} at {}\n", report.runtime->version(),
                        report.runtime->path().string());
    for (const auto& provider : report.runtime->providers()) {
      text += fmt::format("provider   {}\n", runtime::short_provider_name(provider));
    }
    for (const auto& plugin : report.plugins) {
      text += fmt::format("plugin     {} on {} ({}), in {}\n", plugin.name, plugin.device,
                          plugin.vendor, plugin.file.parent_path().string());
    }
  }
  for (const auto& probe : report.probes) {
    text += fmt::format("probe      {}: {}\n", probe.name,
                        probe.error.empty() ? "ran on " + probe.ran_on : probe.error);
  }
  text += to_text(report.litert);
  text += "\nproviders ONNX Runtime lacks here, and how to have them (then --runtime FOLDER):\n";
  for (const auto& [name, how, beside] : runtime::known_providers()) {
    if (!has_provider(report, name)) {
      text += fmt::format("  {:<10} {}\n", name, how);
    }
  }
  if (report.findings.empty()) {
    return text + "\neverything that is needed is there\n";
  }
  text += "\nto see to:\n";
  for (const auto& finding : report.findings) {
    text += fmt::format("  {}: {}\n    {}\n", finding.serious ? "serious" : "note", finding.what,
                        finding.remedy);
  }
  return text;
}

Status run(const RunOptions& options, Context& context) {
  const auto report = examine(options, context);
  context.answer(context.envelope("doctor"), to_json(report), to_text(report));
  for (const auto& finding : report.findings) {
    if (finding.serious) {
      return fail(ErrorCode::kUnavailable, "tessera cannot work on this machine as it is")
          .hint("{}", finding.remedy);
    }
  }
  return {};
}

}  // namespace

void add_doctor_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand(
      "doctor", "Say what this machine has and lacks: CPU, libraries, runtime, providers");
  command
      ->add_option("--runtime", options->runtime,
                   "inference library to look at (file or folder) instead of the one found")
      ->type_name("PATH");
  command
      ->add_option("--provider", options->provider,
                   "execution provider to try by small networks, as of tessera bench")
      ->type_name("NAME[:KEY=VALUE]")
      ->capture_default_str();
  add_common_options(*command, context, "tessera doctor --json");
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
