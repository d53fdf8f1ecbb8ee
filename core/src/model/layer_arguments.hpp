#pragma once

#include <vector>

#include "model/expression.hpp"
#include "network/layer_entry.hpp"
#include "nngp/registry.hpp"

namespace nngp {

/// Turns the expressions of one text into layers and activations.
class ModelReader {
 public:
  ModelReader(std::string_view text, const Registry& registry) : text_(text), registry_(registry) {}

  Layer layer(const Expression& expression) const;
  Activation activation(const Expression& expression) const;
  std::vector<double> numbers(const Expression& value) const;

  /// Throws ModelError at a place in the text.
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    fail_at(text_, offset, message);
  }

 private:
  Activation formula_activation(const Expression& expression) const;
  void check_known(const Expression::Call& call, std::size_t offset) const;
  bool is_numerical_detail(const Expression::Call& call, const Argument& argument) const;

  std::string_view text_;
  const Registry& registry_;
};

/// The arguments of a call, bound to the parameters of a layer.
class LayerArguments final : public LayerCall {
 public:
  /// Throws ModelError for unknown, missing and surplus arguments.
  LayerArguments(const ModelReader& reader, const LayerEntry& entry, const Expression& call);

  double number(std::string_view parameter) const override;
  std::optional<double> optional_number(std::string_view parameter) const override;
  std::vector<double> numbers(std::string_view parameter) const override;
  std::vector<std::string> strings(std::string_view parameter) const override;
  bool truth(std::string_view parameter) const override;
  std::vector<std::size_t> integers(std::string_view parameter) const override;
  std::ptrdiff_t axis(std::string_view parameter) const override;
  std::vector<std::ptrdiff_t> axes(std::string_view parameter) const override;
  std::vector<IndexItem> index(std::string_view parameter) const override;
  void none(std::string_view parameter, std::string_view reason) const override;
  std::size_t integer(std::string_view parameter, std::size_t minimum) const override;
  std::size_t choice(std::string_view parameter,
                     std::initializer_list<std::string_view> options) const override;
  void only(std::string_view parameter, std::initializer_list<double> values,
            std::string_view reason) const override;
  Activation activation(std::string_view parameter) const override;
  Layer layer(std::string_view parameter) const override;
  std::vector<Layer> layers() const override;

  /// Where the argument stands, or the call if it was left out.
  std::size_t offset_of(std::string_view parameter) const;

 private:
  std::size_t index_of(std::string_view parameter) const;
  const Expression& value(std::string_view parameter) const;
  const Expression::Call& call() const { return std::get<Expression::Call>(call_.value); }
  std::size_t place_of(std::size_t argument, bool& keyword_seen) const;
  [[noreturn]] void fail(std::string_view parameter, const std::string& message) const;
  std::optional<std::ptrdiff_t> integer_or_none(std::string_view parameter,
                                                const Expression& value) const;

  const ModelReader& reader_;
  const LayerEntry& entry_;
  const Expression& call_;
  std::vector<const Expression*> given_;  ///< by parameter; null where left out
  std::vector<Expression> presets_;       ///< by parameter, of those left out
};

}  // namespace nngp
