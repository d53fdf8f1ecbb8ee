#pragma once

// Where the kernels of a prediction come from: a model and inputs, or matrices of one's own.

#include <memory>
#include <optional>
#include <utility>

#include "command/models.hpp"
#include "nngp/data.hpp"
#include "nngp/predict.hpp"
#include "predict/kernel_files.hpp"
#include "predict/predict_report.hpp"
#include "predict/predict_request.hpp"

namespace nngp::host {

template <class Real>
class PredictionKernels {
 public:
  virtual ~PredictionKernels() = default;

  virtual Eigen::Index examples() const = 0;
  virtual Eigen::Index tests() const = 0;
  /// The paths of the inputs, for messages.
  virtual std::string train_path() const = 0;
  virtual std::string test_path() const = 0;

  virtual Ensemble<Real> train(const MatrixView<double>& y, const EnsembleOptions& options) const = 0;
  /// Of test with training inputs.
  virtual KernelOperator<Real> cross(const KernelOptions& options) const = 0;
  /// Of test inputs with themselves; none if they are not known.
  virtual std::optional<KernelOperator<Real>> test(const KernelOptions& options) const = 0;

  /// What is known of the files of inputs; null if there are none.
  virtual const DataSource* train_source() const { return nullptr; }
  virtual const DataSource* test_source() const { return nullptr; }

  /// Whether the kernels suffice for the spread of predictions.
  virtual bool knows_spread() const { return true; }
  /// Training and test inputs of one feature, over which predictions can be drawn as a curve; none if
  /// there are more features, or no inputs.
  virtual std::optional<std::pair<OwnedMatrix<double>, OwnedMatrix<double>>> curve() const {
    return std::nullopt;
  }

  /// Throws DataError if a file was changed while it was used.
  virtual void check_unchanged() const = 0;
  virtual void describe(PredictReport& report) const = 0;
};

/// Of the files that are named if there are any, else of the model and inputs. Throws DataError,
/// ModelError.
template <class Real>
std::unique_ptr<const PredictionKernels<Real>> prediction_kernels(const PredictRequest& request,
                                                                  Models& models);

}  // namespace nngp::host
