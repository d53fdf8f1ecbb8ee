#pragma once

// Text in .npy files: NumPy's types U (UTF-32, padded with zeros) and S (bytes, likewise).

#include <filesystem>
#include <string>
#include <vector>

#include "nngp/npy.hpp"

namespace nngp {

/// The elements of an array of text in UTF-8, in C order. Throws DataError for what is no text.
std::vector<std::string> read_npy_text(const FileBytes& file, const NpyHeader& header);

}  // namespace nngp
