// Views of matrices, and the inputs that functions take without a helper.

#include "nngp/array.hpp"

#include <optional>
#include <type_traits>
#include <vector>

#include "expect_error.hpp"
#include "nngp/error.hpp"
#include "nngp/kernel.hpp"

namespace nngp {
namespace {

Matrix<double> counted(Eigen::Index rows, Eigen::Index cols) {
  Matrix<double> x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<double>(i);
  return x;
}

TEST(MatrixView, IsMadeOfWhateverHasRowsInMemory) {
  const Matrix<double> x = counted(4, 3);
  const std::vector<double> numbers(x.data(), x.data() + x.size());
  EXPECT_EQ(MatrixView<double>(x), x);
  EXPECT_EQ(MatrixView<double>(x.middleRows(1, 2)), x.middleRows(1, 2));
  EXPECT_EQ(MatrixView<double>(x.block(1, 1, 2, 2)), x.block(1, 1, 2, 2));
  EXPECT_EQ(MatrixView<double>(x.data(), 4, 3), x);
  EXPECT_EQ(MatrixView<double>(x.data(), 4, 2, Eigen::OuterStride<>(3)), x.leftCols(2));
  EXPECT_EQ(MatrixView<double>(std::span(numbers), 3), x);
  EXPECT_EQ(MatrixView<double>(x).slice(1, 2), x.middleRows(1, 2));
  const Eigen::VectorXd column = x.col(1);
  EXPECT_EQ(MatrixView<double>(column), column);
  EXPECT_EQ(MatrixView<double>().rows(), 0);
  static_assert(std::is_same_v<decltype(MatrixView(x)), MatrixView<double>>);
  // Columns lie apart, or numbers are of another type.
  static_assert(!std::is_constructible_v<MatrixView<double>, Eigen::MatrixXd>);
  static_assert(!std::is_constructible_v<MatrixView<double>, Matrix<float>>);
  expect_error<InvalidArgument>([&] { MatrixView<double>(std::span(numbers), 5); },
                                "12 numbers are not rows of 5");
  expect_error<InvalidArgument>([&] { MatrixView<double>(std::span(numbers), 0); },
                                "12 numbers are not rows of 0");
}

TEST(MatrixView, IsAValue) {
  const Matrix<double> x = counted(4, 3), y = counted(2, 5);
  MatrixView<double> view(x);
  view = y;  // refers to another matrix; x keeps its numbers
  EXPECT_EQ(view, y);
  EXPECT_EQ(x, counted(4, 3));
  std::optional<MatrixView<double>> maybe;
  maybe = view;
  maybe = MatrixView<double>(x);
  EXPECT_EQ(*maybe, x);
}

TEST(KernelFn, TakesMatricesAsTheyAre) {
  const KernelFn kernel_fn(Dense(1));
  const Matrix<double> x1 = counted(4, 3), x2 = counted(2, 3);
  const Matrix<float> single = x1.cast<float>();
  EXPECT_DOUBLE_EQ(kernel_fn(x1).nngp(0, 1), x1.row(0).dot(x1.row(1)) / 3);
  EXPECT_DOUBLE_EQ(kernel_fn(x1, x2).nngp(3, 1), x1.row(3).dot(x2.row(1)) / 3);
  EXPECT_DOUBLE_EQ(kernel_fn(x1.topRows(2), x2, Get::ntk).ntk(1, 1), x1.row(1).dot(x2.row(1)) / 3);
  EXPECT_FLOAT_EQ(kernel_fn(single).nngp(0, 1), 14 / 3.0f);
  EXPECT_EQ(kernel_fn.bind(x1).rows(), 4u);
  EXPECT_EQ(kernel_fn.bind(x1, x2).cols(), 2u);
}

}  // namespace
}  // namespace nngp
