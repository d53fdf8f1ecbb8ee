#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nngp::host {

/// The memory of plugins that failed a check when they were to be installed. What fails once, by a race
/// say, might pass the next time; it is refused nevertheless, as long as its bytes are the same. Lies
/// beside the user's folder of plugins.
class Refusals {
 public:
  explicit Refusals(std::string_view bytes);

  /// Why these bytes were refused; empty if they were not.
  std::string reason() const;
  /// Where that is written; removing it lets them be tried again.
  const std::filesystem::path& file() const { return file_; }
  /// Remembers them. Where that cannot be written nothing happens.
  void add(const std::string& reason) const;

 private:
  std::filesystem::path file_;
};

}  // namespace nngp::host
