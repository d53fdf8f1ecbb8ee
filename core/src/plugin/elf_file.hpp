#pragma once

#include <elf.h>

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nngp {

/// A shared library as a file: nothing of it is run, and nothing it says of itself is believed.
class ElfFile {
 public:
  struct Symbol {
    std::string_view name;  ///< in the file's table of names; cut at a thousand characters
    Elf64_Sym entry;

    bool is_defined() const { return entry.st_shndx != SHN_UNDEF; }
    bool is_data() const { return is_defined() && ELF64_ST_TYPE(entry.st_info) == STT_OBJECT; }
  };

  explicit ElfFile(const std::filesystem::path& file);
  explicit ElfFile(std::unique_ptr<std::istream> contents);

  /// What is wrong and what to do, or nothing: then it is a whole library for this machine. Of a file
  /// with a fault the rest is empty.
  const std::string& fault() const { return fault_; }
  const std::vector<Elf64_Phdr>& segments() const { return segments_; }
  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  const std::vector<Symbol>& dynamic_symbols() const { return symbols_; }

  /// `count` items at a byte offset; nullopt if the file is shorter.
  template <class T>
  std::optional<std::vector<T>> read(std::uint64_t offset, std::uint64_t count) {
    if (count > size_ / sizeof(T) || !holds(offset, count * sizeof(T))) return std::nullopt;
    std::vector<T> items(count);
    stream_->clear();
    stream_->seekg(static_cast<std::streamoff>(offset));
    stream_->read(reinterpret_cast<char*>(items.data()),
                  static_cast<std::streamsize>(count * sizeof(T)));
    if (!*stream_) return std::nullopt;
    return items;
  }

 private:
  std::string examine();
  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size_ && bytes <= size_ - offset;
  }
  bool read_symbols(const Elf64_Shdr& section);

  std::unique_ptr<std::istream> stream_;
  std::uint64_t size_ = 0;
  std::string fault_;
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<char> names_;
  std::vector<Symbol> symbols_;
};

/// Whether a library asks for a function that starts threads, which may outlive what started them.
bool can_start_threads(const std::filesystem::path& file);

/// What check_shared_library() says of a library without the data symbol `symbol`.
std::string lacks_symbol(const std::string& symbol);

}  // namespace nngp
