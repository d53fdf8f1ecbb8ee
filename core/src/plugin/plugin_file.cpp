#include "nngp/plugin_file.hpp"

#include <algorithm>
#include <fstream>

#include "nngp/text.hpp"
#include "plugin/elf_image.hpp"
#include "plugin/plugin_tables.hpp"

namespace nngp {

/// Copies tables out of an image. An address there becomes one here, or the plugin is damaged.
class PluginFile::Reader {
 public:
  Reader(ElfFile& file, Copies& copies) : image_(file), copies_(copies) {}

  nngp_plugin entry() {
    const auto address = image_.find_data(NNGP_ENTRY_SYMBOL);
    if (!address) throw PluginError(lacks_symbol(NNGP_ENTRY_SYMBOL));
    nngp_plugin entry = table<nngp_plugin>(*address);
    if (entry.magic == 0) throw not_in_file();
    if (!is_understood(entry)) return entry;  // to be refused, by no more than was read so far
    replace_text(entry.name);
    replace_text(entry.version);
    if (entry.activations && entry.activation_count <= PluginTables::max_activations) {
      for (const std::uint64_t one : addresses(entry.activations, entry.activation_count)) {
        copies_.list.push_back(one == 0 ? nullptr : activation(one));
      }
      entry.activations = copies_.list.data();
    }
    return entry;
  }

 private:
  static PluginError damaged() {
    return PluginError("damaged plugin table: it points to what the library does not have");
  }
  static NotInFile not_in_file() {
    return NotInFile(
        "its tables are not constants in the file but filled in by code when it is loaded; declare "
        "them const (in C++ constexpr or constinit) with constant initialisers");
  }
  template <class T>
  static std::uint64_t number(T* pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
  }

  /// As much of a table as its author and this host know; the rest is zero.
  template <class T>
  T table(std::uint64_t address) {
    T table = {};
    std::uint32_t size = 0;
    if (!image_.copy(address + offsetof(T, struct_size), &size, sizeof size)) throw damaged();
    if (!image_.copy(address, &table, std::min<std::uint64_t>(size, sizeof table))) throw damaged();
    table.struct_size = size;
    return table;
  }

  template <class T>
  std::vector<std::uint64_t> addresses(const T* const* array, std::size_t count) {
    std::vector<std::uint64_t> addresses(count);
    if (!image_.copy(number(array), addresses.data(), count * sizeof(std::uint64_t))) throw damaged();
    return addresses;
  }

  void replace_text(const char*& text) {
    if (!text) return;
    auto copy = image_.text(number(text));
    if (!copy) throw damaged();
    text = copies_.texts.emplace_back(std::move(*copy)).c_str();
  }

  const nngp_activation* activation(std::uint64_t address) {
    nngp_activation& table = copies_.activations.emplace_back(this->table<nngp_activation>(address));
    if (table.struct_size == 0) throw not_in_file();
    for (const char** text : {&table.name, &table.summary, &table.formula, &table.version,
                              &table.author, &table.license, &table.reference}) {
      replace_text(*text);
    }
    if (!table.parameters || table.parameter_count > Descriptor::max_parameters) return &table;
    auto& list = copies_.parameter_lists.emplace_back();
    for (const std::uint64_t one : addresses(table.parameters, table.parameter_count)) {
      list.push_back(one == 0 ? nullptr : parameter(one));
    }
    table.parameters = list.data();
    return &table;
  }

  const nngp_parameter* parameter(std::uint64_t address) {
    nngp_parameter& table = copies_.parameters.emplace_back(this->table<nngp_parameter>(address));
    if (table.struct_size == 0) throw not_in_file();
    replace_text(table.name);
    replace_text(table.summary);
    if (!table.default_value || table.default_count > Descriptor::max_default_count) return &table;
    // At least one, so that none is told from no default.
    auto& values = copies_.numbers.emplace_back(std::max<std::size_t>(table.default_count, 1));
    if (!image_.copy(number(table.default_value), values.data(),
                     table.default_count * sizeof(double))) {
      throw damaged();
    }
    table.default_value = values.data();
    return &table;
  }

  ElfImage image_;
  Copies& copies_;
};

PluginFile::PluginFile(std::unique_ptr<std::istream> contents) {
  ElfFile file(std::move(contents));
  if (!file.fault().empty()) throw PluginError(file.fault());
  tables_ = PluginTables(Reader(file, *copies_).entry());
}

PluginFile::PluginFile(const std::filesystem::path& file) try
    : PluginFile(std::make_unique<std::ifstream>(file, std::ios::binary)) {
} catch (const NotInFile& error) {
  throw NotInFile(printable(file.string(), 300) + ": " + error.what());
} catch (const PluginError& error) {
  throw PluginError(printable(file.string(), 300) + ": " + error.what());
}

}  // namespace nngp
