// Labels as targets, and how good predictions are.

#include "nngp/targets.hpp"

#include <cmath>

#include "expect_error.hpp"
#include "matrices.hpp"

namespace {

using nngp::Classes, nngp::Matrix, nngp::MatrixView, nngp::test::view;

nngp::Gaussian gaussian(const Matrix<double>& mean, std::vector<double> variance) {
  nngp::Gaussian predicted;
  predicted.mean = nngp::OwnedMatrix<double>(mean.rows(), mean.cols());
  predicted.mean.map() = mean;
  predicted.variance = std::move(variance);
  return predicted;
}

TEST(Classes, AreOneHotLessTheirMean) {
  const Matrix<double> labels = (Matrix<double>(6, 1) << 7, -2, 3, 7, 3, -2).finished();
  const Classes classes(view(labels));
  EXPECT_EQ(classes.labels(), (std::vector<double>{-2, 3, 7}));
  EXPECT_EQ(classes.index(7), 2u);
  EXPECT_EQ(classes.index(0), std::nullopt);
  const Matrix<double> targets = classes.one_hot(view(labels)).view();
  EXPECT_TRUE(targets.row(0).isApprox(Eigen::RowVector3d(-1, -1, 2) / 3));
  EXPECT_TRUE(targets.rowwise().sum().isZero(1e-15));
}

TEST(Classes, MayHaveOneExampleEach) {
  const Matrix<double> labels = (Matrix<double>(5, 1) << 1, 2, 3, 4, 5).finished();
  EXPECT_EQ(Classes(view(labels)).count(), 5u);
}

TEST(Classes, NamesWhatIsNone) {
  expect_error<nngp::DataError>([] { Classes{view((Matrix<double>(2, 1) << 1, 2.5).finished())}; },
                                "the label 2.5 in row 1 (counted from 0) is not a whole number");
  expect_error<nngp::DataError>([] { Classes{view((Matrix<double>(2, 1) << 5, 5).finished())}; },
                                "all training labels are 5: there is one class only");
}

TEST(Targets, OfOtherShapesAreRefused) {
  const Classes classes(view((Matrix<double>(2, 1) << 0, 1).finished()));
  const Matrix<double> labels = (Matrix<double>(2, 1) << 0, 1).finished(),
                       two = Matrix<double>::Ones(2, 2), three = Matrix<double>::Ones(3, 2);
  expect_error<nngp::DataError>(
      [&] { classes.one_hot(view((Matrix<double>(2, 1) << 1, 5).finished())); },
      "the label 5.0 in row 1 (counted from 0) is none of the training data");
  const auto fails = [](auto call, const char* message) {
    expect_error<nngp::InvalidArgument>(call, message);
  };
  fails([&] { classes.one_hot(view(two)); }, "the columns of a matrix are 2 and must be 1");
  fails([&] { nngp::Standardization(view(two)).apply(view(labels)); },
        "the columns of a matrix are 1 and must be 2");
  fails([&] { nngp::classification_quality(gaussian(three, {}), 0, view(labels), classes); },
        "predictions are 3 x 2, of what is 2 x 2");
  fails([&] { nngp::regression_quality(gaussian(two, {}), 0, view(labels)); },
        "predictions are 2 x 2, of what is 2 x 1");
  fails([&] { nngp::regression_quality(gaussian(two, {1}), 0, view(two)); },
        "predictions are 2, and their variances 1");
}

/// Of two classes, P(first) = Phi((m1 - m2) / (sqrt(2) sigma)).
TEST(ClassProbabilities, OfTwoClassesAreANormalProbability) {
  for (const double variance : {1e-4, 0.01, 1.0, 100.0}) {
    const double mean[] = {0.2, 0.1};
    const std::vector<double> p = nngp::class_probabilities(mean, 2, variance);
    EXPECT_NEAR(p[0], 0.5 * std::erfc(-0.1 / std::sqrt(2 * variance) / M_SQRT2), 1e-12);
    EXPECT_NEAR(p[0] + p[1], 1, 1e-15);
  }
}

TEST(ClassProbabilities, OfEqualMeansAreEqual) {
  const double mean[] = {1, 1, 1, 1};
  for (const double p : nngp::class_probabilities(mean, 4, 0.5)) EXPECT_NEAR(p, 0.25, 1e-15);
}

TEST(ClassProbabilities, WithoutVarianceAreCertain) {
  const double mean[] = {1, 3, 2};
  EXPECT_EQ(nngp::class_probabilities(mean, 3, 0), (std::vector<double>{0, 1, 0}));
}

TEST(ClassificationQuality, CountsAndCalibrates) {
  const Matrix<double> labels = (Matrix<double>(4, 1) << 0, 1, 0, 5).finished();
  const Classes classes(view((Matrix<double>(4, 1) << 0, 1, 0, 1).finished()));
  const Matrix<double> mean = (Matrix<double>(4, 2) << 1, 0, 1, 0, 1, 0, 1, 0).finished();
  // Each prediction is class 0 with the probability Phi(1 / sqrt(2 * 0.5)) = Phi(1).
  const auto quality =
      nngp::classification_quality(gaussian(mean, {0.4, 0.4, 0.4, 0.4}), 0.1, view(labels), classes);
  const double p = 0.5 * std::erfc(-1 / M_SQRT2);
  EXPECT_EQ(quality.correct, 2u);
  EXPECT_EQ(quality.unknown, 1u);
  EXPECT_EQ(quality.accuracy(), 0.5);
  EXPECT_NEAR(*quality.confidence, p, 1e-12);
  EXPECT_NEAR(*quality.calibration_error, p - 0.5, 1e-12);
  EXPECT_NEAR(*quality.log_loss, -(2 * std::log(p) + std::log(1 - p)) / 3, 1e-11);
  EXPECT_FALSE(nngp::classification_quality(gaussian(mean, {}), 0.1, view(labels), classes).confidence);
}

TEST(RegressionQuality, MeasuresErrorsAndBands) {
  const Matrix<double> y = (Matrix<double>(4, 1) << 0, 1, 2, 3).finished(),
                       mean = (Matrix<double>(4, 1) << 0, 1.5, 2, 6).finished();
  const auto quality = nngp::regression_quality(gaussian(mean, {1, 0.04, 1, 1}), 0.05, view(y));
  EXPECT_NEAR(quality.root_mean_squared_error[0], std::sqrt(9.25 / 4), 1e-15);
  EXPECT_NEAR(quality.r_squared[0], 1 - 9.25 / 5, 1e-15);
  EXPECT_EQ(*quality.within_one_sigma, 0.5);   // 0.5 > sqrt(0.09) = 0.3
  EXPECT_EQ(*quality.within_two_sigma, 0.75);  // 0.5 < 0.6, 3 > 2.05
  const double densities =
      -0.5 * (3 * std::log(2 * M_PI * 1.05) + std::log(2 * M_PI * 0.09) + 0.25 / 0.09 + 9 / 1.05);
  EXPECT_NEAR(*quality.log_density, densities / 4, 1e-12);
}

TEST(RegressionQuality, KnowsErrorsWhoseSquaresAreNoNumbers) {
  for (const double unit : {1e200, 1e-200}) {
    const Matrix<double> y = unit * (Matrix<double>(4, 1) << 0, 1, 2, 3).finished(),
                         mean = unit * (Matrix<double>(4, 1) << 0, 1.5, 2, 6).finished();
    const auto quality = nngp::regression_quality(gaussian(mean, {}), 0.05, view(y));
    EXPECT_NEAR(quality.root_mean_squared_error[0] / unit, std::sqrt(9.25 / 4), 1e-14);
    EXPECT_NEAR(quality.r_squared[0], 1 - 9.25 / 5, 1e-14);
  }
}

TEST(ConstantColumns, AreFound) {
  const Matrix<double> y = (Matrix<double>(2, 3) << 1, 3, 0, 2, 3, 0).finished();
  EXPECT_EQ(nngp::constant_columns(view(y)), (std::vector<Eigen::Index>{1, 2}));
  EXPECT_TRUE(nngp::constant_columns(view(Matrix<double>(y.topRows(1)))).empty());
}

TEST(Standardization, CentresAndScalesEachColumn) {
  // Means 5 and 7, deviations of the population 2 and 0.
  Matrix<double> y(8, 2);
  y << 2, 7, 4, 7, 4, 7, 4, 7, 5, 7, 5, 7, 7, 7, 9, 7;
  const nngp::Standardization standardization(view(y));
  EXPECT_EQ(standardization.mean(), (std::vector<double>{5, 7}));
  EXPECT_EQ(standardization.deviation(), (std::vector<double>{2, 1}));
  nngp::OwnedMatrix<double> scaled = standardization.apply(view(y));
  EXPECT_EQ(scaled(0, 0), -1.5);
  EXPECT_EQ(scaled(7, 0), 2);
  EXPECT_EQ(scaled(3, 1), 0);
  standardization.undo(scaled.map());
  EXPECT_EQ(scaled.view(), y);
}

TEST(Standardization, SurvivesLargeAndSmallTargets) {
  for (const double unit : {1e300, 1e-300}) {
    const Matrix<double> y = unit * (Matrix<double>(4, 1) << 1, 3, 1, 3).finished();
    const nngp::Standardization standardization(view(y));
    EXPECT_DOUBLE_EQ(standardization.mean()[0], 2 * unit);
    EXPECT_DOUBLE_EQ(standardization.deviation()[0], unit);
  }
}

}  // namespace
