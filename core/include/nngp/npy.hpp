#pragma once

// The .npy format of NumPy (numpy.lib.format), versions 1.0 to 3.0: reads one-dimensional arrays (a
// column), matrices and arrays of examples with positions, writes arrays of any number of dimensions.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/file.hpp"

NNGP_API_BEGIN
namespace nngp {

/// What the header of an .npy file says.
struct NpyHeader {
  /// f: floating point, i: signed, u: unsigned, b: bool; U: text in UTF-32, S: text in bytes.
  char kind = 'f';
  std::size_t item_size = 8;  ///< bytes of one element
  bool swapped = false;       ///< byte order is not this machine's
  bool fortran_order = false;
  Eigen::Index rows = 0;
  Eigen::Index cols = 0;                   ///< numbers of an example
  std::vector<Eigen::Index> example = {};  ///< its shape; empty: a row
  std::size_t data_offset = 0;             ///< bytes before the numbers

  bool is_text() const { return kind == 'U' || kind == 'S'; }
  std::string dtype() const;  ///< as NumPy prints it: "float64", "uint8"; "str" or "bytes"
};

/// Whether `bytes` begin like an .npy file.
bool is_npy(std::span<const std::byte> bytes);

/// Reads the header and checks that `file` is exactly as long as it says, and that its numbers are of
/// a kind that can be read. Arrays of 3 to 5 dimensions are examples with positions, and refused unless
/// these are wanted. Throws DataError.
NpyHeader read_npy_header(const FileBytes& file, bool positions = false);

/// The bytes before the elements of a C-order file of version 1.0; `descr` is their type as the format
/// writes it, such as "<f8". A shape has 1 to 32 sizes.
std::string npy_header(const std::string& descr, const std::vector<Eigen::Index>& shape);
template <class Real>
NNGP_API std::string npy_header(const std::vector<Eigen::Index>& shape);

/// A matrix written to an .npy file that appears whole or not at all (see OutputFile). Blocks may
/// come in any order and from any number of threads; what was never written is zero.
template <class Real>
class NpyWriter {
 public:
  /// Reserves the whole file at once as PATH.partial, so that a full disk shows here. With
  /// Leftover::resume the numbers of an earlier partial file are kept. Throws DataError, for one of
  /// another shape too, which stays.
  NpyWriter(std::filesystem::path path, Eigen::Index rows, Eigen::Index cols,
            Leftover leftover = Leftover::discard)
      : NpyWriter(std::move(path), std::vector{rows, cols}, leftover) {}
  /// An array of any shape; below, it is a matrix with a column for each index of the last dimension
  /// and a row for all others, in C order.
  NpyWriter(std::filesystem::path path, const std::vector<Eigen::Index>& shape,
            Leftover leftover = Leftover::discard);

  const std::filesystem::path& path() const { return file_.path(); }
  Eigen::Index rows() const { return rows_; }
  Eigen::Index cols() const { return cols_; }

  /// Writes `block` with its first entry at (row, col). Throws InvalidArgument for one that is not
  /// within the matrix, and after commit(). [any thread, distinct blocks]
  void write_block(Eigen::Index row, Eigen::Index col, const MatrixView<Real>& block);

  /// The matrix in the partial file, mapped into memory on first use, for writing in place. It counts
  /// as memory of the process; write_block() does not. Valid until commit(), and not to be called after
  /// it. [one thread]
  MatrixMap<Real> matrix();

  /// Gives the file its final name.
  void commit();
  /// Whether the partial file is left in place if not committed.
  void keep(bool kept = true) { file_.keep(kept); }

 private:
  OutputFile file_;
  Eigen::Index rows_;
  Eigen::Index cols_;
  std::size_t data_offset_ = 0;
  std::shared_ptr<void> mapping_;
};

}  // namespace nngp
NNGP_API_END
