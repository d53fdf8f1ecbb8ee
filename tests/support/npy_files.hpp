#pragma once

#include <filesystem>

#include "nngp/data.hpp"
#include "nngp/npy.hpp"

template <class Derived>
void write_npy(const std::filesystem::path& path, const Eigen::MatrixBase<Derived>& matrix) {
  nngp::NpyWriter<typename Derived::Scalar> writer(path, matrix.rows(), matrix.cols());
  writer.matrix() = matrix;
  writer.commit();
}

template <class Real = double>
nngp::Matrix<Real> read_npy(const std::filesystem::path& path) {
  return nngp::read_data<Real>(path).view();
}
