#pragma once

#include <optional>

#include "command/plot.hpp"
#include "nngp/predict.hpp"

namespace nngp::host {

/// Predictions of one feature with a band of two standard deviations, and the training data.
Plot prediction_plot(const MatrixView<double>& x_train, const MatrixView<double>& y_train,
                     const MatrixView<double>& x_test, const Gaussian& predicted);

/// Errors of an ensemble while it trains, of training and, if `y_test` is given, test examples.
template <class Real>
Plot learning_plot(const Ensemble<Real>& ensemble, const MatrixView<Real>& x_train,
                   const MatrixView<double>& y_train, const MatrixView<Real>& x_test,
                   const std::optional<MatrixView<double>>& y_test);

}  // namespace nngp::host
