#include "elf_file.hpp"

#include <elf.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace nngp {
namespace {

#if defined(__x86_64__)
constexpr auto machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr auto machine = EM_AARCH64;
#elif defined(__riscv)
constexpr auto machine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr auto machine = EM_PPC64;
#else
#error "name this machine's ELF number here"
#endif
static_assert(sizeof(void*) == 8, "64-bit ELF files only");

// A file read by offset and count, both of which the file itself may give and get wrong.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : stream_(file, std::ios::binary) {
    if (!stream_) return;
    stream_.seekg(0, std::ios::end);
    size_ = static_cast<std::uint64_t>(stream_.tellg());
  }

  bool readable() const { return stream_.good(); }
  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size_ && bytes <= size_ - offset;
  }

  template <class T>
  std::optional<std::vector<T>> read(std::uint64_t offset, std::uint64_t count) {
    if (count > size_ / sizeof(T) || !holds(offset, count * sizeof(T))) return std::nullopt;
    std::vector<T> items(count);
    stream_.seekg(static_cast<std::streamoff>(offset));
    stream_.read(reinterpret_cast<char*>(items.data()),
                 static_cast<std::streamsize>(count * sizeof(T)));
    if (!stream_) return std::nullopt;
    return items;
  }

 private:
  std::ifstream stream_;
  std::uint64_t size_ = 0;
};

const char* const truncated = "truncated or damaged; copy or build it again";

std::string check_header(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != machine) {
    return "built for another kind of machine (ELF machine " + std::to_string(header.e_machine) +
           ", not " + std::to_string(machine) + "); build it for this one";
  }
  constexpr auto byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
  if (header.e_ident[EI_DATA] != byte_order) return "built for a machine of the other byte order";
  if (header.e_type != ET_DYN)
    return "not a shared library but an object or program; link it with -shared";
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      (header.e_shnum > 0 && header.e_shentsize != sizeof(Elf64_Shdr))) {
    return truncated;
  }
  return "";
}

struct Symbol {
  std::string_view name;
  Elf64_Sym entry;

  bool is_defined() const { return entry.st_shndx != SHN_UNDEF; }
};

// The dynamic symbols of `section`, their names in `strings`; nullopt if damaged.
std::optional<std::vector<Symbol>> read_symbols(Reader& reader, const std::vector<Elf64_Shdr>& sections,
                                                const Elf64_Shdr& section, std::vector<char>& strings) {
  if (section.sh_link >= sections.size()) return std::nullopt;
  const Elf64_Shdr& names = sections[section.sh_link];
  const auto entries = reader.read<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
  auto text = reader.read<char>(names.sh_offset, names.sh_size);
  if (!entries || !text || text->empty() || text->back() != '\0') return std::nullopt;
  strings = std::move(*text);
  std::vector<Symbol> symbols;
  for (const Elf64_Sym& entry : *entries) {
    if (entry.st_name >= strings.size()) return std::nullopt;
    symbols.push_back({strings.data() + entry.st_name, entry});
  }
  return symbols;
}

}  // namespace

std::string check_shared_library(const std::filesystem::path& file, const std::string& symbol) {
  Reader reader(file);
  if (!reader.readable()) return "cannot be read: " + std::generic_category().message(errno);
  const auto magic = reader.read<char>(0, SELFMAG);
  if (!magic || std::memcmp(magic->data(), ELFMAG, SELFMAG) != 0) {
    return "not a shared library; a plugin is the .so file that its build makes";
  }
  const auto headers = reader.read<Elf64_Ehdr>(0, 1);
  if (!headers) return truncated;
  const Elf64_Ehdr& header = headers->front();
  if (const auto wrong = check_header(header); !wrong.empty()) return wrong;

  const auto segments = reader.read<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  const auto sections = reader.read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  if (!segments || !sections) return truncated;
  for (const Elf64_Phdr& segment : *segments) {
    if (segment.p_type != PT_NULL && !reader.holds(segment.p_offset, segment.p_filesz))
      return truncated;
  }
  for (const Elf64_Shdr& section : *sections) {
    if (section.sh_type == SHT_NULL || section.sh_type == SHT_NOBITS) continue;
    if (!reader.holds(section.sh_offset, section.sh_size)) return truncated;
  }

  for (const Elf64_Shdr& section : *sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    std::vector<char> strings;
    const auto symbols = read_symbols(reader, *sections, section, strings);
    if (!symbols) return truncated;
    for (const Symbol& one : *symbols)
      if (one.is_defined() && ELF64_ST_TYPE(one.entry.st_info) == STT_OBJECT && one.name == symbol)
        return "";
  }
  return "not a plugin: it exports no data symbol " + symbol +
         "; build it from nngp/activation.h or activation.hpp";
}

std::vector<std::string> exported_symbols(const std::filesystem::path& file) {
  Reader reader(file);
  std::vector<std::string> exported;
  const auto headers = reader.read<Elf64_Ehdr>(0, 1);
  if (!headers || !check_header(headers->front()).empty()) return {};
  const auto sections = reader.read<Elf64_Shdr>(headers->front().e_shoff, headers->front().e_shnum);
  if (!sections) return {};
  for (const Elf64_Shdr& section : *sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    std::vector<char> strings;
    const auto symbols = read_symbols(reader, *sections, section, strings);
    if (!symbols) return {};
    for (const Symbol& symbol : *symbols)
      if (symbol.is_defined() && ELF64_ST_BIND(symbol.entry.st_info) != STB_LOCAL)
        exported.emplace_back(symbol.name);
  }
  return exported;
}

}  // namespace nngp
