#include "plugin/elf_image.hpp"

#include <algorithm>
#include <cstring>

namespace nngp {
namespace {

// Kinds of relocation: the library's place plus an addend; a symbol plus an addend.
#if defined(__x86_64__)
constexpr std::uint64_t relative = R_X86_64_RELATIVE;
constexpr std::uint64_t absolute[] = {R_X86_64_64, R_X86_64_GLOB_DAT};
#elif defined(__aarch64__)
constexpr std::uint64_t relative = R_AARCH64_RELATIVE;
constexpr std::uint64_t absolute[] = {R_AARCH64_ABS64, R_AARCH64_GLOB_DAT};
#elif defined(__riscv)
constexpr std::uint64_t relative = R_RISCV_RELATIVE;
constexpr std::uint64_t absolute[] = {R_RISCV_64, R_RISCV_64};
#elif defined(__powerpc64__)
constexpr std::uint64_t relative = R_PPC64_RELATIVE;
constexpr std::uint64_t absolute[] = {R_PPC64_ADDR64, R_PPC64_GLOB_DAT};
#endif

constexpr std::uint64_t pointer_size = sizeof(std::uint64_t);
constexpr int places_of_a_word = 63;  // that a word of a packed table says most of

}  // namespace

ElfImage::ElfImage(ElfFile& file) : file_(file) {
  // Sections that overlap, and packed ones, could make a small file say much.
  constexpr std::uint64_t most = 10'000'000;
  std::uint64_t count = 0;
  for (const Elf64_Shdr& section : file.sections()) {
    if (!(section.sh_flags & SHF_ALLOC)) continue;
    if (section.sh_type != SHT_RELA && section.sh_type != SHT_RELR) continue;
    count += section.sh_type == SHT_RELA ? section.sh_size / sizeof(Elf64_Rela)
                                         : section.sh_size / pointer_size * places_of_a_word;
    if (count > most) return;
    section.sh_type == SHT_RELA ? relocate(section) : relocate_packed(section);
  }
}

void ElfImage::relocate(const Elf64_Shdr& section) {
  const auto entries = file_.read<Elf64_Rela>(section.sh_offset, section.sh_size / sizeof(Elf64_Rela));
  if (!entries) return;
  const auto& symbols = file_.dynamic_symbols();
  for (const Elf64_Rela& entry : *entries) {
    const std::uint64_t type = ELF64_R_TYPE(entry.r_info), symbol = ELF64_R_SYM(entry.r_info);
    const auto addend = static_cast<std::uint64_t>(entry.r_addend);
    std::uint64_t address = elsewhere;
    if (type == relative) {
      address = addend;
    } else if (std::find(std::begin(absolute), std::end(absolute), type) != std::end(absolute) &&
               symbol < symbols.size() && symbols[symbol].is_defined()) {
      address = symbols[symbol].entry.st_value + addend;
    }
    relocated_[entry.r_offset] = address;
  }
}

// An even entry is an address to relocate, an odd one a bit for each of the 63 words behind the last.
void ElfImage::relocate_packed(const Elf64_Shdr& section) {
  const auto entries = file_.read<std::uint64_t>(section.sh_offset, section.sh_size / pointer_size);
  if (!entries) return;
  std::uint64_t next = 0;
  const auto add = [&](std::uint64_t at) {
    std::uint64_t address = 0;  // the addend stands at the place itself
    if (copy_contents(at, reinterpret_cast<char*>(&address), sizeof address)) relocated_[at] = address;
  };
  for (const std::uint64_t entry : *entries) {
    if (entry % 2 == 0) {
      add(entry);
      next = entry + pointer_size;
      continue;
    }
    for (int bit = 1; bit <= places_of_a_word; ++bit) {
      if (entry >> bit & 1) add(next + static_cast<std::uint64_t>(bit - 1) * pointer_size);
    }
    next += places_of_a_word * pointer_size;
  }
}

std::optional<std::uint64_t> ElfImage::find_data(const std::string& symbol) const {
  for (const ElfFile::Symbol& one : file_.dynamic_symbols()) {
    if (one.is_data() && one.name == symbol) return one.entry.st_value;
  }
  return std::nullopt;
}

bool ElfImage::copy_contents(std::uint64_t address, char* to, std::uint64_t size) {
  for (const Elf64_Phdr& segment : file_.segments()) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const std::uint64_t offset = address - segment.p_vaddr;
    if (offset > segment.p_memsz || size > segment.p_memsz - offset) continue;
    std::memset(to, 0, size);  // what the file does not hold
    if (offset >= segment.p_filesz) return true;
    const std::uint64_t stored = std::min(size, segment.p_filesz - offset);
    const auto bytes = file_.read<char>(segment.p_offset + offset, stored);
    if (!bytes) return false;
    std::copy(bytes->begin(), bytes->end(), to);
    return true;
  }
  return false;
}

bool ElfImage::copy(std::uint64_t address, void* to, std::uint64_t size) {
  if (size == 0) return true;
  if (size > left_to_read_) return false;
  left_to_read_ -= size;
  char* bytes = static_cast<char*>(to);
  if (!copy_contents(address, bytes, size)) return false;
  if (size < pointer_size) return true;
  for (auto one = relocated_.lower_bound(address);
       one != relocated_.end() && one->first - address <= size - pointer_size; ++one) {
    std::memcpy(bytes + (one->first - address), &one->second, pointer_size);
  }
  return true;
}

std::optional<std::string> ElfImage::text(std::uint64_t address) {
  constexpr std::uint64_t longest = 100'000;
  std::string text;
  for (std::uint64_t size = 64; text.size() < longest;) {
    char bytes[64];
    // Shorter where the memory ends before the text may.
    while (size > 0 && !copy(address, bytes, size)) size /= 2;
    if (size == 0) return std::nullopt;
    const char* const begin = bytes;
    const char* const end = std::find(begin, begin + size, '\0');
    text.append(begin, end);
    if (end != begin + size) return text;
    address += size;
  }
  return std::nullopt;
}

}  // namespace nngp
