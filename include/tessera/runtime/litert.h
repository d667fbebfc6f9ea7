// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/affine.h"
#include "tessera/tensor/tensor.h"

/// .tflite models in LiteRT.
namespace tessera::runtime {

/// Loads LiteRT (libLiteRt.so): `path` (file or folder) if given, else the environment variable
/// TESSERA_LITERT, else beside the program, else the cache of scripts/setup, else the system's
/// loader path. Its name() in records is "litert"; its version() is that of the package it lies in,
/// and "2.3 or newer", "2.2" or "2.1.6" by what it exports where that is not known.
///
/// The TFLite C library (libtensorflowlite_c.so), which came before it, serves, too, where its file
/// is given: name() is "tflite". It takes delegates from libraries of their own: the provider is
/// the path of one, with the delegate's options. It knows no signatures. Errors: kUnavailable with
/// every place that was looked at, or why the one that was named cannot be used: it is no library,
/// another one, older than 2.1.6, or for another processor.
[[nodiscard]] Result<std::shared_ptr<const Library>> load_litert(
    const std::filesystem::path& path = {});
/// Where load_litert() looks when no path is given, in order.
[[nodiscard]] std::vector<std::filesystem::path> litert_search_places();

/// True if a path that a user gave is that of LiteRT and not of another library: a file of its
/// name, or a folder that has one.
[[nodiscard]] bool names_litert(const std::filesystem::path& path);

/// Two libraries as one: `first` with its name, version and providers, which brings `second` along
/// (Library::named()). For commands that open networks of two formats.
[[nodiscard]] std::shared_ptr<const Library> joined(std::shared_ptr<const Library> first,
                                                    std::shared_ptr<const Library> second);

/// What the caller calls an operator, and what it does.
struct LitertOperator {
  std::string name;
  std::string type;
  KernelRole role = KernelRole::kFloat;
  bool hybrid = false;  ///< multiplies integers between floats (KernelTime::hybrid_products)
};

/// What the opener of a model knows of it; the library is asked for the rest.
struct LitertModel {
  /// Key of the signature to run; empty: the first. Files without signatures have one without key.
  std::string signature;
  /// What the values of its subgraph are called, by tensor index: names of inputs and outputs.
  /// Empty: the signature's own names.
  std::vector<std::string> tensors;
  /// How its integers stand for real numbers, by tensor index, where the file says it; inputs and
  /// outputs have that in ValueInfo::quantization.
  std::vector<std::optional<AffineQuantization>> quantization;
  /// The operators of its subgraph, by operator index: for kernel times. Empty: "#3", "builtin 3".
  std::vector<LitertOperator> operators;
  /// Tensor indices that pass by SessionOptions::tap, each under its index here as the tag.
  std::vector<std::int32_t> taps;
  /// Extents for inputs that leave some open, by their names; those that are not here are 1.
  std::map<std::string, Shape> shapes;
};

/// Opens a model on the CPU. SessionOptions::opt_level chooses the kernels: disabled for LiteRT's
/// own (builtin), all for XNNPACK wherever it has one, builtin elsewhere; there is nothing between
/// the two. `config` may have "flags" (of XNNPACK, a number) and "kernel_mode" ("reference").
/// All extents of inputs() and outputs() are known. Quantized inputs and outputs are integers.
///
/// Kernel times are of the operators of the signature's subgraph, by a clock of our own around
/// each; KernelTime::sources are operator indices. What XNNPACK took is one kernel per partition
/// (provider "xnnpack") with the sources of all its operators. What is inside of control flow
/// counts as the operator that runs it.
///
/// A tap sees a value right after the operator that makes it, and may change it; an input before
/// the first operator runs. Cost: two clock readings and a look-up per operator, if there are taps
/// or kernel times are wanted; nothing otherwise.
///
/// Errors: kFailedPrecondition if `library` has no LiteRT, or has none with an observer and taps or
/// times are wanted; kUnimplemented naming the operator and version that the library does not know,
/// for custom operators and those of TensorFlow, for inputs and outputs that are no numeric
/// tensors, for results whose extents are known only when the model runs (the first run tells, and
/// fails), and for taps of values that XNNPACK keeps inside; kInvalidArgument for levels between,
/// unknown signatures and options; kUnavailable for another provider than the CPU; kDataLoss if it
/// is no model. The library does not check offsets inside of a file: give it only what was
/// verified.
[[nodiscard]] Result<Session> open_litert_file(std::shared_ptr<const Library> library,
                                               const std::filesystem::path& model,
                                               const SessionOptions& options,
                                               const LitertModel& known = {});
/// From the bytes of a file; copied.
[[nodiscard]] Result<Session> open_litert(std::shared_ptr<const Library> library,
                                          std::string_view model, const SessionOptions& options,
                                          const LitertModel& known = {});

/// What networks may ask of a library, tried by one matrix product each.
enum class LitertSkill : std::uint8_t {
  kFloat,
  kInt8,            ///< int8 activations and weights, one scale for all weights
  kPerChannelInt8,  ///< a scale for each output: libraries before 2024 take it and compute garbage
  kInt4Weights,     ///< int8 activations, int4 weights with a scale for each output
  kInt16,           ///< int16 activations, int8 weights
  kDynamicRange,    ///< float activations, int8 weights
};
[[nodiscard]] std::string_view to_string(LitertSkill skill) noexcept;

/// What came of trying one.
struct LitertProbe {
  LitertSkill skill = LitertSkill::kFloat;
  OptLevel kernels = OptLevel::kDisabled;  ///< or kAll: XNNPACK
  bool opened = false;
  bool right = false;              ///< the values are those that they have to be
  std::optional<bool> by_xnnpack;  ///< who computed it, with kAll; absent if that is not shown
  std::string error;               ///< of opening or running
};
/// What a library can really do. Version numbers do not tell.
struct LitertSkills {
  /// Values inside of a model and times of operators can be had.
  bool observer = false;
  std::vector<LitertProbe> probes;
};
/// Cost: a dozen sessions of one operator, some 10 ms.
/// Errors: kFailedPrecondition if `library` has no LiteRT.
[[nodiscard]] Result<LitertSkills> probe_litert(const std::shared_ptr<const Library>& library);

}  // namespace tessera::runtime
