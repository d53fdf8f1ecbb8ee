#include "nngp/array.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <new>

namespace nngp {

template <class Real>
OwnedMatrix<Real>::OwnedMatrix(Eigen::Index rows, Eigen::Index cols) : rows_(rows), cols_(cols) {
  constexpr std::size_t line = 64, huge_page = std::size_t{1} << 21;
  constexpr auto most = std::numeric_limits<Eigen::Index>::max() / Eigen::Index{2 * sizeof(Real)};
  if (cols > 0 && rows > most / cols) throw std::bad_alloc();
  const std::size_t bytes = static_cast<std::size_t>(rows * cols) * sizeof(Real);
  const std::size_t alignment = bytes < huge_page ? line : huge_page;
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  memory_.reset(static_cast<Real*>(std::aligned_alloc(alignment, std::max(whole, alignment))));
  if (!memory_) throw std::bad_alloc();
  if (alignment == huge_page) madvise(memory_.get(), whole, MADV_HUGEPAGE);
}

template class OwnedMatrix<double>;
template class OwnedMatrix<float>;

}  // namespace nngp
