// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

/// The machines that a network may run on, and what lies between them.
namespace tessera::cluster {

/// Times of a machine as those of another, stretched.
struct Scaling {
  std::string of;  ///< a machine that has a profile
  /// By precision as profiles name them ("fp32", "int8", ...): how often as long this machine takes
  /// (4: four times). "*" is for all that are not named.
  std::map<std::string, double> factors;
  std::string source;  ///< where the factors come from, in words
};

struct Machine {
  std::string name;
  /// A tessera.profile document, as seen from the cluster file. Empty: a scaling, or one that is
  /// given on the command line.
  std::string profile;
  std::optional<Scaling> scaling;
  std::optional<std::int64_t> memory_bytes;  ///< for weights and activations of the network
  std::optional<double> busy_watts;          ///< while it computes; absent: unknown
  std::string power_source;                  ///< where that figure comes from, in words
  int cores = 1;
  std::vector<std::string> precisions;  ///< that it may compute in; empty: all of its profile
  std::vector<std::string> only;        ///< patterns of operators it may run; empty: all
  std::vector<std::string> except;      ///< patterns of operators it may not run
  double part_overhead_us = 0;          ///< what a call of a part takes besides its operators
  /// How often as fast as its profile or scaling says (2: half the time), for "what if". Machines
  /// that are scaled from it do not follow.
  double speed = 1;
};

struct GoodputPoint {
  std::int64_t bytes = 0;
  double us = 0;  ///< to move so many bytes, without the link's latency
};

/// Power of a radio as a function of its throughput: alpha x Mbit/s + beta (Huang et al., MobiSys
/// 2012).
struct Radio {
  double alpha_mw_per_mbps = 0;
  double beta_mw = 0;
};

/// One direction from one machine to another.
struct Link {
  std::string from;
  std::string to;
  double latency_us = 0;  ///< one way, besides what the bytes take
  std::optional<double> bandwidth_bytes_per_s;
  /// Measured: ascending in bytes, times do not fall. In between by straight lines, below the first
  /// its time, beyond the last by the last's rate. Takes the place of a bandwidth.
  std::vector<GoodputPoint> goodput;
  std::optional<Radio> radio;                    ///< of the sender
  std::optional<double> sender_joules_per_byte;  ///< one of both; neither: unknown
  std::optional<double> receiver_joules_per_byte;
  std::string medium;  ///< links of one medium take turns; empty: one of its own
  std::string source;  ///< where the figures come from, in words

  [[nodiscard]] std::string name() const { return from + "-" + to; }
  /// Of the medium that it takes turns on.
  [[nodiscard]] std::string medium_name() const { return medium.empty() ? name() : medium; }
  /// What a transfer takes, the latency included. Unknown for a link of no bandwidth.
  [[nodiscard]] std::optional<double> transfer_us(std::int64_t bytes) const;
  /// What it takes both ends in joules; unknown unless the link says something of its energy.
  [[nodiscard]] std::optional<double> transfer_joules(std::int64_t bytes) const;
};

/// A form in which an image may be sent to where the network's input is wanted: measured.
struct InputCodec {
  std::string name;                         ///< "jpeg", "png", "u8"
  std::string input;                        ///< the network's input; empty: the only one
  std::int64_t bytes = 0;                   ///< of one sample, median
  double encode_us = 0;                     ///< on the sender; 0: samples come so
  std::map<std::string, double> decode_us;  ///< by machine, "*" for all that are not named
  /// SQNR of what arrives against what was there; absent: nothing is lost.
  std::optional<double> sqnr_db;
};

/// Operators that have to run somewhere.
struct Pin {
  std::vector<std::string> match;  ///< patterns as those of recipes
  std::string machine;
};

struct Cluster {
  std::vector<Machine> machines;
  std::vector<Link> links;
  /// Types of values on links: "float32", "float16", "int8".
  std::vector<std::string> wires = {"float32", "float16", "int8"};
  std::vector<InputCodec> codecs;
  std::string inputs_from;       ///< the machine where inputs are
  std::string outputs_to;        ///< the machine where outputs are wanted
  bool raw_input_stays = false;  ///< inputs must not leave their machine as they are
  std::vector<Pin> pins;

  [[nodiscard]] std::optional<std::size_t> find(std::string_view machine) const;
  /// The link of one direction; null if there is none.
  [[nodiscard]] const Link* link(std::string_view from, std::string_view to) const;
};

/// The machine whose profile a machine goes by: its own place, or the end of its scalings. Of a
/// valid cluster.
[[nodiscard]] std::size_t profiled(const Cluster& cluster, std::size_t machine);
/// How often as long as in that profile an operator takes there: the factors of all scalings on the
/// way, over the speed. Unknown if one of them says nothing of the precision. Of a valid cluster.
[[nodiscard]] std::optional<double> time_factor(const Cluster& cluster, std::size_t machine,
                                                std::string_view precision);
/// Machines of which no plan can make use, in their order: no way leads there from the inputs, or
/// none from there to where outputs are wanted.
[[nodiscard]] std::vector<std::string> unreachable(const Cluster& cluster);

/// kInvalidArgument with the name of what is wrong and the known names: machines that are not
/// there or stand twice, numbers that are negative or not finite, a bandwidth of 0 or none, a curve
/// that falls, scalings in a circle, patterns that are none, operators that have to run where no
/// way leads, and no way from inputs to outputs or to any other machine.
[[nodiscard]] Status validate(const Cluster& cluster);

[[nodiscard]] Json to_json(const Cluster& cluster);
/// A tessera.cluster document, or its bare result; not validated. Of a single machine it is known
/// where inputs are; outputs are wanted where inputs are, if nothing is said.
/// Errors: kDataLoss for another document, unknown keys (with the nearest known one), and members
/// that are missing or of another type, with their place.
[[nodiscard]] Result<Cluster> cluster_from_json(const Json& json);
/// Reads and validates. Paths of profiles become those seen from the working directory.
/// Errors: those of reading a file; kDataLoss for all that is wrong with what stands in it.
[[nodiscard]] Result<Cluster> read_cluster(const std::filesystem::path& path);

/// Applies "WHAT=VALUE" or "WHAT=*FACTOR" to a number of a cluster: "link.edge-cloud.bandwidth",
/// "link.edge-cloud.latency_us", "machine.edge.memory_bytes", "machine.edge.speed" (twice as fast:
/// *2), "machine.edge.busy_watts". Values may have units (10MB/s, 2ms, 512MiB). A measured curve is
/// stretched by a factor, and gives way to a bandwidth.
/// Errors: kInvalidArgument naming what could be changed; what would not be valid is not done.
[[nodiscard]] Status change(Cluster& cluster, std::string_view change);

}  // namespace tessera::cluster
