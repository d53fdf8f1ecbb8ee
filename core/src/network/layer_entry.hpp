#pragma once

// How models speak of a kind of layer. One table of entries, layers/all.cpp, is all that the language
// knows of layers; the README's table of models is made from it.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/stax.hpp"

namespace nngp {

struct LayerParameter {
  std::string_view name;
  std::string_view preset = {};  ///< its value if left out, as a model writes it; empty: required
};

/// One item of x[...]: a slice, an integer (its start), or '...'.
struct IndexItem {
  enum class Kind { slice, integer, ellipsis };
  Kind kind = Kind::slice;
  std::optional<std::ptrdiff_t> start = {}, stop = {}, step = {};

  bool is_all() const;       ///< ":"
  std::string text() const;  ///< "1:-1", "::2", "3", "..."
};

/// One layer in the text of a model: its arguments by the name of the parameter, or their presets. All
/// members throw ModelError, at the place of the argument, if it is not what the member returns. The
/// language implements this; layers use it.
class LayerCall {
 public:
  virtual ~LayerCall() = default;
  virtual double number(std::string_view parameter) const = 0;
  /// nullopt for None.
  virtual std::optional<double> optional_number(std::string_view parameter) const = 0;
  virtual std::vector<double> numbers(std::string_view parameter) const = 0;
  /// Strings, or one; none for None.
  virtual std::vector<std::string> strings(std::string_view parameter) const = 0;
  /// True or False.
  virtual bool truth(std::string_view parameter) const = 0;
  /// Integers of at least 0; none for None.
  virtual std::vector<std::size_t> integers(std::string_view parameter) const = 0;
  /// The number of an axis: an integer, also below 0; and those of several.
  virtual std::ptrdiff_t axis(std::string_view parameter) const = 0;
  virtual std::vector<std::ptrdiff_t> axes(std::string_view parameter) const = 0;
  /// The items of Slice[...].
  virtual std::vector<IndexItem> index(std::string_view parameter) const = 0;
  /// Throws "PARAMETER must be None: REASON" for anything else.
  virtual void none(std::string_view parameter, std::string_view reason) const = 0;
  /// An integer of at least `minimum`.
  virtual std::size_t integer(std::string_view parameter, std::size_t minimum) const = 0;
  /// The index of the option that the argument, a string, is; case does not matter.
  virtual std::size_t choice(std::string_view parameter,
                             std::initializer_list<std::string_view> options) const = 0;
  /// Throws "PARAMETER must be FIRST: REASON" unless the argument is one of the values.
  virtual void only(std::string_view parameter, std::initializer_list<double> values,
                    std::string_view reason) const = 0;
  virtual Activation activation(std::string_view parameter) const = 0;
  virtual Layer layer(std::string_view parameter) const = 0;
  /// The arguments of an entry with takes_layers, at least one.
  virtual std::vector<Layer> layers() const = 0;
};

struct LayerEntry {
  std::string_view name;
  std::span<const LayerParameter> parameters;  ///< in the order of positional arguments
  std::string_view summary;                    ///< for the table of models, one line
  /// Makes the layer. May throw ParameterError, which the language completes with the place.
  Layer (*make)(const LayerCall& call);
  bool takes_layers = false;  ///< any number of layers in place of the parameters

  /// "Dropout(rate, mode='train')"
  std::string signature() const;
};

/// Why axes of batches and channels have one meaning.
inline constexpr std::string_view channels_last =
    "inputs are arrays of examples, positions, channels, in this order";

/// Accepts neural-tangents' batch_axis and channel_axis where they say just that.
inline void check_axes(const LayerCall& call) {
  call.only("batch_axis", {0}, channels_last);
  call.only("channel_axis", {-1}, channels_last);
}

}  // namespace nngp
