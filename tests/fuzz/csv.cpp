// Any text is a table of finite numbers or of labels, or a DataError, however it is to be read. The
// first byte chooses how.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "nngp/data.hpp"
#include "nngp/error.hpp"

namespace {

nngp::ReadOptions options_of(unsigned choice) {
  constexpr nngp::Header headers[] = {nngp::Header::automatic, nngp::Header::words, nngp::Header::yes,
                                      nngp::Header::no};
  constexpr const char* indices[] = {"", "none", "0", "b"};
  constexpr nngp::Labels labels[] = {nngp::Labels::none, nngp::Labels::names, nngp::Labels::all,
                                     nngp::Labels::all};
  nngp::ReadOptions options = {
      headers[choice & 3], indices[choice >> 2 & 3], {}, labels[choice >> 4 & 3]};
  if (choice & 64) options.rows = choice >> 7 ? 2 : 3;
  return options;
}

void check(const nngp::CsvTable& table) {
  const auto cols = static_cast<std::size_t>(table.values.cols()),
             rows = static_cast<std::size_t>(table.values.rows());
  if (rows < 1 || cols < 1 || !table.values.allFinite()) std::abort();
  if (!table.names.empty() && table.names.size() != cols) std::abort();
  if (!table.index.empty() && table.index.size() != rows) std::abort();
  if (table.levels.empty()) return;
  if (cols != 1 || table.values.minCoeff() != 0 ||
      table.values.maxCoeff() != static_cast<double>(table.levels.size() - 1))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const nngp::ReadOptions options = options_of(data[0]);
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const nngp::FileBytes file("x.csv", {begin + 1, begin + size});
  try {
    check(nngp::read_csv(file, options));
    const auto rows = nngp::certain_rows(file, options);
    if (rows && *rows < 1) std::abort();
  } catch (const nngp::DataError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
