// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What a plan says of itself: in what figures, what it leaves out and why.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "placement/made_up.h"
#include "placement/words.h"
#include "tessera/placement/plan.h"

namespace tessera::placement {
namespace {

using made_up::random_world;

PlanOptions plain() {
  PlanOptions options;
  options.baselines = false;
  options.turning_points = false;
  return options;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool any_has(const std::vector<std::string>& lines, std::string_view part) {
  return std::ranges::any_of(lines, [&](const auto& line) { return has(line, part); });
}

/// Stops after so many questions.
class Impatient final : public Monitor {
 public:
  explicit Impatient(std::string stage) : stage_(std::move(stage)) {}
  void progress(std::string_view stage, std::int64_t done, std::int64_t total) override {
    stopped_ = stopped_ || (stage == stage_ && total > 0 && done == 1);
  }
  void warn(const Warning& warning) override { (void)warning; }
  [[nodiscard]] bool cancelled() const noexcept override { return stopped_; }

 private:
  std::string stage_;
  bool stopped_ = false;
};

/// Must not be asked.
class Untouched final : public plan::Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "untouched"; }
  [[nodiscard]] Result<plan::Solution> solve(const plan::Problem& problem,
                                             const plan::Options& options,
                                             Monitor& monitor) const override {
    (void)problem, (void)options, (void)monitor;
    ADD_FAILURE() << "solved before it was refused";
    return fail(ErrorCode::kInternal, "untouched").hint("none");
  }
};

/// Solves so many problems, and then finds nothing.
class Tired final : public plan::Method {
 public:
  explicit Tired(int problems) : left_(problems) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "tired"; }
  [[nodiscard]] Result<plan::Solution> solve(const plan::Problem& problem,
                                             const plan::Options& options,
                                             Monitor& monitor) const override {
    if (left_-- > 0) {
      return plan::branch_and_bound().solve(problem, options, monitor);
    }
    plan::Solution nothing;
    nothing.outcome = plan::Outcome::kInterrupted;
    return nothing;
  }

 private:
  mutable int left_;
};

TEST(Words, HaveThreeDigitsAndNoExponent) {
  EXPECT_EQ(in_words(30190, "us"), "30.2 ms");
  EXPECT_EQ(in_words(0.434, "J"), "434 mJ");
  EXPECT_EQ(in_words(2.5e6, "us"), "2.50 s");
  EXPECT_EQ(in_words(-784.6, "us"), "-785 us");
  EXPECT_EQ(in_words(123456, "B"), "123456 B");
}

TEST(Limits, AreInTheFiguresOfThePlan_AsTheyWereAskedFor) {
  int met = 0;
  int memory = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Random random(seed);
    auto world = random_world(5, 2, random);
    for (auto& profile : world.profiles) {
      for (auto& layer : profile.layers) {
        layer.weight_bytes = 40000;
      }
    }
    Goal goal;
    goal.max_error = 100;
    const auto free = make_plan(world.setting(true), goal, plain(), Monitor::silent());
    ASSERT_TRUE(free) << free.error().message;
    goal.max_error = std::max(0.7 * free->plan.error.value_or(1), 1e-3);
    goal.max_energy_j = 2 * free->plan.energy_j.value_or(1);
    goal.max_memory_bytes = {{"a", 250000 - 40000 * static_cast<std::int64_t>(seed % 3)}};
    const auto planned = make_plan(world.setting(true), goal, plain(), Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    const auto& plan = planned->plan;
    if (!plan.is_there()) {
      continue;
    }
    for (const auto& limit : plan.limits) {
      ++met;
      EXPECT_LE(limit.used, limit.bound * (1 + 1e-6)) << limit.name;
      if (limit.name == "energy") {
        EXPECT_DOUBLE_EQ(limit.used, *plan.energy_j);
        EXPECT_DOUBLE_EQ(limit.bound, *goal.max_energy_j);
      } else if (limit.name == "error") {
        EXPECT_DOUBLE_EQ(limit.used, *plan.error);
        EXPECT_DOUBLE_EQ(limit.bound, *goal.max_error);
      } else {
        EXPECT_EQ(limit.name, "memory of a");
        ++memory;
        EXPECT_EQ(limit.used, static_cast<double>(plan.machines[0].memory_bytes));
        EXPECT_EQ(limit.bound, static_cast<double>(goal.max_memory_bytes.at("a")));
      }
    }
  }
  EXPECT_GT(met, 12);
  EXPECT_GT(memory, 0);
}

TEST(Limits, OfAnErrorThatNothingKeeps_AreErrors) {
  Random random(5);
  auto world = random_world(5, 1, random);
  Goal goal;
  goal.max_error = 1e-9;
  goal.max_memory_bytes = {{"a", 1}};
  const auto planned = make_plan(world.setting(true), goal, plain(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  ASSERT_FALSE(planned->plan.conflicts.empty());
  for (const auto& conflict : planned->plan.conflicts) {
    EXPECT_EQ(conflict.unit, conflict.name == "error" ? "l2 per element" : "B");
    EXPECT_EQ(conflict.bound, conflict.name == "error" ? 1e-9 : 1);
    EXPECT_GT(conflict.least, conflict.bound);
  }
}

TEST(Answer, WithoutAPlan_HasNoFiguresOfOne) {
  Random random(6);
  const auto world = random_world(4, 2, random);
  Goal goal;
  goal.max_memory_bytes = {{"a", 1}, {"b", 1}};
  const auto planned = make_plan(world.setting(), goal, plain(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  const auto json = to_json(planned->plan);
  EXPECT_EQ(json.at("status"), "infeasible");
  for (const auto* name : {"objective", "bound", "gap", "latency_us", "latency_low_us",
                           "latency_high_us", "makespan_us", "energy_j", "error", "parts"}) {
    EXPECT_TRUE(json.at(name).is_null()) << name;
  }
}

TEST(Answer, SaysWhichPrecisionIsMissing) {
  Random random(8);
  auto world = random_world(4, 2, random);
  world.cluster.machines[1].scaling->factors = {{"fp32", 2.0}};
  const auto planned = make_plan(world.setting(), {}, plain(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_TRUE(any_has(planned->plan.left_out,
                      "int8 on b is not offered: its scaling has no factor for it"));
  world.cluster.machines[1].precisions = {"fp32"};  // as it was wished
  const auto wished = make_plan(world.setting(), {}, plain(), Monitor::silent());
  ASSERT_TRUE(wished) << wished.error().message;
  EXPECT_TRUE(wished->plan.left_out.empty());
}

TEST(Answer, SaysWhyAnErrorIsNotKnown) {
  int unknown = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    auto world = random_world(6, 1, random);
    const auto without = make_plan(world.setting(), {}, plain(), Monitor::silent());
    ASSERT_TRUE(without) << without.error().message;
    EXPECT_EQ(without->plan.error.has_value(), without->plan.error_why.empty());
    for (auto& layer : world.errors.layers) {
      layer.name = "other " + layer.name;
    }
    const auto planned = make_plan(world.setting(true), {}, plain(), Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    EXPECT_EQ(planned->plan.error.has_value(), planned->plan.error_why.empty());
    unknown += has(planned->plan.error_why, "does not know int8 on a") ? 1 : 0;
  }
  EXPECT_GT(unknown, 0);
}

TEST(Answer, SaysThatTurningPointsWereNotLookedFor) {
  Random random(2);
  const auto world = random_world(4, 2, random);
  auto options = plain();
  const auto without = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_TRUE(has(without->plan.turning_points_why, "--no-turning-points"));
  options.turning_points = true;
  const auto with = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_EQ(with->plan.turning_points_why, "");
}

TEST(Front, AgainstTheErrorNeedsNoLimit_PlacesOfUnknownErrorAreNotOffered) {
  int met = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Random random(seed);
    auto world = random_world(6, 1, random);
    world.errors.layers[0].name = "another";
    world.errors.layers[2].name = "one more";
    auto options = plain();
    options.front_points = 4;
    const auto planned = make_plan(world.setting(true), {}, options, Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    const auto& plan = planned->plan;
    EXPECT_TRUE(plan.error.has_value());
    EXPECT_FALSE(plan.pareto.empty());
    EXPECT_TRUE(plan.limits.empty());  // nobody asked for one
    for (const auto& point : plan.pareto) {
      EXPECT_TRUE(point.error.has_value());
    }
    met += any_has(plan.left_out, "the error model does not know it") ? 1 : 0;
  }
  EXPECT_GT(met, 0);
}

TEST(Front, ThatIsStopped_KeepsItsPointsAndSaysSo) {
  Random random(3);
  const auto world = random_world(6, 2, random);
  auto options = plain();
  options.front_points = 6;
  const auto whole = make_plan(world.setting(true), {}, options, Monitor::silent());
  ASSERT_TRUE(whole) << whole.error().message;
  Impatient monitor("front");
  const auto planned = make_plan(world.setting(true), {}, options, monitor);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_TRUE(planned->plan.interrupted);
  EXPECT_FALSE(planned->plan.pareto.empty());
  EXPECT_TRUE(has(planned->plan.pareto_why, "stopped after 1 of 6")) << planned->plan.pareto_why;
  EXPECT_FALSE(whole->plan.interrupted);
  EXPECT_FALSE(has(whole->plan.pareto_why, "stopped"));
}

TEST(Front, ThatEndsBeforeItsPoints_SaysWhy) {
  Random random(3);
  const auto world = random_world(5, 1, random);
  auto options = plain();
  options.front_points = 200;
  options.against = PlanOptions::Against::kEnergy;
  const auto planned = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_LT(planned->plan.pareto.size(), 200U);
  EXPECT_TRUE(has(planned->plan.pareto_why, "energy of at most")) << planned->plan.pareto_why;
}

TEST(Front, WhosePointIsNotFound_SaysThatNobodyKnows) {
  Random random(3);
  const auto world = random_world(5, 1, random);
  const Tired method(1);
  auto options = plain();
  options.method = &method;
  options.front_points = 5;
  const auto planned = make_plan(world.setting(true), {}, options, Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.pareto.size(), 1U);
  EXPECT_TRUE(has(planned->plan.pareto_why, "whether there is one is not known"))
      << planned->plan.pareto_why;
}

TEST(Surroundings, ThatCannotBeHad_AreRefusedBeforeAnythingIsSolved) {
  Random random(4);
  auto world = random_world(5, 2, random);
  const Untouched method;
  auto options = plain();
  options.method = &method;
  options.explain = {world.graph.ops()[0].name};
  Goal throughput;
  throughput.objective = Objective::kThroughput;
  EXPECT_FALSE(make_plan(world.setting(), throughput, options, Monitor::silent()));
  options.explain = {"nobody"};
  EXPECT_FALSE(make_plan(world.setting(), {}, options, Monitor::silent()));
  options.explain.clear();
  options.front_points = 3;
  EXPECT_FALSE(make_plan(world.setting(), {}, options, Monitor::silent()));  // no error model
  options.against = PlanOptions::Against::kEnergy;
  world.cluster.machines[1].busy_watts.reset();
  const auto no_watts = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_FALSE(no_watts);
  EXPECT_TRUE(has(no_watts.error().message, "power of machine 'b'")) << no_watts.error().message;
}

/// A graph with a tensor of another shape and type.
graph::Graph changed(const graph::Graph& like, const graph::TensorInfo& other) {
  graph::Graph graph;
  for (const auto& tensor : like.tensors()) {
    graph::TensorInfo info{.name = tensor.name, .dtype = tensor.dtype};
    info.shape = tensor.shape;
    if (tensor.name == other.name) {
      info.dtype = other.dtype;
      info.shape = other.shape;
    }
    graph.add_tensor(std::move(info));
  }
  for (const auto id : like.inputs()) {
    graph.mark_input(id);
  }
  for (const auto& op : like.ops()) {
    graph::Op copy{.name = op.name, .type = op.type, .kind = op.kind};
    copy.inputs = op.inputs;
    copy.outputs = op.outputs;
    graph.add_op(std::move(copy));
  }
  for (const auto id : like.outputs()) {
    graph.mark_output(id);
  }
  EXPECT_TRUE(graph.finish());
  return graph;
}

/// An image of 3 x 10 x 100, read by the first operator.
graph::Graph of_an_image(const graph::Graph& like) {
  graph::TensorInfo image{.name = "x", .dtype = DType::kFloat32};
  image.shape = {Dim{.value = 1}, Dim{.value = 3}, Dim{.value = 10}, Dim{.value = 100}};
  return changed(like, image);
}

TEST(Answer, SaysOfWhatIsNoTensor_ThatItIsNone) {
  Random random(12);
  auto world = random_world(5, 2, random);
  graph::TensorInfo map{.name = world.graph.tensor(world.graph.outputs()[0]).name,
                        .dtype = DType::kUndefined};
  const auto open = world.graph;
  world.graph = changed(open, map);
  const auto planned = make_plan(world.setting(), {}, plain(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_TRUE(any_has(planned->plan.left_out, "it is no tensor of numbers"));
  EXPECT_FALSE(any_has(planned->plan.left_out, "--dim"));
  map.dtype = DType::kString;
  world.graph = changed(open, map);
  const auto text = make_plan(world.setting(), {}, plain(), Monitor::silent());
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_FALSE(any_has(text->plan.left_out, "--dim"));
  map.dtype = DType::kFloat32;
  world.graph = changed(open, map);
  const auto half_known = make_plan(world.setting(), {}, plain(), Monitor::silent());
  ASSERT_TRUE(half_known) << half_known.error().message;
  EXPECT_TRUE(any_has(half_known->plan.left_out, "--dim"));
}

TEST(Baselines, UploadTheImageInItsPixels_WithoutACodec) {
  Random random(12);
  auto world = random_world(5, 2, random);
  auto options = plain();
  options.baselines = true;
  const auto names_of = [](const Plan& plan) {
    std::vector<std::string> names;
    for (const auto& baseline : plan.baselines) {
      names.push_back(baseline.name);
    }
    return names;
  };
  const auto no_image = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(no_image) << no_image.error().message;
  EXPECT_FALSE(any_has(names_of(no_image->plan), "upload"));
  world.graph = of_an_image(world.graph);
  world.cluster.outputs_to = "b";  // so that nothing but the image crosses
  world.cluster.links[0].latency_us = 5000;
  const auto image = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(image) << image.error().message;
  const Baseline* upload = nullptr;
  const Baseline* there = nullptr;
  for (const auto& baseline : image->plan.baselines) {
    upload = has(baseline.name, "upload the image as u8 (exact for images of 8 bits) to b, float32")
                 ? &baseline
                 : upload;
    there = baseline.name == "all on b, float32" ? &baseline : there;
  }
  ASSERT_NE(upload, nullptr);
  ASSERT_NE(there, nullptr);
  EXPECT_TRUE(upload->feasible) << upload->why;
  // 3000 bytes on the link a-b, and the pixels scaled to float.
  const auto& link = world.cluster.links[0];
  const auto& curve = world.profiles[0].conversions.dequantize;
  const double scaling = world.cluster.machines[1].scaling->factors.at("*");
  const double way = *link.transfer_us(3000) + scaling * (curve.base_us + 3 * curve.ns_per_element);
  auto far = world;
  far.cluster.links[0].latency_us = 0;
  far.cluster.links[0].bandwidth_bytes_per_s = 1e15;
  for (auto* each : {&far.profiles[0].conversions.quantize, &far.profiles[0].conversions.dequantize,
                     &far.profiles[0].conversions.cast}) {
    each->base_us = 0;
    each->ns_per_element = 0;
  }
  const auto free = make_plan(far.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(free) << free.error().message;
  for (const auto& baseline : free->plan.baselines) {
    if (baseline.name == upload->name) {
      EXPECT_NEAR(*upload->latency_us - *baseline.latency_us, way, 1e-3);
    }
  }
  // What the file measured is taken as it is.
  world.cluster.codecs = {{.name = "u8", .input = "", .bytes = 3000, .decode_us = {{"*", 1.0}}}};
  const auto measured = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_TRUE(any_has(names_of(measured->plan), "upload the image as u8 to b, float32"));
  EXPECT_FALSE(any_has(names_of(measured->plan), "exact for images"));
}

/// Of a machine that the plan leaves idle, with what excludes it.
class Idle : public ::testing::Test {
 protected:
  Idle() : random_(11), world_(random_world(5, 2, random_)) {
    world_.cluster.outputs_to = "a";
    for (auto& link : world_.cluster.links) {
      link.latency_us = 1e6;  // nothing is worth the way
    }
  }
  [[nodiscard]] std::string why(const Goal& goal, const PlanOptions& options = plain()) {
    const auto planned = make_plan(world_.setting(), goal, options, Monitor::silent());
    EXPECT_TRUE(planned) << planned.error().message;
    return planned && planned->plan.is_there() ? planned->plan.machines[1].why_idle : "no plan";
  }

  Random random_;
  made_up::World world_;
};

TEST_F(Idle, ItWouldTakeMore) {
  EXPECT_TRUE(has(why({}), "everything there would take 3.0")) << why({});
  EXPECT_FALSE(has(why({}), "e+")) << why({});
}

TEST_F(Idle, ALimitExcludesIt) {
  Goal goal;
  goal.max_memory_bytes = {{"b", 1}};
  EXPECT_TRUE(has(why(goal), "memory of b")) << why(goal);
  EXPECT_FALSE(has(why(goal), "pins")) << why(goal);
}

TEST_F(Idle, NobodyKnows) {
  const Tired method(2);  // the loose problem, and the problem
  auto options = plain();
  options.method = &method;
  Goal goal;
  goal.max_memory_bytes = {{"b", 1}};  // else the plan of that machine alone is known anyway
  const auto said = why(goal, options);
  EXPECT_TRUE(has(said, "not known: no plan was found")) << said;
}

TEST_F(Idle, ItReallyCannot) {
  world_.cluster.machines[1].except = {world_.graph.ops()[1].name};
  EXPECT_TRUE(has(why({}), "no machine may run layer")) << why({});
  world_.cluster.machines[1].except.clear();
  std::erase_if(world_.cluster.links, [](const auto& link) { return link.from == "b"; });
  EXPECT_TRUE(has(why({}), "no way for some value")) << why({});
}

}  // namespace
}  // namespace tessera::placement
