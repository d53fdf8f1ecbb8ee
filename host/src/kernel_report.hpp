#pragma once

#include <string>
#include <vector>

#include "nngp/array.hpp"
#include "nngp/registry.hpp"
#include "nngp/stax.hpp"

namespace nngp::host {

/// One input of a computation.
struct InputReport {
  std::string path;
  Eigen::Index rows = 0;
  Eigen::Index cols = 0;
  std::string dtype;
};

/// An activation that a computation used, and where it came from.
struct PluginReport {
  std::string activation;  ///< as a model writes it, parameters named
  std::string version;
  std::string library;
  std::string abi;
  std::string file;
};

/// What `nngp kernel` did.
struct KernelReport {
  std::string model;
  std::string normalised_model;
  InputReport x1;
  InputReport x2;  ///< empty path: x1 with itself
  std::string nngp_path;
  std::string ntk_path;
  std::vector<PluginReport> plugins;
  std::string dtype;
  unsigned threads = 0;
  double read_seconds = 0;
  double compute_seconds = 0;
  double write_seconds = 0;

  Eigen::Index rows() const { return x1.rows; }
  Eigen::Index cols() const { return x2.path.empty() ? x1.rows : x2.rows; }

  /// As JSON, with the peak memory of the process so far.
  std::string json() const;
  /// For reading: aligned lines of at most about 80 columns.
  std::string text() const;
};

/// The activations of a network, each once, in order of appearance.
std::vector<PluginReport> plugins_used(const Layer& network, const Registry& registry);

/// The range of a kernel's entries and its upper left corner, for reading.
template <class Real>
std::string kernel_text(const std::string& name, const MatrixView<Real>& kernel, bool symmetric);

}  // namespace nngp::host
