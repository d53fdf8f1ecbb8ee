#pragma once

#include <string>
#include <vector>

namespace nngp {

/// The distinct `labels`: in numerical order if all are whole numbers, else in that of their bytes,
/// which in UTF-8 is that of code points. `codes` becomes the place of each label among them.
std::vector<std::string> encode(const std::vector<std::string>& labels, std::vector<double>& codes);

}  // namespace nngp
