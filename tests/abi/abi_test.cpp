// Loading shared libraries: of other versions, with faults, and what is no plugin at all.

#include <elf.h>

#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "expect_error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/registry.hpp"
#include "temporary_folder.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

const fs::path folder = NNGP_ABI_PLUGINS;
const fs::path faultless = folder / "libfaulty_none.so";

Registry open(const fs::path& file) { return Registry(PluginSearch{{file}, {}}); }

// An error when named, and the same text as a warning when found in a folder.
void expect_refused(const fs::path& file, const std::string& reason) {
  SCOPED_TRACE(file);
  expect_error<PluginError>([&] { open(file); }, file.string() + ": " + reason);

  const TemporaryFolder scanned;
  fs::copy_file(file, scanned / "copy.so");
  const Registry registry(PluginSearch{{}, {scanned.path()}});
  EXPECT_TRUE(registry.activations().empty());
  ASSERT_EQ(registry.warnings().size(), 1u);
  EXPECT_THAT(registry.warnings()[0], testing::HasSubstr((scanned / "copy.so").string() + ": "));
  EXPECT_THAT(registry.warnings()[0], testing::HasSubstr(reason));
  EXPECT_THAT(registry.warnings()[0], testing::Not(testing::HasSubstr("\n")));
}

// Listed, since its tables are sound, and refused when it is used.
void expect_refused_when_used(const std::string& fault, const std::string& reason) {
  const fs::path file = folder / ("libfaulty_" + fault + ".so");
  const Registry registry = open(file);
  EXPECT_EQ(registry.activations().size(), 1u);
  expect_error<PluginError>([&] { registry.activation("Faulty"); }, file.string() + ": " + reason);
}

void expect_faulty(const std::string& fault, const std::string& reason) {
  expect_refused(folder / ("libfaulty_" + fault + ".so"), reason);
}

// ---- Other versions ----

TEST(Abi, LoadsAPluginOfVersion1_0) {
  const Registry registry = open(folder / "libold.so");
  ASSERT_EQ(registry.activations().size(), 1u);
  EXPECT_EQ(registry.activations()[0].abi, "1.0");
  EXPECT_EQ(registry.activations()[0].library, "old");

  const Activation old = registry.activation("OldAbs", {{{2}}, {}});
  EXPECT_EQ(old.text(), "OldAbs(scale=2.0, coef=[1.0, 2.0, 3.0])");
  EXPECT_EQ(old.derivative(), Derivative::handwritten);
  EXPECT_EQ(old.fn(-3), 6);
  EXPECT_EQ(old.d_fn(-3), -2);
  EXPECT_DOUBLE_EQ(old.nngp_fn(1, 1, 1), 4);
  EXPECT_DOUBLE_EQ(old.d_nngp_fn(1, 1, 1), 4);
  ASSERT_EQ(old.breakpoints()->size(), 1u);
  EXPECT_EQ(old.breakpoints()->at(0).order, 1u);
  EXPECT_EQ(old.descriptor().reference, nullptr);
  EXPECT_NE(old.descriptor().get_extension("test.extension/1"), nullptr);
  EXPECT_EQ(old.descriptor().get_extension("test.extension/2"), nullptr);
  expect_error<ModelError>(
      [&] {
        registry.activation("OldAbs", {{{5}}, {}});
      },
      "OldAbs: cannot be made: the scale must not be 5");
  expect_error<ModelError>(
      [&] {
        registry.activation("OldAbs", {{{0}}, {}});
      },
      "OldAbs: parameter 'scale' must be > 0.0, got 0.0");

  // Its tile entry and its scalar functions say the same.
  const double cov12[] = {0.5, -0.2}, var1[] = {1}, var2[] = {1.5, 0.7};
  double nngp[2], d_nngp[2], ntk[] = {0.1, 0.2};
  nngp_tile_f64 tile = {};
  tile.struct_size = sizeof tile;
  tile.rows = 1;
  tile.cols = 2;
  tile.cov12 = cov12;
  tile.var1 = var1;
  tile.var2 = var2;
  tile.nngp = nngp;
  tile.d_nngp = d_nngp;
  tile.ntk = ntk;
  tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = tile.ntk_ld = 2;
  tile.cov_scale = 2;
  tile.cov_shift = 0.1;
  tile.ntk_cov = 3;
  tile.ntk_scale = 5;
  tile.ntk_shift = 7;
  old.tile(tile);
  const double d = old.d_nngp_fn(2 * 0.5 + 0.1, 2 * 1 + 0.1, 2 * 1.5 + 0.1);
  EXPECT_DOUBLE_EQ(nngp[0], old.nngp_fn(2 * 0.5 + 0.1, 2 * 1 + 0.1, 2 * 1.5 + 0.1));
  EXPECT_DOUBLE_EQ(d_nngp[0], d);
  EXPECT_DOUBLE_EQ(ntk[0], d * (3 * 0.5 + 5 * 0.1 + 7));
}

TEST(Abi, UsesWhatItKnowsOfANewerMinorVersion) {
  const Registry registry = open(folder / "libnewer.so");
  ASSERT_EQ(registry.activations().size(), 1u);
  EXPECT_EQ(registry.activations()[0].abi, "1.8");
  const Activation shifted = registry.activation("newer:Shifted", {{}, {{"shift", {0.5}}}});
  EXPECT_EQ(shifted.fn(1), 1.5);
  EXPECT_EQ(shifted.nngp_fn(1, 1, 1), 1.25);
  EXPECT_EQ(shifted.derivative(), Derivative::numerical);
  EXPECT_NEAR(shifted.d_nngp_fn(0.3, 1, 1), 1, 1e-12);

  ASSERT_EQ(registry.warnings().size(), 1u);
  EXPECT_THAT(registry.warnings()[0],
              testing::HasSubstr(
                  "libnewer.so: activation NeedsMore needs features this nngp does not know (bits "
                  "0x10000000000): it was built for plugin ABI 1.8, this nngp has ABI 1.1; "
                  "install a newer nngp"));
  expect_error<ModelError>([&] { registry.activation("NeedsMore"); },
                           "no activation is called 'NeedsMore'");
}

TEST(Abi, RefusesOtherMajorVersionsAndUnknownFeatures) {
  expect_faulty("newer_major",
                "built for plugin ABI 2.1, but this nngp has ABI 1.1; install a newer nngp");
  expect_faulty("older_major",
                "built for plugin ABI 0.1, but this nngp has ABI 1.1; build the plugin anew with this "
                "nngp's SDK");
  expect_faulty(
      "feature",
      "needs features this nngp does not know (bits 0x10): it was built for plugin ABI 1.1, this "
      "nngp has ABI 1.1; install a newer nngp");
  expect_faulty(
      "activation_feature",
      "activation Faulty needs features this nngp does not know (bits 0x20): it was built for plugin "
      "ABI 1.1, this nngp has ABI 1.1; install a newer nngp");
}

// ---- Faults ----

TEST(Abi, RefusesDamagedTables) {
  EXPECT_EQ(open(faultless).activations().size(), 1u);
  expect_faulty("magic", "not a plugin: its nngp_plugin_entry does not begin with NNGP_MAGIC");
  expect_faulty("size",
                "its plugin table of 24 bytes is too small; build it anew from nngp/activation.h");
  expect_faulty("null_name", "damaged plugin table: the library's name is no C identifier");
  expect_faulty("bad_name", "damaged plugin table: the library's name is no C identifier");
  expect_faulty("null_version", "damaged plugin table: the library has no version");
  expect_faulty("null_table",
                "damaged plugin table: its activation_count is 1, its activations are null");
  expect_faulty("no_activations", "damaged plugin table: its activation_count is 0");
  expect_faulty("huge_count", "damaged plugin table: its activation_count is 2305843009213693951");
  expect_faulty("null_activation", "damaged plugin table: activation 1 is null");
  expect_faulty("activation_name", "activation has no name, or one that is not a C identifier");
  expect_faulty("same_names", "damaged plugin table: two activations are called Faulty");
}

TEST(Abi, RefusesLibrariesWithoutAnEntry) {
  const std::string reason = "not a plugin: it exports no data symbol nngp_plugin_entry";
  expect_faulty("no_entry", reason);
  expect_faulty("function_entry", reason);
}

TEST(Abi, RefusesALibraryThatLacksASymbol) {
  expect_refused_when_used("undefined_symbol",
                           "cannot be loaded: undefined symbol: nngp_test_is_nowhere");
}

TEST(Abi, NamesALibraryThatIsMissing) {
  expect_refused_when_used(
      "needs_library",
      "cannot be loaded: it needs libnngp_test_gone.so, which is not found; install that "
      "library, or name its folder in LD_LIBRARY_PATH");
}

TEST(Abi, KeepsTheFloatingPointMode) {
  const std::string reason =
      "changes the processor's floating-point mode when loaded; link it without -ffast-math";
  const int before = std::fegetround();
  expect_refused_when_used("rounding", reason);
  EXPECT_EQ(std::fegetround(), before);
  expect_refused_when_used("flush", reason);
  volatile double smallest_normal = std::numeric_limits<double>::min();
  EXPECT_GT(smallest_normal / 2, 0);
}

// ---- Files that are no plugins ----

TEST(Abi, RefusesOtherFiles) {
  const TemporaryFolder files;
  const std::string not_one = "not a shared library; a plugin is the .so file that its build makes";
  expect_refused(
      files.write("text.so",
                  "This is a text, longer than the header of a library would be. It is not one.\n"),
      not_one);
  expect_refused(files.write("empty.so", ""), not_one);
  expect_refused(files.write("short.so",
                             "\x7F"
                             "ELF"),
                 "truncated or damaged");
  expect_error<PluginError>([&] { open(files / "missing.so"); },
                            (files / "missing.so").string() + ": no such file or folder");
  expect_error<PluginError>([&] { open("/dev/null"); }, "/dev/null: neither a file nor a folder");
}

TEST(Abi, RefusesEveryTruncation) {
  const std::string whole = read_text(faultless);
  const TemporaryFolder files;
  for (std::size_t size = 0; size < whole.size(); size += size < 1000 ? 7 : 499) {
    const fs::path file = files.write("truncated.so", std::string_view(whole).substr(0, size));
    expect_error<PluginError>(
        [&] { open(file); },
        size < 4 ? "not a shared library" : "truncated or damaged; copy or build it again");
  }
}

// What the header or the tables of an ELF file say is not believed: no byte of them, changed, may do
// harm before the system's loader gets it.
TEST(Abi, RefusesADamagedHeader) {
  const std::string whole = read_text(faultless);
  const TemporaryFolder files;
  const auto change = [&](std::size_t offset, auto value, const std::string& reason) {
    std::string changed = whole;
    std::memcpy(changed.data() + offset, &value, sizeof value);
    const fs::path file = files.write("changed.so", changed);
    expect_error<PluginError>([&] { open(file); }, reason);
  };
  change(EI_CLASS, static_cast<unsigned char>(ELFCLASS32),
         "a 32-bit library; build it for 64 bits, as nngp is");
  change(offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_386},
         "built for another kind of machine (32-bit x86, not ");
  change(EI_DATA, static_cast<unsigned char>(ELFDATA2MSB),
         "built for a machine of the other byte order");
  change(offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_S390},
         "built for another kind of machine (IBM Z, not ");
  change(offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_REL},
         "not a shared library but an object or program");
  for (const std::uint64_t far :
       {whole.size() + 1, std::size_t(1) << 40, ~std::size_t(0), ~std::size_t(0) - 63}) {
    change(offsetof(Elf64_Ehdr, e_shoff), far, "truncated or damaged");
    change(offsetof(Elf64_Ehdr, e_phoff), far, "truncated or damaged");
  }
  change(offsetof(Elf64_Ehdr, e_shnum), Elf64_Half{0xFFFF}, "truncated or damaged");
  change(offsetof(Elf64_Ehdr, e_phnum), Elf64_Half{0xFFFE}, "truncated or damaged");
  change(offsetof(Elf64_Ehdr, e_shentsize), Elf64_Half{1}, "truncated or damaged");

  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    const std::size_t at = header.e_shoff + i * sizeof section;
    std::memcpy(&section, whole.data() + at, sizeof section);
    if (section.sh_type != SHT_DYNSYM) continue;
    change(at + offsetof(Elf64_Shdr, sh_link), Elf64_Word{0xFFFFFFFF}, "truncated or damaged");
    change(at + offsetof(Elf64_Shdr, sh_size), Elf64_Xword{1} << 60, "truncated or damaged");
    change(at + offsetof(Elf64_Shdr, sh_offset), ~Elf64_Off{0}, "truncated or damaged");
    // Symbols whose names lie outside the table of names.
    change(section.sh_offset + sizeof(Elf64_Sym), Elf64_Word{0xFFFFFF}, "truncated or damaged");
  }
}

std::size_t end_of_sections(const Elf64_Ehdr& header) {
  return header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr);
}

/// Calls change(item, place) for each item of the sections of a type in a library's text.
template <class T, class Change>
void change_items(std::string& library, Elf64_Word type, const Change& change) {
  Elf64_Ehdr header;
  std::memcpy(&header, library.data(), sizeof header);
  for (std::size_t at = header.e_shoff; at < end_of_sections(header); at += sizeof(Elf64_Shdr)) {
    Elf64_Shdr section;
    std::memcpy(&section, library.data() + at, sizeof section);
    if (section.sh_type != type) continue;
    for (std::size_t place = section.sh_offset; place < section.sh_offset + section.sh_size;
         place += sizeof(T)) {
      T item;
      std::memcpy(&item, library.data() + place, sizeof item);
      change(item);
      std::memcpy(library.data() + place, &item, sizeof item);
    }
  }
}

/// Where the bytes at an address lie in a library's text; npos if nowhere.
std::size_t place_of(const std::string& library, Elf64_Addr address) {
  Elf64_Ehdr header;
  std::memcpy(&header, library.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, library.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz)
      return address - segment.p_vaddr + segment.p_offset;
  }
  return std::string::npos;
}

// A name at the lowest address beside a relocation at the highest: their distance wraps around. A
// sanitizer sees what is written before the name.
TEST(Abi, ReadsNoFartherThanItsMemory) {
  std::string library = read_text(faultless);
  change_items<Elf64_Rela>(library, SHT_RELA,
                           [](Elf64_Rela& relocation) { relocation.r_offset = ~Elf64_Addr{0} - 6; });
  std::vector<Elf64_Addr> tables;
  change_items<Elf64_Sym>(library, SHT_DYNSYM, [&](const Elf64_Sym& symbol) {
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT)
      tables.push_back(symbol.st_value);
  });
  ASSERT_EQ(tables.size(), 1u);
  const std::size_t name = place_of(library, tables[0] + offsetof(nngp_plugin, name));
  ASSERT_NE(name, std::string::npos);
  const Elf64_Addr lowest = 1;
  std::memcpy(library.data() + name, &lowest, sizeof lowest);
  expect_error<PluginError>([&] { PluginFile(std::make_unique<std::istringstream>(library)); }, "");
}

// Many symbols that share one long name take no more memory than the file.
TEST(Abi, NamesOfSymbolsAreNotCopied) {
  std::string changed = read_text(faultless);
  Elf64_Ehdr header;
  std::memcpy(&header, changed.data(), sizeof header);
  const std::size_t names = changed.size();
  constexpr std::size_t count = 20'000, length = std::size_t{1} << 20;
  changed += std::string(length - 1, 'n') + std::string(1, '\0');
  const std::size_t symbols = changed.size();
  changed.resize(symbols + count * sizeof(Elf64_Sym), '\0');
  for (std::size_t at = header.e_shoff; at < end_of_sections(header); at += sizeof(Elf64_Shdr)) {
    Elf64_Shdr section;
    std::memcpy(&section, changed.data() + at, sizeof section);
    if (section.sh_type != SHT_DYNSYM) continue;
    const std::size_t link = header.e_shoff + section.sh_link * sizeof section;
    section.sh_offset = symbols;
    section.sh_size = count * sizeof(Elf64_Sym);
    std::memcpy(changed.data() + at, &section, sizeof section);
    std::memcpy(&section, changed.data() + link, sizeof section);
    section.sh_offset = names;
    section.sh_size = length;
    std::memcpy(changed.data() + link, &section, sizeof section);
  }
  expect_error<PluginError>([&] { PluginFile(std::make_unique<std::istringstream>(changed)); },
                            "exports no data symbol");
}

TEST(Abi, IgnoresFilesOfOtherNamesInFolders) {
  const TemporaryFolder files;
  files.write("README", "plugins");
  files.write("libx.so.1", "x");
  fs::create_directory(files / "folder.so");
  fs::create_symlink(files / "nowhere", files / "dangling.so");
  fs::copy_file(faultless, files / "good.so");
  for (const PluginSearch& search :
       {PluginSearch{{files.path()}, {}}, PluginSearch{{}, {files.path()}}}) {
    const Registry registry(search);
    EXPECT_EQ(registry.activations().size(), 1u);
    EXPECT_TRUE(registry.warnings().empty());
  }
}

}  // namespace
}  // namespace nngp
