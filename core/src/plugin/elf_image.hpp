#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "plugin/elf_file.hpp"

namespace nngp {

/// The constants of a shared library as they lie in memory once it is loaded, read from its file: the
/// addresses that the system's loader would fill in are filled in, and nothing is run. Addresses count
/// from where the library would be loaded.
class ElfImage {
 public:
  /// What stands in place of an address that lies in another library, or is found by running code.
  static constexpr std::uint64_t elsewhere = ~std::uint64_t{0};

  /// `file` without a fault; it is used as long as the image is.
  explicit ElfImage(ElfFile& file);

  /// Where the library defines the data `symbol`.
  std::optional<std::uint64_t> find_data(const std::string& symbol) const;

  /// Copies bytes; false if the library has no such memory, or more than any plugin's tables was read.
  bool copy(std::uint64_t address, void* to, std::uint64_t size);

  /// The zero-terminated text at an address.
  std::optional<std::string> text(std::uint64_t address);

 private:
  void relocate(const Elf64_Shdr& section);
  void relocate_packed(const Elf64_Shdr& section);
  bool copy_contents(std::uint64_t address, char* to, std::uint64_t size);

  ElfFile& file_;
  std::map<std::uint64_t, std::uint64_t> relocated_;  ///< addresses by where they stand
  std::uint64_t left_to_read_ = std::uint64_t{64} << 20;
};

}  // namespace nngp
