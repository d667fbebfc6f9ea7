// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "tessera/cluster/cluster.h"
#include "tessera/cluster/fields.h"
#include "tessera/core/names.h"
#include "tessera/core/record.h"

namespace tessera::cluster {
namespace {

/// A list or map, left out where it is empty.
template <auto member>
constexpr auto filled(std::string_view name, std::string_view says) {
  using Record = RecordOf<member>;
  auto made = field<member>(name, says);
  made.value = [](const Record& record) {
    return (record.*member).empty() ? Json() : as_json(record.*member);
  };
  return made.if_any();
}

int cores_from(const Json& json) {
  const auto cores = integer_from(json);
  if (cores < 1 || cores > std::numeric_limits<int>::max()) {
    refuse_value(json, fmt::format("{} is no number of cores", cores));
  }
  return static_cast<int>(cores);
}

}  // namespace

Fields<Scaling> fields_of(const Scaling*) {
  static constexpr std::array kFields = {
      field<&Scaling::of>("of", "the machine whose times are stretched"),
      field<&Scaling::factors>("factors",
                               "by precision: how often as long this machine takes; * is for all "
                               "that are not named"),
      field<&Scaling::source>("source", "where the factors come from, in words").if_any()};
  return kFields;
}

Fields<Machine> fields_of(const Machine*) {
  static constexpr std::array kFields = {
      field<&Machine::name>("name", "letters, digits, -, _ and ."),
      field<&Machine::profile>("profile",
                               "file of a tessera.profile document, as seen from this file; "
                               "missing: a scaling, or one that is given on the command line")
          .if_any(),
      field<&Machine::scaling>("scaling", "times of another machine, stretched").if_any(),
      field<&Machine::memory_bytes>("memory_bytes", "for weights and activations of the network")
          .if_any(),
      field<&Machine::busy_watts>("busy_watts", "while it computes; missing: unknown").if_any(),
      field<&Machine::power_source>("power_source", "where that figure comes from, in words")
          .if_any(),
      Field<Machine>{"cores", "that compute",
                     [](const Machine& machine) { return Json(machine.cores); },
                     [](Machine& machine, const Json& json) { machine.cores = cores_from(json); }}
          .later(),
      filled<&Machine::precisions>("precisions",
                                   "that it may compute in; missing: all of its profile"),
      filled<&Machine::only>("only", "patterns of operators it may run; missing: all"),
      filled<&Machine::except>("except", "patterns of operators it may not run"),
      field<&Machine::part_overhead_us>("part_overhead_us",
                                        "what a call of a part takes besides its operators")
          .later(),
      Field<Machine>{
          "speed", "how often as fast as its profile or scaling says; missing: 1",
          [](const Machine& machine) { return machine.speed == 1 ? Json() : Json(machine.speed); },
          [](Machine& machine, const Json& json) { read_value(machine.speed, json); }}
          .if_any()};
  return kFields;
}

Fields<GoodputPoint> fields_of(const GoodputPoint*) {
  static constexpr std::array kFields = {
      field<&GoodputPoint::bytes>("bytes", "of one transfer"),
      field<&GoodputPoint::us>("us", "to move them, without the latency")};
  return kFields;
}

Fields<Radio> fields_of(const Radio*) {
  static constexpr std::array kFields = {
      field<&Radio::alpha_mw_per_mbps>("alpha_mw_per_mbps", "milliwatts per Mbit/s"),
      field<&Radio::beta_mw>("beta_mw", "milliwatts at any throughput")};
  return kFields;
}

Fields<Link> fields_of(const Link*) {
  static constexpr std::array kFields = {
      field<&Link::from>("from", "the machine that sends"),
      field<&Link::to>("to", "the machine that receives"),
      field<&Link::latency_us>("latency_us", "one way, besides what the bytes take").later(),
      field<&Link::bandwidth_bytes_per_s>("bandwidth_bytes_per_s", "where no curve was measured")
          .if_any(),
      filled<&Link::goodput>("goodput",
                             "measured times by size, ascending; straight lines in between, the "
                             "last one's rate beyond it"),
      field<&Link::radio>("radio", "power of the sender by its throughput").if_any(),
      field<&Link::sender_joules_per_byte>("sender_joules_per_byte", "instead of a radio").if_any(),
      field<&Link::receiver_joules_per_byte>("receiver_joules_per_byte", "missing: unknown")
          .if_any(),
      field<&Link::medium>("medium", "links of one medium take turns").if_any(),
      field<&Link::source>("source", "where the figures come from, in words").if_any()};
  return kFields;
}

Fields<InputCodec> fields_of(const InputCodec*) {
  static constexpr std::array kFields = {
      field<&InputCodec::name>("name", "jpeg, png, u8"),
      field<&InputCodec::input>("input", "of the network; missing: the only one").if_any(),
      field<&InputCodec::bytes>("bytes", "of one sample, median"),
      field<&InputCodec::encode_us>("encode_us", "on the sender; 0: samples come so").later(),
      filled<&InputCodec::decode_us>("decode_us", "by machine; * is for all that are not named"),
      field<&InputCodec::sqnr_db>(
          "sqnr_db", "of what arrives against what was there; missing: nothing is lost")
          .if_any()};
  return kFields;
}

Fields<Pin> fields_of(const Pin*) {
  static constexpr std::array kFields = {
      field<&Pin::match>("match", "patterns of operators, as those of recipes"),
      field<&Pin::machine>("machine", "where they have to run")};
  return kFields;
}

Fields<Cluster> fields_of(const Cluster*) {
  static constexpr std::array kFields = {
      field<&Cluster::machines>("machines", "that operators may run on"),
      field<&Cluster::links>("links", "from one machine to another, one direction each").later(),
      field<&Cluster::wires>("wires", "types that values may have on links").later(),
      filled<&Cluster::codecs>("codecs", "forms in which inputs may be sent, measured"),
      field<&Cluster::inputs_from>("inputs_from", "the machine where inputs are").later(),
      field<&Cluster::outputs_to>("outputs_to", "the machine where outputs are wanted").later(),
      field<&Cluster::raw_input_stays>("raw_input_stays",
                                       "inputs must not leave their machine as they are")
          .later(),
      filled<&Cluster::pins>("pins", "operators that have to run somewhere")};
  return kFields;
}

namespace {

/// The library's words without its number: "type must be number, but is string".
std::string reason(const Json::exception& problem) {
  const std::string_view text = problem.what();
  // Of lists and maps it tells how it reads them.
  constexpr std::string_view kActual = "actual type is ";
  if (const auto at = text.find(kActual); at != std::string_view::npos) {
    const auto found = text.substr(at + kActual.size());
    return fmt::format("{} was expected, not {}",
                       found == "object" ? "a list" : "a list or an object",
                       found == "object" || found == "array" ? fmt::format("an {}", found)
                                                             : fmt::format("a {}", found));
  }
  const auto end = text.find("] ");
  return std::string(end == std::string_view::npos ? text : text.substr(end + 2));
}

Status not_so(const std::string& where, const std::string& why) {
  return fail(ErrorCode::kDataLoss, "{}: {}", where, why)
      .hint("docs/cluster.md explains the file; `tessera cluster init` writes one to start from");
}

/// An object with members of `Record` alone, of their types, and all that have to be there.
template <class Record>
Status check_record(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    return not_so(where, "an object was expected");
  }
  Record scratch;
  std::vector<std::string_view> known;
  for (const auto& member : fields_of(&scratch)) {
    known.push_back(member.name);
  }
  for (const auto& [key, value] : json.items()) {
    TESSERA_CHECK(check_key(key, known, where));
  }
  for (const auto& member : fields_of(&scratch)) {
    try {
      const auto* found = find_field(json, member.name, member.presence);
      if (found != nullptr) {
        member.read(scratch, *found);
      }
    } catch (const Json::exception& problem) {
      return json.contains(std::string(member.name))
                 ? not_so(fmt::format("{}: {}", where, member.name), reason(problem))
                 : not_so(where, fmt::format("'{}' is missing", member.name));
    }
  }
  return {};
}

/// Every item of a list that may be missing.
template <class Check>
Status each_of(const Json& json, const char* key, const std::string& where, Check check) {
  const auto list = json.is_object() ? json.find(key) : json.end();
  if (!json.is_object() || list == json.end() || !list->is_array()) {
    return {};  // told of the record that has it
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    TESSERA_CHECK(check((*list)[i], fmt::format("{}{}[{}]", where, key, i)));
  }
  return {};
}

/// A record within another one that may be missing.
template <class Record>
Status within(const Json& json, const char* key, const std::string& where) {
  if (!json.is_object() || !json.contains(key) || json.at(key).is_null()) {
    return {};
  }
  return check_record<Record>(json.at(key), fmt::format("{}.{}", where, key));
}

Status check_machine(const Json& json, const std::string& where) {
  TESSERA_CHECK(within<Scaling>(json, "scaling", where));
  return check_record<Machine>(json, where);
}

Status check_link(const Json& json, const std::string& where) {
  TESSERA_CHECK(within<Radio>(json, "radio", where));
  TESSERA_CHECK(each_of(json, "goodput", where + ".", check_record<GoodputPoint>));
  return check_record<Link>(json, where);
}

/// Innermost first, so that an error says the place of what is wrong.
Status check_cluster(const Json& json) {
  TESSERA_CHECK(each_of(json, "machines", "", check_machine));
  TESSERA_CHECK(each_of(json, "links", "", check_link));
  TESSERA_CHECK(each_of(json, "codecs", "", check_record<InputCodec>));
  TESSERA_CHECK(each_of(json, "pins", "", check_record<Pin>));
  return check_record<Cluster>(json, "the cluster");
}

/// What is wrong with a file is not what is wrong with the command that reads it.
Error of_file(Error error) {
  if (error.code == ErrorCode::kInvalidArgument) {
    error.code = ErrorCode::kDataLoss;
  }
  return error;
}

void complete(Cluster& cluster) {
  if (cluster.inputs_from.empty() && cluster.machines.size() == 1) {
    cluster.inputs_from = cluster.machines.front().name;
  }
  if (cluster.outputs_to.empty()) {
    cluster.outputs_to = cluster.inputs_from;
  }
}

}  // namespace

Json to_json(const Cluster& cluster) {
  return as_json(cluster);
}

Result<Cluster> cluster_from_json(const Json& json) {
  auto bare = json;
  if (json.is_object() && json.contains("schema")) {
    TESSERA_TRY(bare, open_envelope(json, "cluster", "the file").map_error([](Error error) {
      error.hint = "make one: tessera cluster init -o CLUSTER.json";
      return error;
    }));
  }
  TESSERA_CHECK(check_cluster(bare).map_error(of_file));
  try {
    Cluster cluster;
    read_value(cluster, bare);
    complete(cluster);
    return cluster;
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the cluster is damaged: {}", reason(problem))
        .hint("docs/cluster.md explains the file");
  }
}

Result<Cluster> read_cluster(const std::filesystem::path& path) {
  TESSERA_TRY(const auto json, read_json(path));
  TESSERA_TRY(auto cluster, cluster_from_json(json).map_error(in_file(path.string())));
  TESSERA_CHECK(validate(cluster).map_error(of_file).map_error(in_file(path.string())));
  for (auto& machine : cluster.machines) {
    if (!machine.profile.empty()) {
      machine.profile = (path.parent_path() / machine.profile).lexically_normal().string();
    }
  }
  return cluster;
}

}  // namespace tessera::cluster
