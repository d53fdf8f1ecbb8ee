#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nngp/file.hpp"

namespace nngp::host {

/// A file of the predicted class of each test example: an .npy array of whole numbers or of text (type
/// U), or a .csv column under the header "label".
class LabelFile {
 public:
  /// Opens `path`, so that an output that cannot be written is known at once. Throws DataError.
  explicit LabelFile(const std::string& path);

  /// `predicted` are places in `classes`, whose elements are whole numbers unless `names`.
  void write(const std::vector<std::size_t>& predicted, const std::vector<std::string>& classes,
             bool names);
  void commit() { file_.commit(); }

 private:
  bool csv_;
  OutputFile file_;
};

}  // namespace nngp::host
