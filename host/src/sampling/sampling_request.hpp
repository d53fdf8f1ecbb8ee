#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "command/command.hpp"
#include "command/inputs.hpp"
#include "nngp/stax.hpp"

namespace nngp::host {

/// What the subcommands that sample networks have in common.
struct SamplingRequest {
  std::string model;  ///< the expression
  std::string dtype;
  std::uint64_t seed = 0;
  std::size_t samples = 0;
  std::optional<std::size_t> width;  ///< of hidden layers; none: as the model says
  unsigned threads = 0;
  ReadOptions reading;
};

/// Adds the options of SamplingRequest to `options`.
void add_sampling_options(po::options_description& options);

/// Reads them; `min_samples` is the smallest number of samples. Throws UsageError, DataError.
SamplingRequest sampling_request(const po::variables_map& arguments, std::size_t min_samples);

/// `network` with the hidden width that was asked for.
Layer with_requested_width(const Layer& network, const SamplingRequest& request);

}  // namespace nngp::host
