// Predictions against neural-tangents (tests/golden/predict), dense formulas, and one method against
// another.

#include "nngp/predict.hpp"

#include <Eigen/LU>
#include <cmath>
#include <filesystem>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/model.hpp"
#include "nngp/spectrum.hpp"
#include "nngp/text.hpp"
#include "shipped_registry.hpp"
#include "temporary_folder.hpp"

namespace {

using Inputs = nngp::MatrixView<double>;
using nngp::Ensemble, nngp::EnsembleOptions, nngp::Get, nngp::SolveMethod, nngp::Uncertainty,
    nngp::test::shipped_model, nngp::test::view;

const std::string golden = NNGP_TEST_DATA "/golden/predict/";

nngp::Dataset<double> read(const std::string& name) {
  return nngp::read_data<double>(std::filesystem::path(golden + name + ".npy"));
}

nngp::KernelFn relu3() {
  const std::string hidden = "Dense(512, 1.5, 0.05), Relu(), ";
  return nngp::KernelFn(shipped_model("serial(" + hidden + hidden + hidden + "Dense(1, 1.5, 0.05))"));
}

class Predict : public testing::Test {
 protected:
  Ensemble<double> ensemble(const EnsembleOptions& options) const {
    return {kernel_fn, x_train.view(), y_train.view(), options};
  }
  /// The kernel of the training inputs with diag_reg.
  Eigen::MatrixXd matrix(double diag_reg) const {
    Eigen::MatrixXd k = kernel_fn(x_train.view()).nngp.view();
    k.diagonal().array() += diag_reg * k.diagonal().mean();
    return k;
  }

  const nngp::KernelFn kernel_fn = relu3();
  const nngp::Dataset<double> x_train = read("x_train"), y_train = read("y_train"),
                              x_test = read("x_test");
  const EnsembleOptions nngp_options = {.diag_reg = {1e-3}, .learning_rate = 0.7};
  const EnsembleOptions eigen_options = {
      .diag_reg = {1e-3}, .learning_rate = 0.7, .method = SolveMethod::eigensystem};
};

double relative_error(const nngp::OwnedMatrix<double>& ours, const Inputs& theirs) {
  EXPECT_EQ(ours.rows(), theirs.rows());
  EXPECT_EQ(ours.cols(), theirs.cols());
  return (ours.view() - theirs).cwiseAbs().maxCoeff() / theirs.cwiseAbs().maxCoeff();
}

void expect_golden(const nngp::Gaussian& ours, const std::string& name) {
  EXPECT_LT(relative_error(ours.mean, read(name + "_mean").view()), 1e-8) << name;
  EXPECT_LT(relative_error(ours.covariance, read(name + "_cov").view()), 1e-8) << name;
  const nngp::Matrix<double> covariance = ours.covariance.view();
  EXPECT_EQ(covariance, covariance.transpose());
  for (std::size_t i = 0; i < ours.variance.size(); ++i)
    EXPECT_EQ(ours.variance[i], covariance(Eigen::Index(i), Eigen::Index(i)));
}

/// Three tiles, none of which fits into the memory.
TEST_F(Predict, TilesOnDiskSolveAsTheFactorDoes) {
  nngp::Matrix<double> x(2100, 5), y(2100, 2);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index j = 0; j < x.cols(); ++j) x(i, j) = std::sin(double(7 * i * (j + 1) + j));
    y.row(i) << x(i, 0) * x(i, 1), std::sin(x(i, 2));
  }
  const TemporaryFolder folder;
  EnsembleOptions options = {.diag_reg = {1e-2}};
  const nngp::Matrix<double> x_few = x.topRows(20).array() + 0.1;
  const Ensemble<double> direct(kernel_fn, view(x), view(y), options);
  const nngp::OwnedMatrix<double> expected = direct.predict(view(x_few)).mean;
  options.method = SolveMethod::conjugate_gradients;
  options.memory = 32 << 20;
  options.scratch = folder / "";
  const Ensemble<double> iterated(kernel_fn, view(x), view(y), options);
  EXPECT_LT(relative_error(iterated.predict(view(x_few)).mean, expected.view()), 1e-8);
  EXPECT_GT(iterated.convergence()->iterations, 1u);
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  options.scratch = folder / "none";
  expect_error<nngp::DataError>([&] { Ensemble<double>(kernel_fn, view(x), view(y), options); },
                                "none': no such file or directory");
}

TEST_F(Predict, AgreesWithNeuralTangents) {
  for (const auto& [kernel, name] : {std::pair(Get::nngp, std::string("nngp")), {Get::ntk, "ntk"}}) {
    EnsembleOptions options = nngp_options;
    options.kernel = kernel;
    expect_golden(ensemble(options).predict(x_test.view(), Uncertainty::covariance), name + "_inf");
    options.method = SolveMethod::eigensystem;
    const Ensemble<double> in_time = ensemble(options);
    expect_golden(in_time.predict(x_test.view(), Uncertainty::covariance), name + "_inf");
    for (const auto& [t, time] : {std::pair(0.5, "_0.5"), {30.0, "_30"}, {5000.0, "_5000"}})
      expect_golden(in_time.predict(x_test.view(), Uncertainty::covariance, t), name + time);
    options.diag_reg.absolute = true;
    options.method = SolveMethod::cholesky;
    expect_golden(ensemble(options).predict(x_test.view(), Uncertainty::covariance),
                  name + "_absolute");
  }
}

TEST_F(Predict, VariancesAreTheDiagonalOfTheCovariance) {
  for (const Get kernel : {Get::nngp, Get::ntk}) {
    EnsembleOptions options = eigen_options;
    options.kernel = kernel;
    const Ensemble<double> in_time = ensemble(options);
    for (const auto& t : {std::optional<double>(), std::optional(30.0)}) {
      const auto whole = in_time.predict(x_test.view(), Uncertainty::covariance, t);
      const auto alone = in_time.predict(x_test.view(), Uncertainty::variance, t);
      EXPECT_EQ(alone.covariance.size(), 0);
      for (std::size_t i = 0; i < whole.variance.size(); ++i)
        EXPECT_NEAR(alone.variance[i], whole.variance[i], 1e-12);
    }
  }
}

TEST_F(Predict, StartsAtThePrior) {
  const auto at_start = ensemble(eigen_options).predict(x_test.view(), Uncertainty::covariance, 0.0);
  EXPECT_TRUE(at_start.mean.view().isZero());
  EXPECT_EQ(nngp::Matrix<double>(at_start.covariance.view()),
            nngp::Matrix<double>(kernel_fn(x_test.view()).nngp.view()));
}

TEST_F(Predict, Float32KernelsAreSolvedInFloat64) {
  const nngp::Matrix<float> x = x_train.view().cast<float>(), xt = x_test.view().cast<float>();
  const auto ours =
      Ensemble<float>(kernel_fn, x, y_train.view(), nngp_options).predict(xt, Uncertainty::covariance);
  EXPECT_LT(relative_error(ours.mean, read("nngp_inf_mean").view()), 1e-3);
  EXPECT_LT(relative_error(ours.covariance, read("nngp_inf_cov").view()), 1e-3);
}

TEST_F(Predict, ConjugateGradientsAgreeWithCholesky) {
  for (const Get kernel : {Get::nngp, Get::ntk})
    for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{4096}}) {
      EnsembleOptions options = nngp_options;
      options.kernel = kernel;
      const auto direct = ensemble(options).predict(x_test.view(), Uncertainty::variance);
      options.method = SolveMethod::conjugate_gradients;
      options.memory = memory;
      options.conjugate_gradients.tolerance = 1e-12;
      const Ensemble<double> iterated = ensemble(options);
      const auto predicted = iterated.predict(x_test.view(), Uncertainty::variance);
      EXPECT_LT(relative_error(predicted.mean, direct.mean.view()), 1e-9);
      for (std::size_t i = 0; i < direct.variance.size(); ++i)
        EXPECT_NEAR(predicted.variance[i], direct.variance[i], 1e-9);
      EXPECT_GT(iterated.convergence()->iterations, 0u);
      EXPECT_LE(iterated.convergence()->residual, 1e-12);
    }
}

/// No bias: rows of zeros have a kernel of zeros, and all landmarks may be such rows.
TEST_F(Predict, ConjugateGradientsSolveWhereTheLandmarksAreZero) {
  const nngp::KernelFn no_bias(shipped_model("serial(Dense(512), Relu(), Dense(1))"));
  nngp::Matrix<double> x = nngp::Matrix<double>::Zero(40, 3), y(40, 1);
  for (Eigen::Index i = 0; i < x.rows(); ++i) y(i, 0) = std::sin(double(i));
  for (const Eigen::Index i : {3, 17}) x.row(i) << 1, double(i), -2;
  EnsembleOptions options = {.diag_reg = {1e-3}};
  const auto direct = Ensemble<double>(no_bias, view(x), view(y), options).predict(view(x));
  options.method = SolveMethod::conjugate_gradients;
  options.conjugate_gradients.tolerance = 1e-12;
  for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{4096}, std::size_t{1}}) {
    options.memory = memory;
    const auto iterated = Ensemble<double>(no_bias, view(x), view(y), options).predict(view(x));
    EXPECT_LT(relative_error(iterated.mean, direct.mean.view()), 1e-9);
  }
}

/// Squares of such numbers are beyond float64; solutions are not.
TEST_F(Predict, ScalesOfTargetsAndInputsDoNotMatter) {
  for (const SolveMethod method :
       {SolveMethod::cholesky, SolveMethod::eigensystem, SolveMethod::conjugate_gradients}) {
    EnsembleOptions options = nngp_options;
    options.method = method;
    options.conjugate_gradients.tolerance = 1e-12;
    const nngp::KernelFn no_bias(shipped_model("serial(Dense(512), Relu(), Dense(1))"));
    const auto at = [&](double x_scale, double y_scale) {
      const nngp::Matrix<double> x = x_train.view() * x_scale, xt = x_test.view() * x_scale,
                                 y = y_train.view() * y_scale;
      return Ensemble<double>(no_bias, view(x), view(y), options)
          .predict(view(xt), Uncertainty::variance);
    };
    const auto usual = at(1, 1);
    for (const double scale : {0x1p515, 0x1p-548, 0x1p1000, 0x1p-1000}) {
      const nngp::Matrix<double> expected = usual.mean.view() * scale;
      EXPECT_LT(relative_error(at(1, scale).mean, view(expected)), 1e-9) << scale;
    }
    for (const double scale : {0x1p498, 0x1p-490}) {
      const auto ours = at(scale, 1);
      EXPECT_LT(relative_error(ours.mean, usual.mean.view()), 1e-9) << scale;
      for (std::size_t i = 0; i < usual.variance.size(); ++i)
        EXPECT_NEAR(ours.variance[i] / scale / scale, usual.variance[i], 1e-9);
    }
  }
}

TEST_F(Predict, ConjugateGradientsSayWhenTheyDoNotConverge) {
  EnsembleOptions options = nngp_options;
  options.method = SolveMethod::conjugate_gradients;
  options.memory = 1;
  options.conjugate_gradients.iterations = 2;
  expect_error<nngp::NumericalError>([&] { ensemble(options).predict(x_test.view()); },
                                     "conjugate gradients stopped after 2 iterations");
  options.conjugate_gradients.progress = [](std::size_t, double) { return false; };
  expect_error<nngp::Interrupted>([&] { ensemble(options).predict(x_test.view()); }, "interrupted");
  options.diag_reg.value = 0;
  expect_error<nngp::DataError>([&] { ensemble(options); }, "need a diag_reg above 0");
}

/// The held-out example or fold is left out and predicted from the rest.
TEST_F(Predict, LeaveOneOutIsWhatRefittingGives) {
  const Eigen::MatrixXd a = matrix(1e-3);
  const Eigen::MatrixXd y = y_train.view();
  double squares = 0, log_density = 0;
  for (Eigen::Index i = 0; i < a.rows(); ++i) {
    std::vector<Eigen::Index> rest;
    for (Eigen::Index j = 0; j < a.rows(); ++j)
      if (j != i) rest.push_back(j);
    const Eigen::MatrixXd inverse = a(rest, rest).inverse();
    const Eigen::RowVectorXd k = a(i, rest);
    const Eigen::RowVectorXd error = y.row(i) - k * inverse * y(rest, Eigen::all);
    const double variance = a(i, i) - k * inverse * k.transpose();
    squares += error.squaredNorm();
    for (Eigen::Index c = 0; c < y.cols(); ++c)
      log_density -= 0.5 * (error[c] * error[c] / variance + std::log(2 * M_PI * variance));
  }
  for (const EnsembleOptions& options : {nngp_options, eigen_options}) {
    const nngp::Scores scores = ensemble(options).scores();
    EXPECT_NEAR(scores.leave_one_out.root_mean_squared_error, std::sqrt(squares / double(y.size())),
                1e-10);
    EXPECT_NEAR(scores.leave_one_out.log_density, log_density / double(y.size()), 1e-9);
    EXPECT_FALSE(scores.folds);
  }
}

TEST_F(Predict, MarginalLikelihoodIsTheDensityOfTheTargets) {
  const Eigen::MatrixXd a = matrix(1e-3);
  const Eigen::MatrixXd y = y_train.view();
  double expected = 0;
  for (Eigen::Index c = 0; c < y.cols(); ++c)
    expected -= 0.5 * (y.col(c).dot(a.inverse() * y.col(c)) + std::log(a.determinant()) +
                       double(a.rows()) * std::log(2 * M_PI));
  EXPECT_NEAR(ensemble(nngp_options).scores().log_marginal_likelihood, expected, 1e-8);
  EXPECT_NEAR(ensemble(eigen_options).scores().log_marginal_likelihood, expected, 1e-8);
}

/// Squares of such targets are no numbers.
TEST_F(Predict, ScoresOfVeryLargeAndVerySmallTargetsAreThoseOfOthersInTheirUnit) {
  const nngp::Scores ones = ensemble(nngp_options).scores(3);
  const nngp::Matrix<double> y = y_train.view();
  for (const double unit : {std::ldexp(1, 660), std::ldexp(1, -660)}) {
    const nngp::Matrix<double> scaled = unit * y;
    for (const EnsembleOptions& options : {nngp_options, eigen_options}) {
      const nngp::Scores scores =
          Ensemble<double>(kernel_fn, x_train.view(), view(scaled), options).scores(3);
      EXPECT_NEAR(scores.leave_one_out.root_mean_squared_error / unit,
                  ones.leave_one_out.root_mean_squared_error, 1e-9);
      EXPECT_NEAR(scores.folds->root_mean_squared_error / unit, ones.folds->root_mean_squared_error,
                  1e-9);
      EXPECT_EQ(std::isfinite(scores.log_marginal_likelihood), unit < 1);
    }
  }
}

TEST_F(Predict, FoldsOfOneAreLeaveOneOut) {
  for (const EnsembleOptions& options : {nngp_options, eigen_options}) {
    const nngp::Scores scores = ensemble(options).scores(24);
    EXPECT_NEAR(scores.folds->root_mean_squared_error, scores.leave_one_out.root_mean_squared_error,
                1e-11);
    EXPECT_NEAR(scores.folds->log_density, scores.leave_one_out.log_density, 1e-10);
    EXPECT_EQ(scores.folds->accuracy, scores.leave_one_out.accuracy);
    EXPECT_LT(scores.leave_one_out.root_mean_squared_error,
              ensemble(options).scores(3).folds->root_mean_squared_error);
  }
  expect_error<nngp::DataError>([&] { ensemble(nngp_options).scores(25); }, "25 folds of 24 examples");
  expect_error<nngp::DataError>([&] { ensemble(nngp_options).scores(1); }, "1 folds of 24 examples");
}

TEST_F(Predict, OneEigensystemServesEveryDiagReg) {
  const Ensemble<double> all = ensemble(eigen_options);
  for (const double value : nngp::logarithmic_grid(1e-6, 1, 4)) {
    EnsembleOptions options = nngp_options;
    options.diag_reg.value = value;
    const Ensemble<double> one = ensemble(options), shared = all.with({value});
    EXPECT_NEAR(shared.shift(), one.shift(), 1e-15);
    EXPECT_NEAR(shared.scores().leave_one_out.root_mean_squared_error,
                one.scores().leave_one_out.root_mean_squared_error, 1e-9);
    EXPECT_LT(
        relative_error(shared.predict(x_test.view()).mean, one.predict(x_test.view()).mean.view()),
        1e-9);
  }
}

TEST(PredictOfZeros, SaysWhatHelpsWhateverTheMethod) {
  const nngp::KernelFn no_bias(shipped_model("serial(Dense(512), Relu(), Dense(1))"));
  const nngp::Matrix<double> x = nngp::Matrix<double>::Zero(6, 3), y = nngp::Matrix<double>::Ones(6, 1);
  for (const SolveMethod method :
       {SolveMethod::cholesky, SolveMethod::eigensystem, SolveMethod::conjugate_gradients}) {
    EnsembleOptions options = {.diag_reg = {1e-3}, .method = method};
    const auto predict = [&] {
      return Ensemble<double>(no_bias, view(x), view(y), options).predict(view(x)).mean(0, 0);
    };
    expect_error<nngp::NotPositiveDefinite>(predict, "give the Dense layers a b_std, or an absolute");
    options.diag_reg = {1e-3, true};
    EXPECT_EQ(predict(), 0);
  }
  EnsembleOptions options = {.diag_reg = {1e-3}, .method = SolveMethod::eigensystem};
  expect_error<nngp::NotPositiveDefinite>(
      [&] { Ensemble<double>(no_bias, view(x), view(y), options).scores(); },
      "give the Dense layers a b_std");
}

TEST_F(Predict, NamesEqualRowsAndTheDiagRegThatHelps) {
  nngp::Matrix<double> x(6, 2);
  x << 1, 2, 3, 4, 0, 1, 3, 4, 5, -1, 2, 2;
  const nngp::Matrix<double> y = nngp::Matrix<double>::Random(6, 1);
  const auto run = [&](double diag_reg) {
    return Ensemble<double>(kernel_fn, view(x), view(y), {.diag_reg = {diag_reg}});
  };
  expect_error<nngp::NotPositiveDefinite>(
      [&] { run(0); }, "rows 1 and 3 (counted from 0) are identical; a diag_reg of 1e-1");
  EXPECT_TRUE(run(1e-12).predict(view(x)).mean.view().allFinite());
}

TEST_F(Predict, NamesWhatDoesNotFit) {
  const auto fails = [&](const EnsembleOptions& options, const std::string& message) {
    expect_error<nngp::InvalidArgument>([&] { ensemble(options); }, message);
  };
  fails({.diag_reg = {-1e-3}}, "diag_reg is -0.001; it must be 0 or more");
  fails({.learning_rate = 0}, "the learning rate is 0; it must be above 0");
  fails({.kernel = Get::both}, "an ensemble has one kernel");
  expect_error<nngp::DataError>(
      [&] { Ensemble<double>(kernel_fn, x_test.view(), y_train.view(), nngp_options); },
      "there are 7 training inputs and 24 x 2 targets; each input needs one");
  expect_error<nngp::InvalidArgument>(
      [&] { nngp::training_kernel(kernel_fn, x_test.view(), Get::both); },
      "a training kernel is one of nngp or ntk");
  expect_error<nngp::InvalidArgument>(
      [&] { ensemble(eigen_options).predict(x_test.view(), Uncertainty::none, -1.0); },
      "the training time is -1; it must be 0 or more");
  expect_error<nngp::DataError>([&] { ensemble(nngp_options).predict(y_train.view()); }, "features");
  expect_error<nngp::DataError>([] { nngp::logarithmic_grid(0, 1, 3); }, "0 < low <= high");
}

TEST(Eigenvalues, OfAKnownMatrix) {
  nngp::OwnedMatrix<double> matrix(2, 2);
  matrix.map() << 2, 1, 1, 2;
  const std::vector<double> values = nngp::eigenvalues(std::move(matrix));
  EXPECT_NEAR(values[0], 1, 1e-15);
  EXPECT_NEAR(values[1], 3, 1e-15);
}

TEST(CholeskyFactor, KnowsItsMatrix) {
  nngp::OwnedMatrix<double> matrix(2, 2);
  matrix.map() << 2, 1, 1, 2;
  const nngp::Cholesky factor(std::move(matrix), 0);
  EXPECT_NEAR(factor.log_determinant(), std::log(3), 1e-15);
  EXPECT_NEAR(factor.condition_number(), 3, 1e-12);  // in the 1-norm: 3 times 1
  const nngp::Matrix<double> inverse = factor.inverse().view();
  EXPECT_TRUE(inverse.isApprox((nngp::Matrix<double>(2, 2) << 2, -1, -1, 2).finished() / 3, 1e-14));
}

}  // namespace
