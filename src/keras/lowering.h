// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keras/layer_config.h"
#include "keras/layout.h"
#include "keras/model.h"
#include "keras/shapes.h"
#include "keras/trained.h"
#include "tessera/core/result.h"
#include "tessera/keras/keras.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/tensor.h"

/// What functions that lower a class of layers work with.
namespace tessera::keras {

/// A value of the ONNX model, and what it is in Keras.
struct Value {
  std::string name;
  Dims shape;  ///< in Keras' order, batch first
  Layout layout = Layout::kKeras;
  Shape unflattened;  ///< of Layout::kFlatChannelsFirst: see ImportedLayer
  DType dtype = DType::kFloat32;

  [[nodiscard]] std::size_t rank() const { return shape.size(); }
  [[nodiscard]] bool channels_first() const { return layout == Layout::kChannelsFirst; }
  [[nodiscard]] const Dim& channels() const { return shape.back(); }
  /// Where an axis of Keras lies in the model. `axis` from 0 to rank - 1.
  [[nodiscard]] std::int64_t stored_axis(std::int64_t axis) const;
};
using Values = std::vector<Value>;

/// A call that is lowered.
struct Site {
  const Layer& layer;
  const Call& call;
  std::string name;  ///< of the layer with those that it is in: "outer/inner"
  Values inputs;
  int generation = 2;                      ///< of Keras
  const TrainedRanges* trained = nullptr;  ///< of a layer in a wrapper that quantizes

  [[nodiscard]] LayerConfig config() const { return LayerConfig(layer); }
  [[nodiscard]] const Value& input() const { return inputs.front(); }
  /// "layer 'x' (Conv2D): ..."
  [[nodiscard]] std::string title() const;
  /// The arguments of the call in the order of their names, null where one is not given: what the
  /// file does not name takes the places that it does not name, and what is left over comes last.
  /// Tensors are {"__input__": place}.
  [[nodiscard]] std::vector<Json> arguments(const std::vector<std::string_view>& names) const;
  /// The tensor that an argument is; null if it is none.
  [[nodiscard]] const Value* tensor(const Json& argument) const;
};

/// A weight that a layer has to have. Extents of -1 are not looked at.
struct WeightSpec {
  std::string_view name;
  Shape shape;
};

/// Weights as float32, in the order of their specifications. Those of a file that are float32 are
/// looked at where they are.
class Weights {
 public:
  void add(const Tensor& tensor) { views_.push_back(tensor.view()); }
  void adopt(Tensor tensor);
  [[nodiscard]] const TensorView& operator[](std::size_t i) const { return views_[i]; }
  [[nodiscard]] std::span<const float> values(std::size_t i) const { return views_[i].as<float>(); }
  [[nodiscard]] std::size_t size() const { return views_.size(); }

 private:
  std::vector<TensorView> views_;
  std::vector<std::unique_ptr<const Tensor>> own_;
};

/// The weights of a call's layer. Errors: kDataLoss naming the layer where their number or their
/// shapes are others, or where one is no finite number.
[[nodiscard]] Result<Weights> weights_of(const Site& site, const std::vector<WeightSpec>& specs);
/// Those of a layer by their names, for layers whose order depends on the version.
[[nodiscard]] Result<Weights> weights_by_name(const Site& site,
                                              const std::vector<WeightSpec>& specs);

/// The same of weights that were found already, one per specification.
[[nodiscard]] Status add_weights_checked(const Site& site, const std::vector<WeightSpec>& specs,
                                         const std::vector<const Weight*>& found, Weights& weights);

/// Grows the ONNX model, layer by layer.
class Lowering {
 public:
  Lowering(onnx::Model& model, const ImportOptions& options) : model_(model), options_(options) {}

  [[nodiscard]] onnx::Model& model() { return model_; }
  [[nodiscard]] const ImportOptions& options() const { return options_; }

  /// Errors: kResourceExhausted for networks that call each other without end in sight: nested ones
  /// may double at every level.
  [[nodiscard]] Status count_call();
  /// Keeps a layer that no file has, such as an activation with parameters: constants are found
  /// by the layer's place.
  const Layer& keep(Layer layer) { return kept_.emplace_back(std::move(layer)); }
  /// Adds an operator, called after the layer: "conv/Relu". Returns its first output, which is
  /// called so, too; others have ":1", ":2" behind that.
  std::string op(const Site& site, std::string_view type, std::vector<std::string> inputs,
                 std::vector<onnx::NamedAttribute> attributes = {}, std::size_t outputs = 1);
  /// A constant of a layer, "conv/kernel", made once however often the layer is called.
  template <class Make>
  std::string weight(const Site& site, std::string_view what, const Make& make) {
    const auto key = std::pair(&site.layer, std::string(what));
    const auto found = weights_.find(key);
    return found != weights_.end() ? found->second : add_weight(site, key.second, make());
  }
  std::string numbers(const Site& site, std::string_view what, std::vector<float> values);
  std::string number(const Site& site, std::string_view what, float value);
  std::string integers(const Site& site, std::string_view what,
                       const std::vector<std::int64_t>& values);
  /// An integer weight, made by `integers`, with its scales behind it: the name of the real
  /// numbers.
  std::string dequantized(const Site& site, std::string_view what,
                          const std::function<Tensor()>& integers, std::vector<float> scales,
                          std::int64_t axis);
  /// What a quantizer makes of a weight. Most layers are called once: it is kept from the second
  /// call on.
  template <class Make>
  Result<std::shared_ptr<const QuantizedWeight>> quantized(const Site& site,
                                                           std::string_view weight,
                                                           const Make& make) {
    auto& shared = shared_[{&site.layer, std::string(weight)}];
    if (shared.weight != nullptr) {
      return shared.weight;
    }
    TESSERA_TRY(auto made, make());
    auto result = std::make_shared<const QuantizedWeight>(std::move(made));
    if (std::exchange(shared.called, true)) {
      shared.weight = result;
    }
    return result;
  }

  /// The same value with the axes that Keras has, or channels first. Moves axes at most once per
  /// value and only where they lie otherwise.
  Value keras_order(const Site& site, const Value& value);
  Value channels_first(const Site& site, const Value& value);
  /// Values that are combined element by element, all with the same layout.
  Values aligned(const Site& site, Values values);
  Value reshape(const Site& site, const Value& value, Dims shape);
  /// The value as float32: what Keras makes of integers in layers that scale and shift.
  Value floats(const Site& site, Value value);
  /// ReduceMean, ReduceMax or ReduceSum over axes of the model; the name of the result.
  std::string reduce(const Site& site, std::string_view type, const std::string& value,
                     const std::vector<std::int64_t>& axes, bool keep);

  /// Has `make` report on a tensor of the layer, once however often the layer is called, where
  /// reports are wanted.
  template <class Make>
  Status report(const Site& site, std::string_view what, const Make& make) {
    if (options_.reports && reported_.emplace(&site.layer, what).second) {
      TESSERA_TRY(auto made, make());
      reports_.push_back(std::move(made));
    }
    return {};
  }
  [[nodiscard]] std::vector<TensorReport> take_reports() { return std::move(reports_); }

  /// The result of a call: it gets the name of the layer if the call made it.
  Value settle(const Site& site, Value value);
  void record(const Site& site, const Value& value);
  [[nodiscard]] static ImportedLayer described(const Site& site, const Value& value);
  [[nodiscard]] std::vector<ImportedLayer> take_layers() { return std::move(layers_); }

 private:
  using Moved = std::pair<std::string, Layout>;
  struct SharedWeight {
    bool called = false;
    std::shared_ptr<const QuantizedWeight> weight;
  };
  std::string add_weight(const Site& site, const std::string& what, Tensor value);
  const Value& remember(Moved key, Value result);

  onnx::Model& model_;
  const ImportOptions& options_;
  std::map<std::pair<const Layer*, std::string>, std::string> weights_;
  std::map<Moved, Value> moved_;
  std::map<std::string, Moved> moved_from_;  ///< by the name of the result
  std::set<std::string> settled_;            ///< values that are results of layers
  std::vector<ImportedLayer> layers_;
  std::set<std::pair<const Layer*, std::string>> reported_;
  std::vector<TensorReport> reports_;
  std::map<std::pair<const Layer*, std::string>, SharedWeight> shared_;
  std::list<Layer> kept_;
  std::int64_t calls_ = 0;
};

/// A call of any layer, nested networks included. Errors: kUnimplemented with the classes known.
[[nodiscard]] Result<Values> lower_call(Lowering& lowering, const Site& site);
/// A network inside of another, its inputs given.
[[nodiscard]] Result<Values> lower_network(Lowering& lowering, const Model& network,
                                           const std::string& prefix, const Values& inputs,
                                           int generation);

}  // namespace tessera::keras
