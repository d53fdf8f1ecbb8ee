#include "plugin/elf_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "nngp/plugin_file.hpp"

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

const char* const truncated = "truncated or damaged; copy or build it again";

/// Processors as people call them; others by their number.
std::string machine_name(unsigned number) {
  switch (number) {
    case EM_386:
      return "32-bit x86";
    case EM_X86_64:
      return "x86-64";
    case EM_ARM:
      return "32-bit ARM";
    case EM_AARCH64:
      return "ARM64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC64";
    case EM_S390:
      return "IBM Z";
    default:
      return "ELF machine " + std::to_string(number);
  }
}

std::string check_header(const Elf64_Ehdr& header) {
  if (header.e_machine != machine) {
    return "built for another kind of machine (" + machine_name(header.e_machine) + ", not " +
           machine_name(machine) + "); build it for this one";
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64)
    return "a 32-bit library; build it for 64 bits, as nngp is";
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

}  // namespace

ElfFile::ElfFile(const std::filesystem::path& file)
    : ElfFile(std::make_unique<std::ifstream>(file, std::ios::binary)) {}

ElfFile::ElfFile(std::unique_ptr<std::istream> contents) : stream_(std::move(contents)) {
  if (!*stream_) {
    fault_ = "cannot be read: " + std::generic_category().message(errno);
    return;
  }
  stream_->seekg(0, std::ios::end);
  size_ = static_cast<std::uint64_t>(stream_->tellg());
  fault_ = examine();
  if (fault_.empty()) return;
  segments_.clear();
  sections_.clear();
  symbols_.clear();
}

std::string ElfFile::examine() {
  const auto magic = read<char>(0, SELFMAG);
  if (!magic || std::memcmp(magic->data(), ELFMAG, SELFMAG) != 0) {
    return "not a shared library; a plugin is the .so file that its build makes";
  }
  const auto headers = read<Elf64_Ehdr>(0, 1);
  if (!headers) return truncated;
  const Elf64_Ehdr& header = headers->front();
  if (const auto wrong = check_header(header); !wrong.empty()) return wrong;

  const auto segments = read<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  const auto sections = read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  if (!segments || !sections) return truncated;
  segments_ = *segments;
  sections_ = *sections;
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_NULL && !holds(segment.p_offset, segment.p_filesz)) return truncated;
  }
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type == SHT_NULL || section.sh_type == SHT_NOBITS) continue;
    if (!holds(section.sh_offset, section.sh_size)) return truncated;
  }
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_DYNSYM) continue;
    return read_symbols(section) ? "" : truncated;  // there is one at most
  }
  return "";
}

bool ElfFile::read_symbols(const Elf64_Shdr& section) {
  if (section.sh_link >= sections_.size()) return false;
  const Elf64_Shdr& names = sections_[section.sh_link];
  const auto entries = read<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
  auto strings = read<char>(names.sh_offset, names.sh_size);
  if (!entries || !strings || strings->empty() || strings->back() != '\0') return false;
  names_ = std::move(*strings);
  constexpr std::size_t longest = 1000;  // names may share their ends, and be as long as the file
  for (const Elf64_Sym& entry : *entries) {
    if (entry.st_name >= names_.size()) return false;
    const char* const name = names_.data() + entry.st_name;
    symbols_.push_back({{name, ::strnlen(name, longest)}, entry});
  }
  return true;
}

std::string lacks_symbol(const std::string& symbol) {
  return "not a plugin: it exports no data symbol " + symbol +
         "; build it from nngp/activation.h or activation.hpp";
}

std::string check_shared_library(const std::filesystem::path& file, const std::string& symbol) {
  const ElfFile library(file);
  if (!library.fault().empty()) return library.fault();
  for (const ElfFile::Symbol& one : library.dynamic_symbols()) {
    if (one.is_data() && one.name == symbol) return "";
  }
  return lacks_symbol(symbol);
}

std::vector<std::string> exported_symbols(const std::filesystem::path& file) {
  std::vector<std::string> exported;
  const ElfFile library(file);
  for (const ElfFile::Symbol& symbol : library.dynamic_symbols()) {
    if (symbol.is_defined() && ELF64_ST_BIND(symbol.entry.st_info) != STB_LOCAL) {
      exported.emplace_back(symbol.name);
    }
  }
  return exported;
}

bool can_start_threads(const std::filesystem::path& file) {
  // Of POSIX, C, C++ and OpenMP; a timer may notify by a thread.
  static constexpr std::string_view starting[] = {"pthread_create", "thrd_create", "clone",
                                                  "timer_create",   "syscall",     "_ZNSt6thread",
                                                  "GOMP_",          "__kmpc_",     "_ZN3tbb"};
  const ElfFile library(file);
  const auto& symbols = library.dynamic_symbols();
  return std::any_of(symbols.begin(), symbols.end(), [](const ElfFile::Symbol& symbol) {
    return !symbol.is_defined() &&
           std::any_of(std::begin(starting), std::end(starting),
                       [&](std::string_view name) { return symbol.name.starts_with(name); });
  });
}

}  // namespace nngp
