#pragma once

#include <optional>

#include "command/plot.hpp"
#include "nngp/predict.hpp"

namespace nngp::host {

/// Predictions of one feature with a band of two standard deviations, and the training data.
Plot prediction_plot(const MatrixView<double>& x_train, const MatrixView<double>& y_train,
                     const MatrixView<double>& x_test, const Gaussian& predicted);

/// Errors of an ensemble while it trains, of training and, if `y_test` is given, test examples, which
/// have the kernels `cross` with the training inputs.
template <class Real>
Plot learning_plot(const Ensemble<Real>& ensemble, const MatrixView<double>& y_train,
                   const KernelOperator<Real>& cross, const std::optional<MatrixView<double>>& y_test);

}  // namespace nngp::host
