// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sched.h>

#include <algorithm>
#include <set>
#include <thread>

#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::SizeIs;

TEST(CpuList, Parse_NumbersAndRanges_AscendingOnce) {
  EXPECT_THAT(parse_cpu_list("0"), IsOkAndHolds(ElementsAre(0)));
  EXPECT_THAT(parse_cpu_list("4,0,2-3,3"), IsOkAndHolds(ElementsAre(0, 2, 3, 4)));
}

TEST(CpuList, Parse_AnythingElse_IsAUsageError) {
  for (const auto* text : {"", ",", "0,", "a", "1-", "-1", "3-2", "0 1", "0x1", "1-2-3", "99999"}) {
    EXPECT_THAT(parse_cpu_list(text), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("list")))
        << text;
  }
}

TEST(CpuList, Text_IsWhatParseReads) {
  EXPECT_EQ(cpu_list_text({0, 2, 3, 4, 6, 7}), "0,2-4,6-7");
  EXPECT_EQ(cpu_list_text({}), "");
  EXPECT_THAT(parse_cpu_list(cpu_list_text({1, 3, 4})), IsOkAndHolds(ElementsAre(1, 3, 4)));
}

TEST(PinToCpus, ConfinesTheThreadAndThoseItStarts) {
  const auto last = usable_cpus().back();
  std::vector<int> own;
  std::vector<int> inherited;
  // In a thread of its own, so that the other tests keep all processors.
  std::thread([&] {
    EXPECT_THAT(pin_to_cpus({last}), IsOk());
    own = usable_cpus();
    std::thread([&] { inherited = usable_cpus(); }).join();
  }).join();
  EXPECT_THAT(own, ElementsAre(last));
  EXPECT_THAT(inherited, ElementsAre(last));
}

TEST(PinToCpus, AbsentProcessor_NamesThoseThatAre) {
  const auto status = pin_to_cpus({CPU_SETSIZE - 1});
  ASSERT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("1023")));
  EXPECT_THAT(status.error().hint, HasSubstr(cpu_list_text(usable_cpus())));
}

TEST(NumaNodes, ReadsTheKernelsTree) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  const auto write = [&](const char* node, const char* file, const char* text) {
    std::filesystem::create_directories(folder->path() / node);
    ASSERT_THAT(write_file(folder->path() / node / file, text, Overwrite::kReplace), IsOk());
  };
  write("node1", "cpulist", "\n");
  write("node1", "meminfo", "Node 1 MemTotal:        1024 kB\n");
  write("node0", "cpulist", "0-3,8\n");
  write("node0", "meminfo", "Node 0 MemTotal:        2048 kB\nNode 0 MemFree:   1 kB\n");
  write("power", "cpulist", "0\n");
  const auto nodes = numa_nodes(folder->path());
  ASSERT_THAT(nodes, SizeIs(2));
  EXPECT_EQ(nodes[0].id, 0);
  EXPECT_THAT(nodes[0].cpus, ElementsAre(0, 1, 2, 3, 8));
  EXPECT_EQ(nodes[0].memory_bytes, 2048 * 1024);
  EXPECT_THAT(nodes[1].cpus, IsEmpty());
}

TEST(NumaNodes, NoTree_NoNodes) {
  EXPECT_THAT(numa_nodes("/no/such/place"), IsEmpty());
}

RC_GTEST_PROP(CpuList, ParseOfText_IsTheList, ()) {
  const auto set = *rc::gen::container<std::set<int>>(rc::gen::inRange(0, 40));
  RC_PRE(!set.empty());
  const std::vector<int> cpus(set.begin(), set.end());
  const auto text = cpu_list_text(cpus);
  RC_ASSERT(parse_cpu_list(text).value() == cpus);
  // The shortest form: no two parts that are neighbours.
  RC_ASSERT(text.find(",,") == std::string::npos);
  const auto parts = static_cast<std::size_t>(std::count(text.begin(), text.end(), ',')) + 1;
  const auto runs = static_cast<std::size_t>(
      std::count_if(set.begin(), set.end(), [&](int cpu) { return !set.contains(cpu - 1); }));
  RC_ASSERT(parts == runs);
}

TEST(CpuList, Parse_TheLargestThatAMaskHolds) {
  EXPECT_THAT(parse_cpu_list("1023"), IsOkAndHolds(ElementsAre(1023)));
  EXPECT_THAT(parse_cpu_list("1024"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("1024")));
  EXPECT_THAT(parse_cpu_list("0-99999999999999999999"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("list")));
}

TEST(PinToCpus, None_IsRefused) {
  const auto before = usable_cpus();
  EXPECT_THAT(pin_to_cpus({}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("''")));
  EXPECT_THAT(pin_to_cpus({-1}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_EQ(usable_cpus(), before);
}

TEST(NumaNodes, DamagedEntries_AreNodesWithoutWhatTheyDoNotSay) {
  const auto folder = TemporaryDirectory::create("tessera-test");
  ASSERT_THAT(folder, IsOk());
  std::filesystem::create_directories(folder->path() / "node3");
  std::filesystem::create_directories(folder->path() / "nodeX");
  std::filesystem::create_directories(folder->path() / "node10");
  ASSERT_THAT(write_file(folder->path() / "node10" / "meminfo", "Node 10 MemTotal: none\n",
                         Overwrite::kRefuse),
              IsOk());
  const auto nodes = numa_nodes(folder->path());
  ASSERT_THAT(nodes, SizeIs(2));
  EXPECT_EQ(nodes[0].id, 3);
  EXPECT_EQ(nodes[1].id, 10) << "by number, not by name";
  for (const auto& node : nodes) {
    EXPECT_THAT(node.cpus, IsEmpty());
    EXPECT_EQ(node.memory_bytes, 0);
  }
}

}  // namespace
}  // namespace tessera
