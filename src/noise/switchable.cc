// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/switchable.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "noise/couplings.h"
#include "noise/segments.h"
#include "tessera/core/names.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/lab.h"
#include "tessera/noise/entries.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/quantize.h"

namespace tessera::noise {
namespace {

using graph::OpId;
using graph::TensorId;
using quantize::Mode;
using quantize::Scheme;
using runtime::Outputs;
using runtime::Session;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

Result<quantize::QuantizeReport> quantize_ops(network::Network& model,
                                              const std::map<std::string, Scheme>& schemes,
                                              const calibrate::Ranges& ranges, Monitor& monitor) {
  TESSERA_TRY(const auto graph, model.view());
  quantize::Assignment assignment(graph.ops().size());
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (const auto found = schemes.find(graph.ops()[i].name); found != schemes.end()) {
      assignment[i] = found->second;
    }
  }
  return quantize::quantize(model, assignment, &ranges, {}, monitor);
}

/// A group of operators with its sessions.
struct Part {
  Segment segment;
  std::vector<Coupling> couplings;  ///< of the switches within
  network::Network model;
  std::map<std::string, Session> sessions;  ///< by key_of()
  std::optional<Session> inner;             ///< of values between the switches within
};

/// A layer alone, for what it adds by itself.
struct Probe {
  std::vector<TensorId> inputs;
  std::optional<Session> exact;
  std::vector<Session> rounded;  ///< by scheme
};

/// What switches of a part read that is made within it.
struct InnerValues {
  std::optional<Outputs> outputs;
  std::vector<runtime::Feed> feeds;  ///< by name in the model, of `outputs`
};

/// Results of one part under one projection of the settings.
struct Cell {
  std::optional<Outputs> kept;
  std::int64_t bytes = 0;
  std::int64_t uses = 0;  ///< reads to come
  std::int64_t pins = 0;  ///< runs that are waiting to read it now
  std::int64_t touched = 0;
  bool done = false;
};

}  // namespace

struct SwitchableModel::State {
  SwitchableSetup setup;
  calibrate::Ranges ranges;  ///< without the model's hash, which parts of it do not have
  std::optional<network::Network> base;
  graph::Graph graph;
  std::vector<OpId> layers;
  std::vector<Coupling> couplings;
  std::vector<Part> parts;
  std::vector<std::vector<Piece>> pieces;  ///< by measured output
  std::vector<std::string> output_names;
  std::optional<std::size_t> classifier;
  std::vector<std::size_t> depth_order;  ///< switches as they come in the graph
  std::vector<Probe> probes;
  Work work;

  Status prepare(Monitor& monitor);
  Status find_layers(const network::Network& model);
  Status raise(Monitor& monitor);
  Status cut();
  Status check_switches(Monitor& monitor);
  void warn_of_mixed_scales(Monitor& monitor) const;
  void warn_of_mixed_formats(Monitor& monitor) const;
  [[nodiscard]] bool is_blocked(const Coupling& coupling, const Setting& setting) const;
  [[nodiscard]] std::string key_of(const Part& part, const Setting& setting) const;
  [[nodiscard]] Result<network::Network> quantized(const Part& part, const Setting& setting,
                                                   Monitor& monitor) const;
  [[nodiscard]] Result<Session*> session(Part& part, const Setting& setting, Monitor& monitor);
  [[nodiscard]] Result<Session> open(const network::Network& model) const;
  [[nodiscard]] Result<Probe*> probe(std::size_t layer, Monitor& monitor);
  [[nodiscard]] Result<InnerValues> inner_values(Part& part,
                                                 const std::vector<runtime::Feed>& feeds);
  Status add_noise(std::size_t layer, const std::vector<runtime::Feed>& feeds, Monitor& monitor,
                   std::vector<LayerNoise>& noise);
};

namespace {

Failure no_such_layer(const graph::Graph& graph, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& op : graph.ops()) {
    names.push_back(op.name);
  }
  return fail(ErrorCode::kInvalidArgument, "no operator '{}' in the model", name)
      .hint("the nearest names are: {}", fmt::join(nearest_names(name, names), ", "));
}

}  // namespace

Status SwitchableModel::State::find_layers(const network::Network& model) {
  TESSERA_TRY(graph, model.view());
  layers.clear();
  for (const auto& item : setup.switches) {
    const auto op = graph.find_op(item.op);
    if (!op) {
      return no_such_layer(graph, item.op);
    }
    if (std::find(layers.begin(), layers.end(), *op) != layers.end()) {
      return fail(ErrorCode::kInvalidArgument, "layer '{}' is named twice", item.op);
    }
    layers.push_back(*op);
  }
  std::set<std::pair<std::string, std::string>> known;
  for (const auto& entry : entries_of(setup.switches)) {
    if (entry.name != entry.op && graph.find_op(entry.name)) {
      return fail(ErrorCode::kInvalidArgument,
                  "layer '{}' in scheme {} would be named '{}' as another operator is", entry.op,
                  entry.scheme, entry.name)
          .hint("rename that operator, or leave the layer or the scheme out");
    }
    if (!known.insert({entry.op, entry.scheme}).second) {
      return fail(ErrorCode::kInvalidArgument, "layer '{}' has scheme {} twice", entry.op,
                  entry.scheme);
    }
  }
  return {};
}

/// Brings the model into the form that the quantizer gives every model before it rounds anything:
/// the opset that the schemes need, paddings and batch normalisation folded.
Status SwitchableModel::State::raise(Monitor& monitor) {
  auto model = setup.model->clone();
  if (setup.switches.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no layer was chosen")
        .hint("see --layers; tessera inspect lists the operators");
  }
  TESSERA_CHECK(find_layers(model));
  evaluate::QuietMonitor quiet(monitor);
  TESSERA_TRY(const auto* dialect, quantize::dialect_of(model));
  bool normalizes = false;
  std::map<std::string, Scheme> first;
  for (const auto& item : setup.switches) {
    first.emplace(item.op, item.schemes.front());
    for (const auto& scheme : item.schemes) {
      TESSERA_CHECK(dialect->validate(scheme));
      normalizes = normalizes || scheme.mode == Mode::kStatic;
    }
  }
  auto trial = model.clone();
  TESSERA_TRY(const auto report, quantize_ops(trial, first, ranges, quiet));
  TESSERA_CHECK(quantize::bring_into_form(model, report.opset.value_or(0), normalizes));
  TESSERA_CHECK(network::expose_judged_values(model).map([](bool) {}));
  TESSERA_CHECK(model.infer_types(setup.library));
  base.emplace(std::move(model));
  return find_layers(*base);
}

Status SwitchableModel::State::cut() {
  TESSERA_TRY(const auto whole_model, open(*base));
  std::vector<TensorId> measured;
  std::vector<bool> whole;
  classifier = evaluate::classifier_output(whole_model.outputs());
  for (std::size_t i = 0; i < whole_model.outputs().size(); ++i) {
    const auto& output = whole_model.outputs()[i];
    if (!output.is_tensor || output.dtype != DType::kFloat32) {
      continue;
    }
    if (classifier == i) {
      classifier = measured.size();
      whole.push_back(true);
    } else {
      whole.push_back(setup.tensors);
    }
    measured.push_back(*graph.find_tensor(output.name));
    output_names.push_back(output.name);
  }
  couplings = couplings_of(graph, layers, setup.switches);
  const auto together = switches_together(couplings, layers.size());
  TESSERA_TRY(auto cut, cut_at_layers(graph, layers, together, measured, whole));
  pieces = std::move(cut.outputs);
  for (auto& segment : cut.segments) {
    TESSERA_TRY(auto model, base->part({graph, segment.ops, segment.inputs, segment.outputs}));
    Part part{std::move(segment), {}, std::move(model), {}, {}};
    for (const auto& coupling : couplings) {
      const auto& within = part.segment.layers;
      if (std::find(within.begin(), within.end(), coupling.layers.front()) != within.end()) {
        part.couplings.push_back(coupling);
      }
    }
    parts.push_back(std::move(part));
  }
  depth_order.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    depth_order[i] = i;
  }
  std::sort(depth_order.begin(), depth_order.end(),
            [&](std::size_t a, std::size_t b) { return layers[a] < layers[b]; });
  work.segments = static_cast<std::int64_t>(parts.size());
  return {};
}

/// A neighbour that reads integers takes those its producer made, whatever its own method says.
void SwitchableModel::State::warn_of_mixed_scales(Monitor& monitor) const {
  const auto key = [](const Scheme& scheme) {
    return std::tuple(scheme.activation, scheme.activation_symmetric, scheme.method);
  };
  std::set<std::tuple<DType, bool, numerics::RangeMethod>> keys;
  for (const auto& item : setup.switches) {
    for (const auto& scheme : item.schemes) {
      if (scheme.mode == Mode::kStatic) {
        keys.insert(key(scheme));
      }
    }
  }
  if (keys.size() > 1) {
    monitor.warn({"mixed-scales", "the layers' schemes differ in how activations are scaled",
                  "where two such layers follow each other directly, a built model rounds once "
                  "and the sweep twice; `tessera error check` tells how much that is"});
  }
}

/// The quantizer scales values by channel as soon as any layer of the model is in kernels.
void SwitchableModel::State::warn_of_mixed_formats(Monitor& monitor) const {
  bool kernels = false;
  bool others = false;
  for (const auto& item : setup.switches) {
    for (const auto& scheme : item.schemes) {
      const bool is_kernels = scheme.format == quantize::Format::kKernels;
      kernels = kernels || (scheme.mode == Mode::kStatic && is_kernels);
      others = others || (scheme.mode == Mode::kStatic && !is_kernels);
    }
  }
  if (kernels && others && !ranges.channels.empty()) {
    monitor.warn({"mixed-formats", "some layers' schemes are in format kernels, and others are not",
                  "a built model with any layer in kernels scales by channel what depthwise "
                  "convolutions of other formats read, too, and the sweep does not; "
                  "`tessera error check` tells how much that is"});
  }
}

Status SwitchableModel::State::check_switches(Monitor& monitor) {
  evaluate::QuietMonitor quiet(monitor);
  std::set<std::size_t> live;
  for (auto& part : parts) {
    for (const auto layer : part.segment.layers) {
      live.insert(layer);
      Setting alone(layers.size(), 0);
      for (std::size_t k = 1; k <= setup.switches[layer].schemes.size(); ++k) {
        alone[layer] = static_cast<std::uint8_t>(k);
        TESSERA_CHECK(session(part, alone, quiet));
      }
    }
  }
  if (live.empty()) {
    return fail(ErrorCode::kFailedPrecondition,
                "no floating output of the model depends on the chosen layers")
        .hint("choose layers that lie on a path from an input to an output");
  }
  return {};
}

Status SwitchableModel::State::prepare(Monitor& monitor) {
  TESSERA_CHECK(raise(monitor));
  TESSERA_CHECK(cut());
  warn_of_mixed_scales(monitor);
  warn_of_mixed_formats(monitor);
  return check_switches(monitor);
}

Result<Session> SwitchableModel::State::open(const network::Network& model) const {
  auto options = setup.session;
  // Hundreds of small sessions must not hold an arena each.
  options.shared_arena = true;
  return model.open(setup.library, options);
}

/// The integers of a weight are one tensor for all layers that round it alike, and what is read by
/// several gets no scales of its own.
bool SwitchableModel::State::is_blocked(const Coupling& coupling, const Setting& setting) const {
  const auto scheme_of = [&](std::size_t layer) -> const Scheme* {
    return setting[layer] == 0 ? nullptr
                               : &setup.switches[layer].schemes[setting[layer] - std::size_t{1}];
  };
  return std::any_of(coupling.shares.begin(), coupling.shares.end(), [&](const auto& share) {
    const auto* const own = scheme_of(share.first);
    const auto* const other = scheme_of(share.second);
    return own != nullptr && other != nullptr && round_weights_alike(*own, *other);
  });
}

/// What settings have to have in common for one session of the part.
std::string SwitchableModel::State::key_of(const Part& part, const Setting& setting) const {
  std::string key;
  for (const auto layer : part.segment.layers) {
    key.push_back(static_cast<char>(setting[layer]));
  }
  for (const auto& coupling : part.couplings) {
    key.push_back(is_blocked(coupling, setting) ? '+' : '-');
  }
  return key;
}

Result<network::Network> SwitchableModel::State::quantized(const Part& part, const Setting& setting,
                                                           Monitor& monitor) const {
  auto model = part.model.clone();
  std::map<std::string, Scheme> schemes;
  for (const auto layer : part.segment.layers) {
    if (setting[layer] > 0) {
      const auto& item = setup.switches[layer];
      schemes.emplace(item.op, item.schemes[setting[layer] - std::size_t{1}]);
    }
  }
  if (schemes.empty()) {
    return model;
  }
  std::optional<calibrate::Ranges> fewer;
  for (const auto& coupling : part.couplings) {
    if (is_blocked(coupling, setting)) {
      fewer = fewer ? std::move(fewer) : ranges;
      fewer->channels.erase(graph.tensor(coupling.value).name);
    }
  }
  TESSERA_TRY(const auto report, quantize_ops(model, schemes, fewer ? *fewer : ranges, monitor));
  for (const auto layer : part.segment.layers) {
    const auto& item = setup.switches[layer];
    const auto outcome = std::find_if(report.ops.begin(), report.ops.end(),
                                      [&](const auto& op) { return op.op == item.op; });
    const bool known = outcome != report.ops.end();
    if (setting[layer] > 0 && !(known && outcome->quantized)) {
      return fail(ErrorCode::kInvalidArgument, "layer '{}' cannot be quantized by itself{}: {}",
                  item.op,
                  item.schemes.size() > 1 ? " to " + quantize::to_string(schemes.at(item.op))
                                          : std::string(),
                  !known || outcome->reason.empty() ? "no pass takes it" : outcome->reason)
          .hint("leave it out of --layers");
    }
  }
  return model;
}

Result<Session*> SwitchableModel::State::session(Part& part, const Setting& setting,
                                                 Monitor& monitor) {
  const auto key = key_of(part, setting);
  if (const auto found = part.sessions.find(key); found != part.sessions.end()) {
    return &found->second;
  }
  ++work.sessions;
  TESSERA_TRY(const auto model, quantized(part, setting, monitor));
  TESSERA_TRY(auto opened, open(model));
  return &part.sessions.emplace(key, std::move(opened)).first->second;
}

Result<Probe*> SwitchableModel::State::probe(std::size_t layer, Monitor& monitor) {
  probes.resize(layers.size());
  auto& probe = probes[layer];
  if (probe.exact) {
    return &probe;
  }
  std::vector<OpId> ops{layers[layer]};
  auto result = *graph.op(layers[layer]).outputs.front();
  const auto& readers = graph.tensor(result).consumers;
  if (readers.size() == 1 && !graph.tensor(result).is_output) {
    const auto& reader = graph.op(readers.front());
    if (reader.kind == graph::OpKind::kClamp) {
      ops.push_back(readers.front());
      result = *reader.outputs.front();
    }
  }
  const auto constant = graph::constant_tensors(graph);
  for (const auto& input : graph.op(layers[layer]).inputs) {
    const bool fed = input && !constant[input->value] &&
                     graph.tensor(*input).kind != graph::TensorKind::kInitializer;
    // A product of a value with itself reads one input, twice.
    if (fed && std::find(probe.inputs.begin(), probe.inputs.end(), *input) == probe.inputs.end()) {
      probe.inputs.push_back(*input);
    }
  }
  const std::vector<TensorId> outputs{result};
  TESSERA_TRY(const auto model, base->part({graph, ops, probe.inputs, outputs}));
  const auto& item = setup.switches[layer];
  for (const auto& scheme : item.schemes) {
    auto rounded = model.clone();
    TESSERA_CHECK(quantize_ops(rounded, {{item.op, scheme}}, ranges, monitor));
    TESSERA_TRY(auto session, open(rounded));
    probe.rounded.push_back(std::move(session));
  }
  TESSERA_TRY(probe.exact, open(model));
  return &probe;
}

/// In float; none unless the part holds several switches.
Result<InnerValues> SwitchableModel::State::inner_values(Part& part,
                                                         const std::vector<runtime::Feed>& feeds) {
  const auto& segment = part.segment;
  std::vector<TensorId> wanted;
  for (const auto layer : segment.layers) {
    for_each_read(graph.op(layers[layer]), [&](TensorId tensor) {
      const auto producer = graph.tensor(tensor).producer;
      if (producer && std::binary_search(segment.ops.begin(), segment.ops.end(), *producer) &&
          std::find(wanted.begin(), wanted.end(), tensor) == wanted.end()) {
        wanted.push_back(tensor);
      }
    });
  }
  InnerValues values;
  if (wanted.empty()) {
    return values;
  }
  if (!part.inner) {
    TESSERA_TRY(const auto model, base->part({graph, segment.ops, segment.inputs, wanted}));
    TESSERA_TRY(part.inner, open(model));
  }
  TESSERA_TRY(values.outputs, part.inner->run(feeds));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    values.feeds.push_back({graph.tensor(wanted[i]).name, (*values.outputs)[i]});
  }
  return values;
}

/// What each scheme of a layer adds to its result on these values, at its place in `noise`.
Status SwitchableModel::State::add_noise(std::size_t layer, const std::vector<runtime::Feed>& feeds,
                                         Monitor& monitor, std::vector<LayerNoise>& noise) {
  TESSERA_TRY(auto* probe, this->probe(layer, monitor));
  std::vector<runtime::Feed> own;
  for (const auto tensor : probe->inputs) {
    const auto& name = graph.tensor(tensor).name;
    own.push_back(*std::find_if(feeds.begin(), feeds.end(),
                                [&](const auto& feed) { return feed.name == name; }));
  }
  TESSERA_TRY(const auto exact, probe->exact->run(own));
  auto place = std::accumulate(
      setup.switches.begin(), setup.switches.begin() + static_cast<std::ptrdiff_t>(layer),
      std::size_t{0}, [](std::size_t sum, const auto& item) { return sum + item.schemes.size(); });
  for (auto& session : probe->rounded) {
    TESSERA_TRY(const auto rounded, session.run(own));
    ErrorAccumulator accumulator;
    accumulator.add(exact[0].as<float>(), rounded[0].as<float>());
    const auto sums = accumulator.sums();
    noise[place++] = {sums.noise, sums.signal, sums.elements};
  }
  return {};
}

namespace {

std::int64_t bytes_held(const Outputs& outputs) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    bytes += static_cast<std::int64_t>(outputs[i].bytes.size());
  }
  return bytes;
}

/// Inputs of the model by name, as float32 sessions want them.
Result<std::vector<runtime::Feed>> model_feeds(const data::Sample& sample) {
  std::vector<runtime::Feed> feeds;
  feeds.reserve(sample.tensors.size());
  for (const auto& tensor : sample.tensors) {
    feeds.push_back({tensor.name, tensor.tensor.view()});
  }
  return feeds;
}

/// Walks the settings on one sample.
class Walk {
 public:
  Walk(SwitchableModel::State& state, const data::Sample& sample, std::vector<Setting> settings,
       const std::vector<std::size_t>& order, Monitor& monitor)
      : state_(state),
        settings_(std::move(settings)),
        order_(order),
        quiet_(monitor),
        monitor_(monitor),
        sample_(sample) {}

  Status run(const SwitchableModel::Visitor& visit, std::size_t visited) {
    TESSERA_TRY(inputs_, model_feeds(sample_));
    number();
    count_uses(visited);
    TESSERA_CHECK(measure_reference());
    for (const auto index : order_) {
      TESSERA_CHECK(monitor_.check());
      for (const auto part : measured_parts_) {
        TESSERA_CHECK(demand(part, id(part, index)));
      }
      if (index < visited) {
        TESSERA_CHECK(visit(index, result_of(index)));
        release_tensors(index);
      }
    }
    return {};
  }

 private:
  [[nodiscard]] std::size_t id(std::size_t part, std::size_t setting) const {
    return ids_[part][setting];
  }

  /// Gives every part a dense number for each way in which settings differ for it.
  void number() {
    const auto count = settings_.size();
    ids_.resize(state_.parts.size());
    representatives_.resize(state_.parts.size());
    cells_.resize(state_.parts.size());
    sums_.resize(state_.parts.size());
    chosen_.resize(state_.parts.size());
    latest_.assign(state_.parts.size(), kNone);
    for (std::size_t part = 0; part < state_.parts.size(); ++part) {
      const auto& depends = state_.parts[part].segment.depends;
      std::map<std::string, std::size_t> known;
      ids_[part].resize(count);
      std::string key(depends.size(), '\0');
      for (std::size_t setting = 0; setting < count; ++setting) {
        for (std::size_t i = 0; i < depends.size(); ++i) {
          key[i] = static_cast<char>(settings_[setting][depends[i]]);
        }
        const auto [place, fresh] = known.emplace(key, known.size());
        if (fresh) {
          representatives_[part].push_back(setting);
        }
        ids_[part][setting] = place->second;
      }
      cells_[part].resize(known.size());
      sums_[part].resize(known.size());
      chosen_[part].resize(known.size(), -1);
      state_.work.runs_unshared += static_cast<std::int64_t>(count);
    }
  }

  void count_uses(std::size_t visited) {
    for (std::size_t part = 0; part < state_.parts.size(); ++part) {
      const auto& segment = state_.parts[part].segment;
      for (const auto setting : representatives_[part]) {
        for (const auto source : sources_of(segment)) {
          ++cells_[source][id(source, setting)].uses;
        }
      }
    }
    places_.resize(state_.parts.size());
    for (const auto& pieces : state_.pieces) {
      for (const auto& piece : pieces) {
        places_[piece.segment].insert(piece.place);
      }
    }
    for (std::size_t part = 0; part < state_.parts.size(); ++part) {
      if (places_[part].empty()) {
        continue;
      }
      measured_parts_.push_back(part);
      if (state_.setup.tensors) {
        for (std::size_t setting = 0; setting < visited; ++setting) {
          ++cells_[part][id(part, setting)].uses;
        }
      }
    }
  }

  /// Each once, however many values come from it.
  static std::set<std::size_t> sources_of(const Segment& segment) {
    std::set<std::size_t> sources;
    for (const auto& source : segment.sources) {
      if (source) {
        sources.insert(*source);
      }
    }
    return sources;
  }

  /// The last setting is all float: what its parts give is what others are compared with.
  Status measure_reference() {
    const auto reference = settings_.size() - 1;
    references_.resize(state_.parts.size());
    for (const auto part : measured_parts_) {
      const auto cell = id(part, reference);
      TESSERA_CHECK(demand(part, cell));
    }
    return {};
  }

  Status demand(std::size_t part, std::size_t cell_id) {
    const auto& cell = cells_[part][cell_id];
    const bool tensors_wanted = state_.setup.tensors && cell.uses > 0;  // not only the sums
    if (cell.done && !tensors_wanted) {
      return {};
    }
    return ensure(part, cell_id);
  }

  Status compute(std::size_t part, std::size_t cell_id) {
    const auto& segment = state_.parts[part].segment;
    const auto setting = representatives_[part][cell_id];
    const auto sources = sources_of(segment);
    for (const auto source : sources) {
      // Computing a later source must not drop an earlier one, and a source that nobody else will
      // read any more (its reader was dropped and is computed again) must be kept until it was
      // read.
      ++cells_[source][id(source, setting)].pins;
      TESSERA_CHECK(ensure(source, id(source, setting)));
    }
    TESSERA_TRY(auto outputs, run_part(part, setting));
    for (const auto source : sources) {
      --cells_[source][id(source, setting)].pins;
    }
    auto& cell = cells_[part][cell_id];
    if (!cell.done) {
      TESSERA_CHECK(take(part, cell_id, outputs));
      for (const auto source : sources) {
        --cells_[source][id(source, setting)].uses;
      }
      cell.done = true;
    }
    for (const auto source : sources) {
      drop_if_unused(source, id(source, setting));
    }
    if (cell.uses > 0 || cell.pins > 0) {
      keep(part, cell_id, std::move(outputs));
    }
    return {};
  }

  /// The tensors of a cell are there, computed again if they were dropped.
  Status ensure(std::size_t part, std::size_t cell_id) {
    auto& cell = cells_[part][cell_id];
    cell.touched = ++clock_;
    latest_[part] = cell_id;
    return cell.kept ? Status() : compute(part, cell_id);
  }

  Result<Outputs> run_part(std::size_t index, std::size_t setting) {
    auto& part = state_.parts[index];
    TESSERA_TRY(auto* session, state_.session(part, settings_[setting], quiet_));
    std::vector<runtime::Feed> feeds;
    for (std::size_t i = 0; i < part.segment.inputs.size(); ++i) {
      const auto tensor = part.segment.inputs[i];
      const auto& name = state_.graph.tensor(tensor).name;
      if (!part.segment.sources[i]) {
        const auto fed = std::find_if(inputs_.begin(), inputs_.end(),
                                      [&](const auto& feed) { return feed.name == name; });
        if (fed == inputs_.end()) {
          return fail(ErrorCode::kInvalidArgument, "the sample has no input '{}'", name);
        }
        feeds.push_back(*fed);
        continue;
      }
      const auto source = *part.segment.sources[i];
      const auto& outputs = state_.parts[source].segment.outputs;
      const auto place = std::find(outputs.begin(), outputs.end(), tensor) - outputs.begin();
      feeds.push_back(
          {name, (*cells_[source][id(source, setting)].kept)[static_cast<std::size_t>(place)]});
    }
    ++state_.work.runs;
    return session->run(feeds);
  }

  /// Sums up errors of what is measured in the part.
  Status take(std::size_t part, std::size_t cell_id, const Outputs& outputs) {
    if (places_[part].empty()) {
      return {};
    }
    const bool is_reference = cell_id == id(part, settings_.size() - 1);
    auto& sums = sums_[part][cell_id];
    for (const auto place : places_[part]) {
      const auto view = outputs[place];
      if (is_reference) {
        references_[part].emplace(place, Tensor(view));
      }
      const auto& reference = references_[part].at(place);
      if (reference.size() != view.size() || view.dtype != DType::kFloat32) {
        return fail(ErrorCode::kFailedPrecondition,
                    "'{}' has another shape or type in the quantized model",
                    state_.graph.tensor(state_.parts[part].segment.outputs[place]).name);
      }
      ErrorAccumulator accumulator;
      accumulator.add(reference.as<float>(), view.as<float>());
      sums.emplace(place, accumulator.sums());
      if (state_.classifier && is_classifier(part, place)) {
        chosen_[part][cell_id] = argmax(view.as<float>());
      }
    }
    return {};
  }

  [[nodiscard]] bool is_classifier(std::size_t part, std::size_t place) const {
    const auto& pieces = state_.pieces[*state_.classifier];
    return pieces.size() == 1 && pieces.front().segment == part && pieces.front().place == place;
  }

  [[nodiscard]] SettingResult result_of(std::size_t setting) const {
    SettingResult result;
    for (std::size_t output = 0; output < state_.pieces.size(); ++output) {
      ErrorSums total;
      for (const auto& piece : state_.pieces[output]) {
        const auto& sums = sums_[piece.segment][id(piece.segment, setting)].at(piece.place);
        total.signal += sums.signal;
        total.noise += sums.noise;
        total.dot += sums.dot;
        total.candidate += sums.candidate;
        total.elements += sums.elements;
        total.non_finite += sums.non_finite;
      }
      result.outputs.push_back(total);
      if (state_.classifier == output && !state_.pieces[output].empty()) {
        const auto part = state_.pieces[output].front().segment;
        result.chosen = chosen_[part][id(part, setting)];
      }
      if (state_.setup.tensors && !state_.pieces[output].empty()) {
        const auto& piece = state_.pieces[output].front();
        result.tensors.push_back(
            (*cells_[piece.segment][id(piece.segment, setting)].kept)[piece.place]);
      }
    }
    return result;
  }

  void release_tensors(std::size_t setting) {
    if (!state_.setup.tensors) {
      return;
    }
    for (const auto part : measured_parts_) {
      --cells_[part][id(part, setting)].uses;
      drop_if_unused(part, id(part, setting));
    }
  }

  // --- what is kept ---------------------------------------------------------------------------

  void keep(std::size_t part, std::size_t cell_id, Outputs outputs) {
    auto& cell = cells_[part][cell_id];
    cell.bytes = bytes_held(outputs);
    cell.kept.emplace(std::move(outputs));
    cell.touched = ++clock_;
    kept_bytes_ += cell.bytes;
    by_age_.insert({part, cell_id});
    state_.work.kept_bytes = std::max(state_.work.kept_bytes, kept_bytes_);
    make_room();
  }

  void drop(std::size_t part, std::size_t cell_id) {
    auto& cell = cells_[part][cell_id];
    if (cell.kept) {
      cell.kept.reset();
      kept_bytes_ -= cell.bytes;
      by_age_.erase({part, cell_id});
    }
  }

  void drop_if_unused(std::size_t part, std::size_t cell_id) {
    const auto& cell = cells_[part][cell_id];
    if (cell.uses == 0 && cell.pins == 0) {
      drop(part, cell_id);
    }
  }

  /// Drops what was not used for longest, but never the path that is being walked.
  void make_room() {
    while (kept_bytes_ > state_.setup.memory_bytes) {
      std::optional<std::pair<std::size_t, std::size_t>> oldest;
      for (const auto& place : by_age_) {
        const auto& cell = cells_[place.first][place.second];
        if (latest_[place.first] != place.second && cell.pins == 0 &&
            (!oldest || cell.touched < cells_[oldest->first][oldest->second].touched)) {
          oldest = place;
        }
      }
      if (!oldest) {
        return;
      }
      drop(oldest->first, oldest->second);
    }
  }

  SwitchableModel::State& state_;
  std::vector<Setting> settings_;
  const std::vector<std::size_t>& order_;
  evaluate::QuietMonitor quiet_;
  Monitor& monitor_;
  const data::Sample& sample_;
  std::vector<runtime::Feed> inputs_;
  std::vector<std::vector<std::size_t>> ids_;              ///< by part and setting
  std::vector<std::vector<std::size_t>> representatives_;  ///< by part and cell: a setting
  std::vector<std::vector<Cell>> cells_;
  std::vector<std::set<std::size_t>> places_;  ///< by part: outputs that are measured
  std::vector<std::size_t> measured_parts_;
  std::vector<std::map<std::size_t, Tensor>> references_;
  std::vector<std::vector<std::map<std::size_t, ErrorSums>>> sums_;
  std::vector<std::vector<std::int64_t>> chosen_;
  std::vector<std::size_t> latest_;
  std::set<std::pair<std::size_t, std::size_t>> by_age_;
  std::int64_t kept_bytes_ = 0;
  std::int64_t clock_ = 0;
};

}  // namespace

SwitchableModel::SwitchableModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
SwitchableModel::SwitchableModel(SwitchableModel&&) noexcept = default;
SwitchableModel& SwitchableModel::operator=(SwitchableModel&&) noexcept = default;
SwitchableModel::~SwitchableModel() = default;

Result<SwitchableModel> SwitchableModel::open(const SwitchableSetup& setup, Monitor& monitor) {
  auto state = std::make_unique<State>();
  state->setup = setup;
  if (setup.ranges != nullptr) {
    state->ranges = *setup.ranges;
    state->ranges.model.reset();
  }
  TESSERA_CHECK(state->prepare(monitor));
  return SwitchableModel(std::move(state));
}

const std::vector<std::string>& SwitchableModel::outputs() const noexcept {
  return state_->output_names;
}

std::optional<std::size_t> SwitchableModel::classifier() const noexcept {
  return state_->classifier;
}

std::vector<std::string> SwitchableModel::idle_switches() const {
  std::set<std::size_t> live;
  for (const auto& part : state_->parts) {
    live.insert(part.segment.layers.begin(), part.segment.layers.end());
  }
  std::vector<std::string> idle;
  for (std::size_t i = 0; i < state_->layers.size(); ++i) {
    if (!live.contains(i)) {
      idle.push_back(state_->setup.switches[i].op);
    }
  }
  return idle;
}

std::vector<std::size_t> SwitchableModel::order_of(std::span<const Setting> settings) const {
  std::vector<std::size_t> order(settings.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (const auto layer : state_->depth_order) {
      if (settings[a][layer] != settings[b][layer]) {
        return settings[a][layer] < settings[b][layer];
      }
    }
    return false;
  });
  return order;
}

Status SwitchableModel::measure(const data::Sample& sample, std::span<const Setting> settings,
                                const Visitor& visit, Monitor& monitor) {
  std::vector<Setting> all(settings.begin(), settings.end());
  all.emplace_back(state_->layers.size(), std::uint8_t{0});  // the reference
  const auto order = order_of(all);
  return Walk(*state_, sample, std::move(all), order, monitor).run(visit, settings.size());
}

Result<std::vector<LayerNoise>> SwitchableModel::layer_noise(const data::Sample& sample,
                                                             Monitor& monitor) {
  evaluate::QuietMonitor quiet(monitor);
  auto& state = *state_;
  TESSERA_TRY(const auto inputs, model_feeds(sample));
  std::vector<LayerNoise> noise(entries_of(state.setup.switches).size());
  std::vector<std::optional<Outputs>> results(state.parts.size());
  std::vector<std::size_t> last_reader(state.parts.size(), 0);
  const Setting in_float(state.layers.size(), 0);
  for (std::size_t i = 0; i < state.parts.size(); ++i) {
    for (const auto& source : state.parts[i].segment.sources) {
      if (source) {
        last_reader[*source] = i;
      }
    }
  }
  for (std::size_t i = 0; i < state.parts.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    auto& part = state.parts[i];
    std::vector<runtime::Feed> feeds;
    for (std::size_t k = 0; k < part.segment.inputs.size(); ++k) {
      const auto tensor = part.segment.inputs[k];
      const auto& name = state.graph.tensor(tensor).name;
      if (part.segment.sources[k]) {
        const auto source = *part.segment.sources[k];
        const auto& outputs = state.parts[source].segment.outputs;
        const auto place = std::find(outputs.begin(), outputs.end(), tensor) - outputs.begin();
        feeds.push_back({name, (*results[source])[static_cast<std::size_t>(place)]});
        continue;
      }
      const auto fed = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const auto& feed) { return feed.name == name; });
      if (fed == inputs.end()) {
        return fail(ErrorCode::kInvalidArgument, "the sample has no input '{}'", name);
      }
      feeds.push_back(*fed);
    }
    TESSERA_TRY(const auto inner, state.inner_values(part, feeds));
    auto known = feeds;
    known.insert(known.end(), inner.feeds.begin(), inner.feeds.end());
    for (const auto layer : part.segment.layers) {
      TESSERA_CHECK(state.add_noise(layer, known, quiet, noise));
    }
    if (last_reader[i] > i) {
      TESSERA_TRY(auto* session, state.session(part, in_float, quiet));
      TESSERA_TRY(auto outputs, session->run(feeds));
      results[i].emplace(std::move(outputs));
    }
    for (const auto& source : part.segment.sources) {
      if (source && last_reader[*source] == i) {
        results[*source].reset();
      }
    }
  }
  return noise;
}

const SwitchableModel::Work& SwitchableModel::work() const noexcept {
  return state_->work;
}

}  // namespace tessera::noise
