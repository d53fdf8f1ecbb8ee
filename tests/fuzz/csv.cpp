// Any text is a table of finite numbers or a DataError.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "nngp/data.hpp"
#include "nngp/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const nngp::FileBytes file("x.csv", {begin, begin + size});
  try {
    const nngp::CsvTable table = nngp::read_csv(file);
    if (table.values.rows() < 1 || !table.values.allFinite()) std::abort();
    if (!table.names.empty() && table.names.size() != static_cast<std::size_t>(table.values.cols()))
      std::abort();
  } catch (const nngp::DataError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
