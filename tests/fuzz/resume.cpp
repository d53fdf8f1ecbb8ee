// Whatever a journal holds, an interrupted computation that is resumed fails with a line, or ends with
// a whole file in which an entry is either computed or was there already.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/npy.hpp"
#include "nngp/stax.hpp"
#include "nngp/stream.hpp"
#include "temporary_folder.hpp"

namespace {

constexpr Eigen::Index rows = 257;  // four blocks
constexpr float there = -1;

class Resumed {
 public:
  Resumed()
      : inputs_(nngp::Matrix<float>::Ones(rows, 2)),
        kernels_(nngp::KernelFn(nngp::Dense(1))
                     .bind<float>({inputs_.data(), rows, 2, Eigen::OuterStride<>(2)})) {
    // Leaves a journal, of which the first line is needed.
    nngp::StreamOptions options = options_;
    options.resume = false;
    constexpr double first_block = 256 * 257 / 2;
    options.kernel.progress = [](double done, double) { return done <= first_block; };
    try {
      nngp::stream_kernels<float>(kernels_, window_, output_, {}, options);
      std::abort();
    } catch (const nngp::Interrupted&) {
    }
    std::ifstream file(journal_);
    std::getline(file, identity_);
    if (identity_.empty()) std::abort();
  }

  /// A first byte that is even: the run is the same.
  void with(std::string_view text) const {
    const bool same = !text.empty() && text.front() % 2 == 0;
    if (!text.empty()) text.remove_prefix(1);
    std::ofstream(journal_) << (same ? identity_ + '\n' : "") << text;
    {
      nngp::NpyWriter<float> writer(output_, rows, rows);
      writer.matrix().setConstant(there);
      writer.keep();
    }
    std::filesystem::remove(output_);
    try {
      nngp::stream_kernels<float>(kernels_, window_, output_, {}, options_);
      const nngp::Dataset<float> result = nngp::read_data<float>(output_);
      if (result.rows() != rows || result.cols() != rows) std::abort();
      if (!((result.view().array() == 1) || (result.view().array() == there)).all()) std::abort();
      if (std::filesystem::exists(journal_)) std::abort();
    } catch (const nngp::DataError& error) {
      if (same || std::string(error.what()).find('\n') != std::string::npos) std::abort();
      if (std::filesystem::exists(output_)) std::abort();
    }
  }

 private:
  const TemporaryFolder folder_;
  const std::filesystem::path output_ = folder_ / "k.npy", journal_ = folder_ / "k.npy.journal";
  const nngp::Matrix<float> inputs_;
  const nngp::KernelOperator<float> kernels_;
  const nngp::KernelWindow window_ = {0, 0, rows, rows};
  const nngp::StreamOptions options_ = {1, true, "the same run", {1, {}}};
  std::string identity_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Resumed run;
  run.with({reinterpret_cast<const char*>(data), size});
  return 0;
}
