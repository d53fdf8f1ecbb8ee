// Any bytes are a matrix, or labels, or a DataError.

#include "nngp/npy.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "nngp/data.hpp"
#include "nngp/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Fuzz what follows the signature.
  std::string bytes = "\x93NUMPY";
  bytes.append(reinterpret_cast<const char*>(data), size);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  const nngp::FileBytes file("x.npy", {begin, begin + bytes.size()});
  try {
    for (const nngp::Labels labels : {nngp::Labels::all, nngp::Labels::none}) {
      const nngp::Dataset<float> read = nngp::read_data<float>(file, {.labels = labels});
      if (read.rows() < 1 || read.cols() < 1 || nngp::find_non_finite(read.view())) std::abort();
      const std::size_t levels = read.source().levels.size();
      if (levels > 0 && read.view().maxCoeff() != static_cast<float>(levels - 1)) std::abort();
    }
  } catch (const nngp::DataError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
