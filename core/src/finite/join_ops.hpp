#pragma once

// Several slots made into one: sums, and channels side by side.

#include <cstddef>
#include <utility>
#include <vector>

#include "finite/pass.hpp"

namespace nngp {

/// out = the sum of slots.
class SumOp final : public FiniteOpOf<SumOp> {
 public:
  SumOp(std::size_t out, std::vector<std::size_t> in) : FiniteOpOf(out), in_(std::move(in)) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    pass.value(out) = pass.value(in_[0]);
    for (std::size_t b = 1; b < in_.size(); ++b) pass.value(out) += pass.value(in_[b]);
  }
  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    for (const std::size_t branch : in_)
      pass.add_rows(out, branch, [](Eigen::Index, auto&& in, const auto& by_out) { in += by_out; });
  }

 private:
  std::vector<std::size_t> in_;
};

/// The channels of several slots side by side, position by position.
class ConcatOp final : public FiniteOpOf<ConcatOp> {
 public:
  ConcatOp(std::size_t out, std::vector<std::size_t> in, std::size_t positions)
      : FiniteOpOf(out), in_(std::move(in)), positions_(static_cast<Eigen::Index>(positions)) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    for_each_branch(pass,
                    [&](std::size_t branch, Eigen::Index first, Eigen::Index cols, Eigen::Index all) {
                      for (Eigen::Index s = 0; s < positions_; ++s)
                        pass.value(out).middleCols(s * all + first, cols) =
                            pass.value(branch).middleCols(s * cols, cols);
                    });
  }
  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    for_each_branch(pass,
                    [&](std::size_t branch, Eigen::Index first, Eigen::Index cols, Eigen::Index all) {
                      pass.add_rows(out, branch, [&](Eigen::Index, auto&& in, const auto& by_out) {
                        for (Eigen::Index s = 0; s < positions_; ++s)
                          in.segment(s * cols, cols) += by_out.segment(s * all + first, cols);
                      });
                    });
  }

 private:
  /// Calls body(slot, the branch's first channel, how many, of how many) for each branch.
  template <class Real, class Body>
  void for_each_branch(Pass<Real>& pass, Body body) const {
    const Eigen::Index all = pass.value(out).cols() / positions_;
    Eigen::Index first = 0;
    for (const std::size_t branch : in_) {
      const Eigen::Index cols = pass.value(branch).cols() / positions_;
      body(branch, first, cols, all);
      first += cols;
    }
  }

  std::vector<std::size_t> in_;
  Eigen::Index positions_;
};

}  // namespace nngp
