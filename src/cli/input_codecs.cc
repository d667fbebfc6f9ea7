// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/input_codecs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "tessera/core/checked.h"
#include "tessera/core/file.h"
#include "tessera/core/timing.h"
#include "tessera/data/image.h"
#include "tessera/data/preprocess.h"
#include "tessera/network/load.h"

namespace tessera::cli {
namespace {

constexpr std::size_t kMostFiles = 64;
constexpr std::int64_t kRepeats = 9;

/// By content; empty for what is no image of these.
std::string_view codec_of(std::string_view content) {
  return content.starts_with("\xFF\xD8\xFF")        ? "jpeg"
         : content.starts_with("\x89PNG\r\n\x1A\n") ? "png"
                                                    : "";
}

bool looks_like_image(const std::filesystem::path& path) {
  auto ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// Sorted, so that the same folder gives the same files.
Result<std::vector<std::filesystem::path>> images_in(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  std::error_code problem;
  if (fs::is_regular_file(folder, problem)) {
    files.push_back(folder);
    return files;
  }
  constexpr auto kSkip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folder, kSkip, problem), end; !problem && at != end;
       at.increment(problem)) {
    std::error_code unknown;
    if (looks_like_image(at->path()) && at->is_regular_file(unknown)) {
      files.push_back(at->path());
    }
  }
  if (problem || files.empty()) {
    return fail(ErrorCode::kNotFound, "no .jpg, .jpeg or .png file in '{}'{}", folder.string(),
                problem ? ": " + problem.message() : "")
        .hint("give the folder of the samples, or leave out --data");
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Measured {
  std::vector<double> bytes;
  std::vector<double> us;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

/// Once to warm up, once timed, by the clock of the one thread that decodes.
Status measure_file(const std::filesystem::path& path, std::map<std::string, Measured>& all) {
  TESSERA_TRY(const auto content, read_file(path));
  const auto codec = codec_of(content);
  if (codec.empty()) {
    return {};
  }
  const auto bytes = std::as_bytes(std::span(content));
  TESSERA_CHECK(data::decode_image(bytes, path.string()));
  const auto before = thread_cpu_us();
  TESSERA_CHECK(data::decode_image(bytes, path.string()));
  auto& measured = all[std::string(codec)];
  measured.us.push_back(thread_cpu_us() - before);
  measured.bytes.push_back(static_cast<double>(content.size()));
  return {};
}

/// Bytes of one sample; none where an extent is open.
std::optional<std::int64_t> elements_of(const data::InputSpec& spec) {
  std::int64_t elements = 1;
  for (const auto extent : spec.shape) {
    const auto product = extent > 0 ? checked_mul(elements, extent) : std::nullopt;
    if (!product) {
      return std::nullopt;
    }
    elements = *product;
  }
  return elements;
}

/// The image whose pixels are the input's elements.
data::Image blank_image(const data::InputSpec& spec, std::int64_t channels) {
  // NCHW, NHWC, CHW or HWC: without the channels and a batch of one, height and width remain.
  std::vector<std::int64_t> extents(spec.shape.end() - 3, spec.shape.end());
  if (extents.front() == channels) {
    extents.erase(extents.begin());
  }
  data::Image image{.width = extents[1], .height = extents[0], .pixels = {}};
  image.pixels.assign(static_cast<std::size_t>(image.width * image.height * 3), 128);
  return image;
}

Result<double> input_us(const data::InputSpec& spec, data::Preprocess preprocess) {
  const auto gray = spec.shape[spec.shape.size() - 3] == 1 || spec.shape.back() == 1;
  const auto image = blank_image(spec, gray ? 1 : 3);
  preprocess.resize = data::ResizeMode::kNone;
  std::vector<double> us;
  for (std::int64_t i = 0; i <= kRepeats; ++i) {
    const auto before = thread_cpu_us();
    TESSERA_CHECK(data::image_to_tensor(image, preprocess, spec.dtype, spec.shape));
    if (i > 0) {
      us.push_back(thread_cpu_us() - before);
    }
  }
  return median(std::move(us));
}

}  // namespace

Result<std::vector<cluster::InputCodec>> measure_image_codecs(const std::filesystem::path& folder,
                                                              Monitor& monitor) {
  TESSERA_TRY(const auto files, images_in(folder));
  const auto count = std::min(files.size(), kMostFiles);
  std::map<std::string, Measured> all;
  for (std::size_t i = 0; i < count; ++i) {
    TESSERA_CHECK(monitor.check());
    monitor.progress("decoding", static_cast<std::int64_t>(i), static_cast<std::int64_t>(count));
    TESSERA_CHECK(measure_file(files[i * files.size() / count], all));
  }
  if (all.empty()) {
    return fail(ErrorCode::kNotFound, "no JPEG or PNG file in '{}'", folder.string())
        .hint("their names end so, but their contents are something else");
  }
  std::vector<cluster::InputCodec> codecs;
  for (auto& [name, measured] : all) {
    cluster::InputCodec codec;
    codec.name = name;
    codec.bytes = static_cast<std::int64_t>(median(std::move(measured.bytes)));
    codec.decode_us["*"] = median(std::move(measured.us));
    codecs.push_back(std::move(codec));
  }
  return codecs;
}

Result<std::vector<cluster::InputCodec>> measure_pixel_codecs(const network::Network& model,
                                                              Monitor& monitor) {
  TESSERA_TRY(const auto specs, network::input_specs(model));
  std::vector<cluster::InputCodec> codecs;
  for (const auto& spec : specs) {
    const auto preprocess = data::guess_preprocess(spec.dtype, spec.shape);
    if (!preprocess || spec.shape.size() < 3) {
      continue;
    }
    const auto elements = elements_of(spec);
    if (!elements || *elements > 3 * data::kMaxPixels) {
      monitor.warn({"open-input",
                    fmt::format("the size of input '{}' is open or beyond that of images: what its "
                                "pixels take is not measured",
                                spec.name),
                    "give it with --dim or --shape"});
      continue;
    }
    cluster::InputCodec codec;
    codec.name = "u8";
    codec.input = specs.size() > 1 ? spec.name : "";
    codec.bytes = *elements;
    TESSERA_TRY(codec.decode_us["*"], input_us(spec, *preprocess));
    codecs.push_back(std::move(codec));
  }
  return codecs;
}

}  // namespace tessera::cli
