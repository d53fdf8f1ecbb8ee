#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command/report.hpp"
#include "nngp/monte_carlo.hpp"
#include "sampling/sampling_request.hpp"

namespace nngp::host {

/// What `nngp montecarlo` is asked for.
struct MonteCarloRequest {
  SamplingRequest sampling;
  std::string x1;
  std::string x2;    ///< empty: x1
  std::string nngp;  ///< output paths; empty: not wanted
  std::string nngp_error;
  std::string ntk;
  std::string ntk_error;
  std::string report;         ///< "-": standard output
  double relative_error = 0;  ///< stop at; 0: never
  double allowed_error = 0;   ///< of layers that are integrated, in the kernels of infinite width

  bool wants_summary() const {
    return nngp.empty() && nngp_error.empty() && ntk.empty() && ntk_error.empty();
  }
  bool wants_nngp() const { return !nngp.empty() || !nngp_error.empty() || wants_summary(); }
  bool wants_ntk() const { return !ntk.empty() || !ntk_error.empty() || wants_summary(); }
};

/// One kernel in the report.
struct EstimateReport {
  double relative_error;
  std::optional<Deviation> deviation;  ///< from the kernel of infinite width, if that is known
};

/// What `nngp montecarlo` did.
struct MonteCarloReport {
  MonteCarloRequest request;
  std::string normalised_model;
  InputReport x1;
  std::optional<InputReport> x2;
  std::vector<PluginReport> plugins;
  std::size_t samples = 0;
  std::optional<EstimateReport> nngp, ntk;
  std::vector<NumericalLayer> numerical;  ///< of the kernel of infinite width
  std::string no_kernel;                  ///< why there is none
  double read_seconds = 0;
  double sample_seconds = 0;

  std::string json() const;
  /// For reading: aligned lines of at most about 80 columns.
  std::string text() const;
};

/// One or two lines for reading.
std::string estimate_text(const EstimateReport& estimate);

}  // namespace nngp::host
