#include "nngp/stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>
#include <span>
#include <sstream>

#include "data/locked_file.hpp"
#include "data/pipe.hpp"
#include "nngp/error.hpp"
#include "nngp/npy.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

using BlockIndex = std::pair<std::size_t, std::size_t>;

/// Which blocks are in the partial files: one line each, appended when the block has been written. A
/// second run with the same output is refused here, before it can change anything.
class Journal {
 public:
  /// `output` is the file that is written.
  Journal(const std::filesystem::path& output, const std::string& identity, bool resume)
      : file_(journal_path(output), output) {
    if (resume) {
      read(identity);
    } else {
      file_.resize(0);
      append(identity + '\n');
    }
  }

  const std::set<BlockIndex>& done() const { return done_; }

  void add(const BlockIndex& block) {
    append(fmt::format("{} {}\n", block.first, block.second));
    done_.insert(block);
    file_.keep(true);
  }

  /// Leaves no journal behind, and none to resume from.
  void discard() { file_.keep(false); }

 private:
  void append(const std::string& text) {
    file_.write(size_, std::as_bytes(std::span(text)));
    size_ += text.size();
  }

  void read(const std::string& identity) {
    size_ = file_.size();
    if (size_ == 0)
      throw DataError(fmt::format("there is nothing to resume: no journal '{}'; start anew",
                                  file_.path().string()));
    file_.keep(true);
    std::string text(size_, '\0');
    file_.read(0, std::as_writable_bytes(std::span(text)));
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    if (line != identity)
      throw DataError(
          fmt::format("cannot resume: '{}' is of a run with another model, other data, plugins or "
                      "options; start anew instead",
                      file_.path().string()));
    size_ = line.size() + 1;
    // A last line without its end was cut off in writing: that block is computed again.
    while (std::getline(lines, line) && !lines.eof()) {
      BlockIndex block;
      if (std::sscanf(line.c_str(), "%zu %zu", &block.first, &block.second) == 2) done_.insert(block);
      size_ += line.size() + 1;
    }
    file_.resize(size_);
    file_.keep(!done_.empty());
  }

  LockedFile file_;
  std::uint64_t size_ = 0;  ///< bytes of whole lines
  std::set<BlockIndex> done_;
};

/// Edge of the square blocks: two blocks and a strip of each thread fit into the memory.
template <class Real>
std::size_t block_edge(const StreamOptions& options) {
  constexpr std::size_t least = 256, most = 4096;
  const double entries = static_cast<double>(options.memory) / (4.0 * sizeof(Real));
  return std::clamp(std::bit_floor(static_cast<std::size_t>(std::sqrt(entries))), least, most);
}

template <class Real>
class Stream {
  static constexpr std::size_t strip = 64;

 public:
  Stream(const KernelOperator<Real>& kernels, const KernelWindow& window,
         const std::filesystem::path& nngp, const std::filesystem::path& ntk,
         const StreamOptions& options)
      : kernels_(kernels),
        window_(window),
        options_(options),
        edge_(block_edge<Real>(options)),
        mirrored_(kernels.symmetric() && window.row == window.col && window.rows == window.cols),
        journal_(nngp.empty() ? ntk : nngp,
                 fmt::format("{}; {} {} {} {} in {}", options.identity, window.row, window.col,
                             window.rows, window.cols, edge_),
                 options.resume) {
    open(nngp_, nngp);
    open(ntk_, ntk);
  }

  void run() {
    for (std::size_t row = 0; row < window_.rows; row += edge_)
      for (std::size_t col = mirrored_ ? row : 0; col < window_.cols; col += edge_)
        total_ += entries(part(row, col));
    for (std::size_t row = 0; row < window_.rows; row += edge_)
      for (std::size_t col = mirrored_ ? row : 0; col < window_.cols; col += edge_) block({row, col});
    finish();
  }

 private:
  struct File {
    NpyWriter<Real> writer;
    OwnedMatrix<Real> block;
  };

  void finish() {
    try {
      if (options_.finish) options_.finish();
    } catch (...) {
      journal_.discard();
      for (std::optional<File>* file : {&nngp_, &ntk_})
        if (*file) (*file)->writer.keep(false);
      throw;
    }
    if (nngp_) nngp_->writer.commit();
    if (ntk_) ntk_->writer.commit();
    journal_.discard();
  }

  void open(std::optional<File>& file, const std::filesystem::path& path) {
    if (path.empty()) return;
    const auto rows = static_cast<Eigen::Index>(window_.rows),
               cols = static_cast<Eigen::Index>(window_.cols);
    const auto edge = static_cast<Eigen::Index>(edge_);
    const bool resumes = !journal_.done().empty();
    file.emplace(File{NpyWriter<Real>(path, rows, cols, resumes ? Leftover::resume : Leftover::discard),
                      OwnedMatrix<Real>(std::min(edge, rows), std::min(edge, cols))});
    file->writer.keep(resumes);
  }

  KernelWindow part(std::size_t row, std::size_t col) const {
    return {row, col, std::min(edge_, window_.rows - row), std::min(edge_, window_.cols - col)};
  }

  std::size_t entries(const KernelWindow& part) const {
    return mirrored_ && part.row == part.col ? part.rows * (part.rows + 1) / 2 : part.rows * part.cols;
  }

  void block(const BlockIndex& at) {
    const KernelWindow here = part(at.first, at.second);
    if (!journal_.done().contains(at)) {
      KernelOptions options = options_.kernel;
      if (options_.kernel.progress)
        // What counts as the whole of a block is up to those who compute it.
        options.progress = [&](double done, double all) {
          const double share = done / all * static_cast<double>(entries(here));
          return options_.kernel.progress(static_cast<double>(done_) + share,
                                          static_cast<double>(total_));
        };
      const KernelOutput<Real> out{nngp_ ? nngp_->block.data() : nullptr,
                                   ntk_ ? ntk_->block.data() : nullptr, here.cols};
      kernels_.compute({window_.row + here.row, window_.col + here.col, here.rows, here.cols}, out,
                       options);
      if (nngp_) write(*nngp_, here);
      if (ntk_) write(*ntk_, here);
      journal_.add(at);
      if (nngp_) nngp_->writer.keep();
      if (ntk_) ntk_->writer.keep();
    }
    done_ += entries(here);
  }

  void write(File& file, const KernelWindow& here) {
    arena(options_.kernel.threads).execute([&] {
      parallel_for((here.rows + strip - 1) / strip, [&](std::size_t s) {
        const std::size_t rows = std::min(strip, here.rows - s * strip);
        file.writer.write_block(index(here.row + s * strip), index(here.col),
                                view(file.block.data() + s * strip * here.cols, rows, here.cols));
      });
      if (!mirrored_ || here.row == here.col) return;
      parallel_for((here.cols + strip - 1) / strip, [&](std::size_t s) {
        const std::size_t rows = std::min(strip, here.cols - s * strip);
        const Matrix<Real> flipped = view(file.block.data(), here.rows, here.cols)
                                         .middleCols(index(s * strip), index(rows))
                                         .transpose();
        file.writer.write_block(index(here.col + s * strip), index(here.row),
                                view(flipped.data(), rows, here.rows));
      });
    });
  }

  static Eigen::Index index(std::size_t i) { return static_cast<Eigen::Index>(i); }
  static MatrixView<Real> view(const Real* data, std::size_t rows, std::size_t cols) {
    return {data, index(rows), index(cols), Eigen::OuterStride<>(index(cols))};
  }

  const KernelOperator<Real>& kernels_;
  const KernelWindow window_;
  const StreamOptions& options_;
  const std::size_t edge_;
  const bool mirrored_;
  Journal journal_;
  std::optional<File> nngp_, ntk_;
  std::size_t done_ = 0, total_ = 0;
};

}  // namespace

std::filesystem::path journal_path(const std::filesystem::path& output) {
  std::filesystem::path path = behind_links(output);
  return path += ".journal";
}

template <class Real>
void stream_kernels(const KernelOperator<Real>& kernels, const KernelWindow& window,
                    const std::filesystem::path& nngp, const std::filesystem::path& ntk,
                    const StreamOptions& options) {
  for (const std::filesystem::path& path : {nngp, ntk})
    if (is_pipe(path))
      throw DataError(
          fmt::format("cannot write '{}': kernels beyond the memory that is allowed go to files, "
                      "not to pipes",
                      path.string()));
  Stream<Real>(kernels, window, nngp, ntk, options).run();
}

template void stream_kernels(const KernelOperator<double>&, const KernelWindow&,
                             const std::filesystem::path&, const std::filesystem::path&,
                             const StreamOptions&);
template void stream_kernels(const KernelOperator<float>&, const KernelWindow&,
                             const std::filesystem::path&, const std::filesystem::path&,
                             const StreamOptions&);

}  // namespace nngp
