#include "sampling/sampling_request.hpp"

#include <charconv>

#include "command/models.hpp"
#include "command/options.hpp"
#include "nngp/finite.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

/// A whole number of at least `least`.
std::uint64_t parse_whole(const std::string& text, const char* option, std::uint64_t least) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least)
    throw UsageError(std::string("--") + option + " takes a whole number of at least " +
                     std::to_string(least) + ", not '" + printable(text) + "'");
  return value;
}

}  // namespace

void add_sampling_options(po::options_description& options) {
  options.add_options()  //
      ("model", text("MODEL")->required(),
       model_help)                                                       //
      ("samples", text("K")->required(), "how many networks to sample")  //
      ("seed", text("S")->default_value("0"),
       "which networks: the same seed gives the same ones, with any number of threads")          //
      ("width", text("N"), "units of every hidden Dense layer, instead of what the model says")  //
      ("dtype", text("TYPE")->default_value("float64"), "float64 or float32")                    //
      ("threads", threads_value(), threads_help);
  add_input_options(options);
  add_shape_option(options);
  options.add(model_options());
}

SamplingRequest sampling_request(const po::variables_map& arguments, std::size_t min_samples) {
  SamplingRequest request;
  request.dtype = dtype_from(text_of(arguments, "dtype"));
  request.seed = parse_whole(text_of(arguments, "seed"), "seed", 0);
  request.samples = parse_whole(text_of(arguments, "samples"), "samples", min_samples);
  if (arguments.count("width")) request.width = parse_whole(text_of(arguments, "width"), "width", 1);
  request.threads = threads_from(arguments["threads"].as<int>());
  request.reading = reading_positions(read_options(arguments), arguments);
  request.model = read_model(text_of(arguments, "model"));
  return request;
}

Layer with_requested_width(const Layer& network, const SamplingRequest& request) {
  return request.width ? with_hidden_width(network, *request.width) : network;
}

}  // namespace nngp::host
