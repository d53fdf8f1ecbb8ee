#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command/report.hpp"
#include "kernel/kernel_request.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"

namespace nngp::host {

/// What `nngp kernel` did.
struct KernelReport {
  KernelRequest request;
  std::string normalised_model;
  InputReport x1;
  std::optional<InputReport> x2;
  std::vector<PluginReport> plugins;
  std::vector<NumericalLayer> numerical;  ///< the layers without a closed form
  std::vector<LayerWork> work;
  KernelWindow window = {};
  double read_seconds = 0;
  double compute_seconds = 0;
  double write_seconds = 0;

  /// Whether row and column i belong to the same input.
  bool symmetric() const { return !x2 && window.row == window.col && window.rows == window.cols; }

  /// As JSON, with the peak memory of the process so far.
  std::string json() const;
  /// For reading: aligned lines of at most about 80 columns.
  std::string text() const;
  /// One line that names all that the results depend on.
  std::string identity() const;
};

}  // namespace nngp::host
