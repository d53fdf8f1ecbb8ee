#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "nngp/api.hpp"
#include "nngp/kernel.hpp"

NNGP_API_BEGIN
namespace nngp {

struct StreamOptions {
  /// Bytes that buffers may take, beside the inputs.
  std::size_t memory = std::size_t{1} << 30;
  /// Go on where an interrupted run with the same `identity` stopped.
  bool resume = false;
  /// Names all that the results depend on (model, data, plugins, type). A run is only resumed if it is
  /// equal.
  std::string identity = {};
  KernelOptions kernel = {};
  /// Called when all blocks are done, before the files appear; if it throws, nothing stays of them.
  std::function<void()> finish = {};
};

/// Where the journal of a run lies whose first output is `output`.
std::filesystem::path journal_path(const std::filesystem::path& output);

/// Computes the kernels of `window` into the .npy files `nngp` and `ntk` (an empty path: not wanted)
/// block by block, for results larger than memory. The files appear together when all is done. Until
/// then, and after an error or interruption once a block is done, there are NAME.partial files and
/// beside the first of them a journal, NAME.journal, of the blocks that are done; with `resume` those
/// are not computed again. The files hold the same numbers as KernelFn returns. Throws DataError,
/// Interrupted.
template <class Real>
NNGP_API void stream_kernels(const KernelOperator<Real>& kernels, const KernelWindow& window,
                             const std::filesystem::path& nngp, const std::filesystem::path& ntk,
                             const StreamOptions& options);

}  // namespace nngp
NNGP_API_END
