#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nngp::host {

/// Whether a file descriptor may get colour and moving lines: it is a terminal, and neither NO_COLOR
/// nor TERM=dumb forbids it.
bool is_lively(int descriptor);

/// `text` in bold if standard output is lively.
std::string bold(std::string_view text);

/// Rows of cells in aligned columns. The last column is wrapped at 80 characters.
class Table {
 public:
  explicit Table(std::size_t indent = 0) : indent_(indent) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::size_t indent_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nngp::host
