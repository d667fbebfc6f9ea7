// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>

#include "runtime/ort.h"
#include "tessera/core/host.h"
#include "tessera/runtime/fields.h"
#include "tessera/runtime/onnx.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tessera::runtime {
namespace {

/// The first run of a session allocates tensor by tensor, later ones by the pattern of the first.
constexpr int kRuns = 3;

/// Counts what a runtime asks for. Blocks carry their size in front of them.
class CountingAllocator : public OrtAllocator {
 public:
  explicit CountingAllocator(const OrtMemoryInfo* info) : OrtAllocator{}, info_(info) {
    version = ORT_API_VERSION;
    Alloc = [](OrtAllocator* self, std::size_t size) { return of(self).allocate(size); };
    Reserve = Alloc;
    Free = [](OrtAllocator* self, void* block) { of(self).release(block); };
    Info = [](const OrtAllocator* self) {
      return static_cast<const CountingAllocator*>(self)->info_;
    };
  }

  [[nodiscard]] std::int64_t live_bytes() const noexcept { return live_; }
  [[nodiscard]] std::int64_t peak_bytes() const noexcept { return peak_; }
  void reset_peak() noexcept { peak_ = live_.load(); }

 private:
  static constexpr std::size_t kAlignment = 64;  // what the runtime's kernels expect

  static CountingAllocator& of(OrtAllocator* self) {
    return *static_cast<CountingAllocator*>(self);
  }

  void* allocate(std::size_t size) noexcept {
    const auto rounded = (size + 2 * kAlignment - 1) / kAlignment * kAlignment;
    auto* block = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
    if (block == nullptr) {
      return nullptr;
    }
    *reinterpret_cast<std::size_t*>(block) = size;
    const auto now = live_ += static_cast<std::int64_t>(size);
    auto peak = peak_.load();
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
    return block + kAlignment;
  }

  void release(void* block) noexcept {
    if (block == nullptr) {
      return;
    }
    auto* start = static_cast<std::byte*>(block) - kAlignment;
    live_ -= static_cast<std::int64_t>(*reinterpret_cast<std::size_t*>(start));
    std::free(start);
  }

  const OrtMemoryInfo* info_;
  std::atomic<std::int64_t> live_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
};

/// The environment's CPU allocator, while this object lives.
class Registration {
 public:
  Registration(const OnnxRuntime::State& state, CountingAllocator& allocator)
      : state_(state), info_(allocator.Info(&allocator)) {
    status_ =
        checked(*state.api, state.api->RegisterAllocator(state.env, &allocator), "count memory");
  }
  ~Registration() {
    if (status_) {
      const Owned<OrtStatus> ignored(state_.api->UnregisterAllocator(state_.env, info_),
                                     state_.api->ReleaseStatus);
    }
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  [[nodiscard]] const Status& status() const noexcept { return status_; }

 private:
  const OnnxRuntime::State& state_;
  const OrtMemoryInfo* info_;
  Status status_;
};

using Opener = std::function<Result<Session>(const SessionOptions&)>;

Status run_often(Session& session, std::span<const Feed> feeds) {
  for (int i = 0; i < kRuns; ++i) {
    TESSERA_CHECK(session.run(feeds).map([](const auto&) {}));
  }
  return {};
}

Status count(const OnnxRuntime& library, const Opener& open, SessionOptions options,
             std::span<const Feed> feeds, SessionMemory& memory) {
  const auto& state = library.state();
  Owned<OrtMemoryInfo> info(state.api->ReleaseMemoryInfo);
  TESSERA_ORT(*state.api, CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, info.slot()));
  CountingAllocator allocator(info.get());
  const Registration registration(state, allocator);
  TESSERA_CHECK(registration.status());
  options.shared_arena = true;
  TESSERA_TRY(auto session, open(options));
  memory.weights_bytes = allocator.live_bytes();
  allocator.reset_peak();
  TESSERA_CHECK(run_often(session, feeds));
  memory.arena_peak_bytes = allocator.peak_bytes() - memory.weights_bytes;
  return {};
}

Status watch(const Opener& open, const SessionOptions& options, std::span<const Feed> feeds,
             SessionMemory& memory) {
#ifdef __GLIBC__
  (void)::malloc_trim(0);  // what is free in the heap would hide growth
#endif
  const bool watches = reset_peak_rss();
  const auto before = peak_rss_bytes();
  TESSERA_TRY(auto session, open(options));
  TESSERA_CHECK(run_often(session, feeds));
  if (watches && before > 0) {
    memory.rss_delta_bytes = std::max<std::int64_t>(0, peak_rss_bytes() - before);
  }
  return {};
}

Result<SessionMemory> measure(const Library& library, const Opener& open,
                              const SessionOptions& options, std::span<const Feed> feeds) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  SessionMemory memory;
  TESSERA_TRY(const auto* runtime, OnnxRuntime::in(library));
  TESSERA_CHECK(count(*runtime, open, options, feeds, memory));
  TESSERA_CHECK(watch(open, options, feeds, memory));
  return memory;
}

}  // namespace

Fields<SessionMemory> fields_of(const SessionMemory*) {
  static constexpr std::array kFields = {
      field<&SessionMemory::weights_bytes>("weights_bytes", "held from opening on"),
      field<&SessionMemory::arena_peak_bytes>("arena_peak_bytes",
                                              "most that one run holds besides"),
      field<&SessionMemory::rss_delta_bytes>(
          "rss_delta_bytes", "growth of the process; null where the system does not say")};
  return kFields;
}

Json to_json(const SessionMemory& memory) {
  return as_json(memory);
}

Result<SessionMemory> session_memory(std::shared_ptr<const Library> library,
                                     const std::filesystem::path& model,
                                     const SessionOptions& options, std::span<const Feed> feeds) {
  const auto open = [&](const SessionOptions& used) { return open_onnx(library, model, used); };
  return measure(*library, open, options, feeds);
}

Result<SessionMemory> session_memory(std::shared_ptr<const Library> library, std::string_view model,
                                     const std::filesystem::path& folder,
                                     const SessionOptions& options, std::span<const Feed> feeds) {
  const auto open = [&](const SessionOptions& used) {
    return open_onnx(library, model, folder, used);
  };
  return measure(*library, open, options, feeds);
}

}  // namespace tessera::runtime
