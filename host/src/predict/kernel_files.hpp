#pragma once

// Kernels of one's own: matrices in files instead of a model and inputs.

#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "command/options.hpp"
#include "command/report.hpp"
#include "nngp/data.hpp"
#include "nngp/kernel.hpp"

namespace nngp::host {

/// The files of --k-train and the like; empty: not given.
struct KernelFiles {
  std::string train;       ///< kernel of the training inputs with themselves: NNGP or NTK, by --kernel
  std::string test;        ///< of test (rows) with training inputs
  std::string test_test;   ///< NNGP of the test inputs with themselves, for the spread
  std::string nngp_train;  ///< the NNGP where --kernel is ntk, for the spread
  std::string nngp_test;

  bool given() const { return !train.empty(); }
  /// Whether they suffice for the spread of predictions.
  bool know_spread(Get kernel) const {
    return !test_test.empty() && (kernel == Get::nngp || (!nngp_train.empty() && !nngp_test.empty()));
  }
  Paths paths() const;
};

void add_kernel_file_options(po::options_description& options);
/// Throws UsageError if they do not go together, or with --model and inputs.
KernelFiles kernel_files_from(const po::variables_map& arguments, Get kernel, bool wants_spread);

/// Reads and checks a kernel of inputs with themselves. Throws DataError that names `path`.
Dataset<double> read_training_kernel(const std::string& path);

/// The matrices themselves.
class OwnKernels {
 public:
  /// Throws DataError for matrices that are no kernels, or do not fit together.
  OwnKernels(const KernelFiles& files, Get kernel);

  KernelOperator<double> train() const;
  KernelOperator<double> cross() const;
  /// Of the test inputs; none if it was not given.
  std::optional<KernelOperator<double>> test() const;
  void check_unchanged() const;

  /// What the files hold.
  std::vector<InputFile> inputs() const;

 private:
  struct Matrix {
    std::string name, path;
    Dataset<double> data;
  };
  std::optional<Matrix> read(const char* name, const std::string& path, bool symmetric) const;
  void check_shape(const std::optional<Matrix>& matrix, Eigen::Index rows, Eigen::Index cols) const;
  KernelOperator<double> stored(const std::optional<Matrix>& matrix, const std::optional<Matrix>& nngp,
                                bool symmetric) const;

  bool ntk_;
  std::optional<Matrix> train_, test_, test_test_, nngp_train_, nngp_test_;
};

}  // namespace nngp::host
