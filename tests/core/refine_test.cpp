// Predictions with ill-conditioned kernels, against solutions of 50 digits (tests/golden/refined).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/predict.hpp"
#include "nngp/stored_kernel.hpp"

namespace {

using nlohmann::json;
using nngp::test::view;

nngp::Matrix<double> matrix(const json& rows) {
  nngp::Matrix<double> m(rows.size(), rows[0].size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows[0].size(); ++j)
      m(Eigen::Index(i), Eigen::Index(j)) =
          rows[i][j].is_string() ? std::stod(rows[i][j].get<std::string>()) : rows[i][j].get<double>();
  return m;
}

struct System {
  explicit System(const json& from)
      : condition_number(from["condition_number"]),
        shift(from["shift"]),
        train(matrix(from["train"])),
        test(matrix(from["test"])),
        y(matrix(from["y"]).transpose()),
        means(matrix(from["means"]).transpose()) {}

  nngp::Gaussian predicted(nngp::SolveMethod method = nngp::SolveMethod::cholesky) const {
    nngp::EnsembleOptions options = {.diag_reg = {shift, true}, .method = method};
    const nngp::Ensemble<double> ensemble(nngp::stored_kernel<double>(view(train), std::nullopt, true),
                                          view(y), options);
    // Of the test inputs' own kernel the diagonal is needed alone, which is that of the training
    // inputs.
    const nngp::Matrix<double> own =
        nngp::Matrix<double>::Identity(test.rows(), test.rows()) * train.diagonal().maxCoeff();
    return ensemble.predict(nngp::stored_kernel<double>(view(test), std::nullopt, false),
                            nngp::stored_kernel<double>(view(own), std::nullopt, true));
  }
  /// Of the mean, relative to the largest, the worst of the outputs.
  double error(const nngp::Gaussian& ours) const {
    const Eigen::RowVectorXd difference = (ours.mean.view() - means).cwiseAbs().colwise().maxCoeff();
    return (difference.array() / means.cwiseAbs().colwise().maxCoeff().array()).maxCoeff();
  }

  double condition_number, shift;
  nngp::Matrix<double> train, test, y, means;
};

std::vector<System> systems() {
  std::ifstream file(NNGP_TEST_DATA "/golden/refined/systems.json");
  std::vector<System> all;
  for (const json& one : json::parse(file)) all.emplace_back(one);
  return all;
}

TEST(Refinement, BringsDigitsBackAndTellsHowMany) {
  for (const System& system : systems()) {
    // What float64 cannot factorise is told, not solved.
    if (system.condition_number > 1e16) {
      try {
        const nngp::Gaussian ours = system.predicted();
        EXPECT_LT(system.error(ours), *ours.rounding);
      } catch (const nngp::NotPositiveDefinite&) {
      }
      continue;
    }
    const nngp::Gaussian ours = system.predicted();
    ASSERT_TRUE(ours.rounding);
    const double error = system.error(ours);
    EXPECT_LE(error, 2 * *ours.rounding) << system.condition_number;
    if (system.condition_number < 1e15) {
      EXPECT_LT(error, 4e-16) << system.condition_number;
      EXPECT_LT(*ours.rounding, 1e-15) << system.condition_number;
    }
  }
}

TEST(Eigensystem, TellsItsDigits) {
  for (const System& system : systems()) {
    if (system.condition_number > 1e15) continue;
    const nngp::Gaussian ours = system.predicted(nngp::SolveMethod::eigensystem);
    ASSERT_TRUE(ours.rounding);
    const double error = system.error(ours);
    EXPECT_LE(error, *ours.rounding) << system.condition_number;
    EXPECT_LE(*ours.rounding, 1000 * error + 1e-14) << system.condition_number;
  }
}

TEST(ConjugateGradients, BoundTheirErrors) {
  for (const System& system : systems()) {
    if (system.shift == 0 || system.condition_number > 1e12) continue;
    const nngp::Gaussian ours = system.predicted(nngp::SolveMethod::conjugate_gradients);
    ASSERT_TRUE(ours.rounding);
    EXPECT_LE(system.error(ours), *ours.rounding) << system.condition_number;
  }
}

/// What refinement is for: the same equations solved in float64 alone lose digits.
TEST(Refinement, DoesWhatFloat64Cannot) {
  for (const System& system : systems()) {
    if (system.condition_number < 1e11 || system.condition_number > 1e15) continue;
    Eigen::MatrixXd a = system.train;
    a.diagonal().array() += system.shift;
    nngp::Gaussian plain;
    plain.mean = nngp::OwnedMatrix<double>(system.test.rows(), system.y.cols());
    plain.mean.map() = system.test * a.llt().solve(Eigen::MatrixXd(system.y));
    EXPECT_GT(system.error(plain), 1e-9) << system.condition_number;
  }
}

TEST(StoredKernels, ServeEverySolver) {
  const System system = systems().front();
  const auto train = nngp::stored_kernel<double>(view(system.train), std::nullopt, true),
             cross = nngp::stored_kernel<double>(view(system.test), std::nullopt, false);
  for (const nngp::SolveMethod method : {nngp::SolveMethod::cholesky, nngp::SolveMethod::eigensystem,
                                         nngp::SolveMethod::conjugate_gradients}) {
    nngp::EnsembleOptions options = {.diag_reg = {system.shift, true}, .method = method};
    options.conjugate_gradients.tolerance = 1e-13;
    const nngp::Ensemble<double> ensemble(train, view(system.y), options);
    EXPECT_LT(system.error(ensemble.predict(cross, std::nullopt)), 1e-10);
    // Conjugate gradients know the error where they know the test inputs' variances.
    EXPECT_EQ(ensemble.predict(cross, std::nullopt).rounding.has_value(),
              method != nngp::SolveMethod::conjugate_gradients);
  }
}

TEST(StoredKernels, GiveASpreadWithTheKernelOfTheTestInputs) {
  const System system = systems().front();
  const auto train = nngp::stored_kernel<double>(view(system.train), std::nullopt, true);
  const nngp::Ensemble<double> ensemble(train, view(system.y), {.diag_reg = {system.shift, true}});
  // The training inputs as test inputs: K - K (K + r)^-1 K = r K (K + r)^-1.
  const nngp::Gaussian ours = ensemble.predict(train, train, nngp::Uncertainty::covariance);
  Eigen::MatrixXd a = system.train;
  a.diagonal().array() += system.shift;
  const Eigen::MatrixXd expected = system.shift * a.llt().solve(Eigen::MatrixXd(system.train));
  EXPECT_TRUE(ours.covariance.view().isApprox(expected, 1e-8));
  expect_error<nngp::InvalidArgument>(
      [&] { ensemble.predict(train, std::nullopt, nngp::Uncertainty::variance); },
      "a spread needs the kernel of the test inputs");
  expect_error<nngp::DataError>(
      [&] {
        ensemble.predict(nngp::stored_kernel<double>(view(system.y), std::nullopt, false),
                         std::nullopt);
      },
      "the kernel of test with training inputs is 24 x 2, for 24 training inputs");
  expect_error<nngp::InvalidArgument>(
      [&] { nngp::Ensemble<double>(train, view(system.y), {.kernel = nngp::Get::ntk}); },
      "the NTK was not given");
  expect_error<nngp::DataError>(
      [&] { nngp::stored_kernel<double>(view(system.y), std::nullopt, true); },
      "the kernel is 24 x 2: one of inputs with themselves is square");
}

TEST(StoredKernels, MustBeKernels) {
  const auto fails = [](std::initializer_list<double> entries, Eigen::Index rows, Eigen::Index cols,
                        const std::string& message) {
    const nngp::Matrix<double> m = Eigen::Map<const nngp::Matrix<double>>(entries.begin(), rows, cols);
    expect_error<nngp::DataError>([&] { nngp::check_kernel(view(m), "K.npy", 1e-10); }, message);
  };
  fails({1, 2, 3, 4, 5, 6}, 2, 3, "'K.npy' is 2 x 3: a kernel of inputs with themselves is square");
  fails(
      {1, 2, 3, 4}, 2, 2,
      "'K.npy' is not symmetric: row 0, column 1 (counted from 0) is 2.0, but row 1, column 0 is 3.0");
  fails({1, 2, 2, -4}, 2, 2,
        "row 1, column 1 (counted from 0) is -4.0, but variances are not negative");
  const nngp::Matrix<double> rounded =
      (nngp::Matrix<double>(2, 2) << 1, 0.5, 0.5 + 1e-14, 1).finished();
  EXPECT_NO_THROW(nngp::check_kernel(view(rounded), "K.npy", 1e-10));
}

}  // namespace
