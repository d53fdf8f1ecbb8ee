#include "nngp/npy.hpp"

#include <algorithm>
#include <bit>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "nngp/error.hpp"
#include "nngp/sites.hpp"

namespace nngp {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr bool little_endian = std::endian::native == std::endian::little;

/// Reads the Python dictionary in the header: a literal with exactly the keys descr, fortran_order and
/// shape, in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file, bool positions)
      : text_(text), file_(file), positions_(positions) {}

  NpyHeader parse() {
    expect('{');
    bool has_descr = false, has_order = false, has_shape = false;
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(has_descr, true)) {
        descr();
      } else if (key == "fortran_order" && !std::exchange(has_order, true)) {
        header_.fortran_order = boolean();
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        shape();
      } else {
        malformed();
      }
      if (!accept(',') && next() != '}') malformed();
    }
    if (next() != '\0' || !has_descr || !has_order || !has_shape) malformed();
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw DataError("cannot read '" + file_ + "': " + why);
  }
  [[noreturn]] void malformed() const {
    fail("the .npy header is malformed; save the array again with numpy.save");
  }

  char next() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_.front();
  }
  bool accept(char c) {
    if (next() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed();
  }
  bool accept_word(std::string_view word) {
    next();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  std::string_view quoted() {
    const char quote = next();
    if (quote != '\'' && quote != '"') malformed();
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) malformed();
    const std::string_view word = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return word;
  }

  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    malformed();
  }

  void descr() {
    if (next() == '[') fail("its elements are records; save the columns as one matrix of numbers");
    std::string_view descr = quoted();
    const std::string whole(descr.substr(0, 16));
    const char first = descr.empty() ? '\0' : descr.front();
    if (first == '<' || first == '>' || first == '=' || first == '|') descr.remove_prefix(1);
    header_.swapped = first == (little_endian ? '>' : '<');
    if (descr.starts_with('O'))
      fail(
          "its elements are Python objects (dtype object); save x.astype(numpy.float64), or names of "
          "classes with astype(str)");
    std::size_t size = 0;
    const auto [end, error] =
        std::from_chars(descr.data() + (descr.empty() ? 0 : 1), descr.data() + descr.size(), size);
    const bool whole_size = error == std::errc() && end == descr.data() + descr.size();
    const auto one_of = [&](std::initializer_list<std::size_t> sizes) {
      return whole_size && std::find(sizes.begin(), sizes.end(), size) != sizes.end();
    };
    const char kind = descr.empty() ? '\0' : descr.front();
    const bool text = (kind == 'U' || kind == 'S') && whole_size && size > 0 && size < (1 << 20);
    if (!(text || (kind == 'f' && one_of({2, 4, 8})) ||
          ((kind == 'i' || kind == 'u') && one_of({1, 2, 4, 8})) || (kind == 'b' && one_of({1}))))
      fail("its dtype '" + printable(whole) +
           "' is not a real number of at most 8 bytes; save x.astype(numpy.float64)");
    header_.kind = kind;
    header_.item_size = kind == 'U' ? 4 * size : size;  // bytes of UTF-32
  }

  void shape() {
    expect('(');
    std::vector<Eigen::Index> sizes;
    std::string text;
    while (!accept(')')) {
      next();
      Eigen::Index size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error == std::errc::result_out_of_range) fail("its shape is too large to be true");
      if (error != std::errc()) malformed();
      if (size < 0) fail("its shape is negative; save the array again with numpy.save");
      text += (sizes.empty() ? "" : ", ") + std::to_string(size);
      sizes.push_back(size);
      if (sizes.size() > 64) malformed();
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      accept('L');  // as written by Python 2
      if (!accept(',') && next() != ')') malformed();
    }
    if (sizes.empty()) fail("it holds a single number, not a matrix with one example a row");
    if (sizes.size() > 2 && !positions_)
      fail("it has " + std::to_string(sizes.size()) + " dimensions (" + text +
           "), not two with one example a row; save x.reshape(len(x), -1)");
    if (sizes.size() > Sites::max_dimensions + 2)
      fail("it has " + std::to_string(sizes.size()) + " dimensions (" + text +
           "); at most five are examples, three axes of positions, and channels");
    header_.rows = sizes[0];
    header_.cols = 1;
    for (std::size_t i = 1; i < sizes.size(); ++i)
      if (__builtin_mul_overflow(header_.cols, sizes[i], &header_.cols))
        fail("its shape is too large to be true");
    if (sizes.size() > 2) header_.example.assign(sizes.begin() + 1, sizes.end());
  }

  static std::string printable(std::string text) {
    for (char& c : text)
      if (c < ' ' || c > '~') c = '?';
    return text;
  }

  std::string_view text_;
  const std::string& file_;
  bool positions_;  ///< are wanted
  NpyHeader header_;
};

}  // namespace

std::string NpyHeader::dtype() const {
  if (kind == 'b') return "bool";
  if (is_text()) return kind == 'U' ? "str" : "bytes";
  const char* name = kind == 'f' ? "float" : kind == 'i' ? "int" : "uint";
  return name + std::to_string(8 * item_size);
}

bool is_npy(std::span<const std::byte> bytes) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

NpyHeader read_npy_header(const FileBytes& file, bool positions) {
  const auto fail = [&](const std::string& why) {
    throw DataError("cannot read '" + file.name() + "': " + why);
  };
  const std::string_view text = file.text();
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (!is_npy(file.bytes())) fail("it is not an .npy file; save the array with numpy.save");
  if (text.size() < 12) fail("it is truncated inside its header; copy or save it again");
  const unsigned version = byte(6);
  if (version < 1 || version > 3)
    fail("its .npy version is " + std::to_string(version) + ", those known are 1 to 3");
  const std::size_t length_size = version == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = length_size; i-- > 0;) length = length << 8 | byte(8 + i);
  const std::size_t start = 8 + length_size;
  if (length > text.size() - start) fail("it is truncated inside its header; copy or save it again");

  NpyHeader header = HeaderParser(text.substr(start, length), file.name(), positions).parse();
  header.data_offset = start + length;
  const std::size_t available = text.size() - header.data_offset;
  const std::string shape =
      std::to_string(header.rows) + " x " + std::to_string(header.cols) + " " + header.dtype();
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<Eigen::Index>::max());
  const auto rows = static_cast<std::size_t>(header.rows);
  const auto cols = static_cast<std::size_t>(header.cols);
  if (rows == 0 || cols == 0) fail("it has no " + std::string(rows == 0 ? "rows" : "columns"));
  if (rows > most / cols || rows * cols > most / header.item_size)
    fail("its shape " + shape + " is too large to be true");
  const std::size_t needed = rows * cols * header.item_size;
  if (available < needed)
    fail("it is truncated: " + shape + " takes " + std::to_string(needed) + " bytes, only " +
         std::to_string(available) + " are there; copy or save it again");
  if (available > needed)
    fail("it goes on after its " + shape + " numbers (" + std::to_string(available - needed) +
         " bytes more); save one array a file");
  return header;
}

std::string npy_header(const std::string& descr, const std::vector<Eigen::Index>& shape) {
  std::string dictionary = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const Eigen::Index size : shape) dictionary += std::to_string(size) + ", ";
  dictionary.erase(dictionary.size() - (shape.size() > 1 ? 2 : 1));  // (5,) but (5, 6)
  dictionary += "), }";
  constexpr std::size_t fixed = 10;  // magic, version, length
  constexpr std::size_t alignment = 64;
  const std::size_t size = (fixed + dictionary.size() + 1 + alignment - 1) / alignment * alignment;
  dictionary.resize(size - fixed - 1, ' ');
  dictionary += '\n';
  std::string header(magic);
  header += {'\1', '\0', static_cast<char>(dictionary.size() & 0xFF),
             static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

template <class Real>
std::string npy_header(const std::vector<Eigen::Index>& shape) {
  return npy_header((little_endian ? "<f" : ">f") + std::to_string(sizeof(Real)), shape);
}

namespace {

std::string shape_text(const std::vector<Eigen::Index>& shape) {
  std::string text;
  for (const Eigen::Index size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

/// The bytes of an array; throws DataError if no file can hold them behind `offset` others.
std::size_t array_bytes(const std::vector<Eigen::Index>& shape, std::size_t item_size,
                        std::size_t offset, const std::filesystem::path& path) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<Eigen::Index>::max());
  std::size_t bytes = item_size;
  for (const Eigen::Index size : shape) {
    const auto factor = static_cast<std::size_t>(size);
    if (factor != 0 && bytes > (most - offset) / factor)
      throw DataError("cannot write '" + path.string() + "': " + shape_text(shape) +
                      " numbers are too many for a file");
    bytes *= factor;
  }
  return bytes;
}

}  // namespace

template <class Real>
NpyWriter<Real>::NpyWriter(std::filesystem::path path, const std::vector<Eigen::Index>& shape,
                           Leftover leftover)
    : file_(std::move(path), leftover), rows_(1), cols_(shape.back()) {
  const std::string header = npy_header<Real>(shape);
  data_offset_ = header.size();
  const std::size_t size = data_offset_ + array_bytes(shape, sizeof(Real), data_offset_, file_.path());
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows_ *= shape[i];

  if (leftover == Leftover::resume) {
    std::string found(header.size(), '\0');
    if (file_.size() != size || !file_.read(0, std::as_writable_bytes(std::span(found))) ||
        found != header)
      throw DataError("cannot resume: '" + file_.partial_path().string() +
                      "' is missing or of another shape; start anew instead");
    return;
  }
  file_.allocate(size);
  file_.write(0, std::as_bytes(std::span(header)));
}

template <class Real>
void NpyWriter<Real>::write_block(Eigen::Index row, Eigen::Index col, const MatrixView<Real>& block) {
  if (row < 0 || col < 0 || row > rows_ - block.rows() || col > cols_ - block.cols())
    throw InvalidArgument("a block of " + shape_text({block.rows(), block.cols()}) + " at row " +
                          std::to_string(row) + ", column " + std::to_string(col) +
                          " (counted from 0) is not within a matrix of " + shape_text({rows_, cols_}));
  const auto offset = [&](Eigen::Index i) {
    return data_offset_ + static_cast<std::uint64_t>((row + i) * cols_ + col) * sizeof(Real);
  };
  const auto row_bytes = [&](Eigen::Index i, Eigen::Index rows) {
    return std::as_bytes(std::span(block.data() + i * block.outerStride(),
                                   static_cast<std::size_t>(rows * block.cols())));
  };
  if (block.cols() == cols_ && block.outerStride() == cols_) {
    file_.write(offset(0), row_bytes(0, block.rows()));
    return;
  }
  for (Eigen::Index i = 0; i < block.rows(); ++i) file_.write(offset(i), row_bytes(i, 1));
}

template <class Real>
MatrixMap<Real> NpyWriter<Real>::matrix() {
  namespace ipc = boost::interprocess;
  if (!mapping_) {
    try {
      const ipc::file_mapping mapping(file_.partial_path().c_str(), ipc::read_write);
      mapping_ = std::make_shared<ipc::mapped_region>(mapping, ipc::read_write);
    } catch (const ipc::interprocess_exception& e) {
      throw DataError("cannot write '" + file_.path().string() +
                      "': it cannot be mapped into memory (" +
                      std::generic_category().message(e.get_native_error()) + ")");
    }
  }
  auto* begin =
      static_cast<std::byte*>(static_cast<ipc::mapped_region*>(mapping_.get())->get_address());
  return {reinterpret_cast<Real*>(begin + data_offset_), rows_, cols_, Eigen::OuterStride<>(cols_)};
}

template <class Real>
void NpyWriter<Real>::commit() {
  mapping_.reset();
  file_.commit();
}

template std::string npy_header<double>(const std::vector<Eigen::Index>&);
template std::string npy_header<float>(const std::vector<Eigen::Index>&);
template class NpyWriter<double>;
template class NpyWriter<float>;

}  // namespace nngp
