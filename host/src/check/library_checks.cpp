// The library as a whole: its file, its symbols, what loading it does, its tables.

#include "check/library_checks.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <regex>

#include "check/checks.hpp"
#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

/// A message of the core's, which begins with the file.
std::string without_file(const std::string& message) {
  const auto reason = message.find(": ");
  return reason == message.npos ? message : message.substr(reason + 2);
}

// ---- Without loading it

Result check_file(const std::filesystem::path& file) {
  std::error_code error;  // of what is not there, the next says more
  if (const auto status = std::filesystem::status(file, error);
      std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    return failed("not a file but a folder, a pipe or a device");
  const std::string wrong = check_shared_library(file, NNGP_ENTRY_SYMBOL);
  return wrong.empty() ? passed("a shared library for this machine") : failed(wrong);
}

/// Names that do not come from the author: those of linkers, sanitizers, and of what the compiler makes
/// of C++'s standard library, which is exported whatever the visibility and the same everywhere.
bool is_tools(const std::string& symbol) {
  static const std::regex names(
      "_init|_fini|_edata|_end|__bss_start|__odr_asan.*|_Z(T[ISTV]|GV)?(N[KVRO]*)?(S[tabsiod]|9__gnu_"
      "cxx).*");
  return std::regex_match(symbol, names);
}

/// What to do so that a library does not export these.
std::string advice_against(const std::vector<std::string>& symbols) {
  // What only the runtime itself has: of the compiler's own names, of transactions, of allocation.
  static const std::regex runtime(
      "__cxa_.*|__gxx_.*|_Unwind_.*|_ZN10__cxxabiv1.*|_ZGTtN.*|.*_txnal_.*|_Zn[wa]m|_Zd[la]Pv|"
      "_gfortran_.*|__gcov_.*");
  const auto is_any = [&](const auto& is_such) {
    return std::any_of(symbols.begin(), symbols.end(), is_such);
  };
  if (is_any([](const std::string& symbol) { return std::regex_match(symbol, runtime); }))
    return "they come with a static library such as libstdc++: link with -Wl,--exclude-libs,ALL";
  return is_any([](const std::string& symbol) { return symbol.starts_with("_Z"); })
             ? "compile with -fvisibility=hidden -fvisibility-inlines-hidden"
             : "compile with -fvisibility=hidden";
}

Result check_exports(const std::filesystem::path& file) {
  std::vector<std::string> symbols = exported_symbols(file);
  std::erase_if(symbols, [](const auto& name) { return name == NNGP_ENTRY_SYMBOL || is_tools(name); });
  if (symbols.empty()) return passed("nothing but " NNGP_ENTRY_SYMBOL);
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(symbols.size(), 3); ++i)
    list += (i ? ", " : "") + printable(symbols[i]);
  return failed("also exports " + list +
                (symbols.size() > 3 ? " and " + std::to_string(symbols.size() - 3) + " more" : "") +
                ", which can clash with those of others; " + advice_against(symbols));
}

// ---- Loading

void* open(const std::filesystem::path& file) {
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw PluginError(printable(::dlerror(), 300));
  return library;
}

Result check_load(LoadedLibrary&) { return passed("loaded, unloaded and loaded again"); }

Result unchanged(const std::string& changes, const char* what) {
  return changes.empty() ? passed(what + std::string(" unchanged"))
                         : failed("loading changes it: " + changes);
}

Result check_floating_point(LoadedLibrary& library) {
  return unchanged(library.after().floating_point_changes(library.before()),
                   "rounding, traps, subnormal numbers");
}
Result check_signals(LoadedLibrary& library) {
  return unchanged(library.after().signal_changes(library.before()), "handlers and mask");
}
Result check_locale(LoadedLibrary& library) {
  return unchanged(library.after().locale_changes(library.before()), "locale");
}
Result check_process(LoadedLibrary& library) {
  return unchanged(library.after().process_changes(library.before()), "output, files, threads, limits");
}

// ---- Tables

/// What is odd about a text of a table, or nothing.
std::string text_fault(const char* text, bool may_be_empty) {
  if (!text) return "is missing";
  if (!may_be_empty && !*text) return "is empty";
  return "";
}

/// Whether two tables say the same, of which one may be a copy.
bool same_text(const char* a, const char* b) { return a && b ? std::strcmp(a, b) == 0 : a == b; }

bool same_parameter(const nngp_parameter& a, const nngp_parameter& b) {
  const bool same_default =
      !a.default_value == !b.default_value &&
      (!a.default_value || std::equal(a.default_value, a.default_value + a.default_count,
                                      b.default_value, b.default_value + b.default_count));
  return a.kind == b.kind && same_text(a.name, b.name) && same_text(a.summary, b.summary) &&
         same_default && a.minimum == b.minimum && a.maximum == b.maximum && a.flags == b.flags;
}

/// Of a table in the file and one in memory, where addresses count from `base`.
bool same_activation(const nngp_activation& a, const nngp_activation& b, std::uintptr_t base) {
  const auto same = [&](auto function) {
    // Functions of other libraries have no address in the file but this.
    constexpr auto elsewhere = ~std::uintptr_t{0};
    const auto in_file = reinterpret_cast<std::uintptr_t>(a.*function);
    const auto in_memory = reinterpret_cast<std::uintptr_t>(b.*function);
    return in_file == 0 || in_file == elsewhere ? !in_file == !in_memory : in_file + base == in_memory;
  };
  return same_text(a.name, b.name) && same_text(a.summary, b.summary) &&
         same_text(a.formula, b.formula) && same_text(a.version, b.version) &&
         same_text(a.author, b.author) && same_text(a.license, b.license) &&
         same_text(a.reference, b.reference) && a.derivative == b.derivative &&
         std::equal(a.parameters, a.parameters + a.parameter_count, b.parameters,
                    b.parameters + b.parameter_count,
                    [](const auto* p, const auto* q) { return same_parameter(*p, *q); }) &&
         same(&nngp_activation::fn) && same(&nngp_activation::d_fn) &&
         same(&nngp_activation::nngp_fn) && same(&nngp_activation::d_nngp_fn) &&
         same(&nngp_activation::breakpoints) && same(&nngp_activation::tile_f64) &&
         same(&nngp_activation::tile_f32) && same(&nngp_activation::get_extension);
}

/// Texts that only people miss.
std::string activation_gap(const nngp_activation& table) {
  const std::pair<const char*, const char*> texts[] = {{"summary", table.summary},
                                                       {"version", table.version},
                                                       {"author", table.author},
                                                       {"license", table.license},
                                                       {"formula", table.formula}};
  for (const auto& [field, text] : texts)
    if (const auto fault = text_fault(text, false); !fault.empty())
      return std::string("its ") + field + " " + fault;
  for (std::size_t i = 0; i < table.parameter_count; ++i) {
    const nngp_parameter& p = *table.parameters[i];
    if (const auto fault = text_fault(p.summary, false); !fault.empty())
      return std::string("the summary of parameter '") + p.name + "' " + fault;
  }
  return "";
}

std::string activation_fault(const nngp_activation& table) {
  if (!table.fn && !table.nngp_fn) return "it offers neither fn nor nngp_fn";
  if (table.d_nngp_fn && !table.nngp_fn) return "it offers d_nngp_fn without nngp_fn";
  // Constants of later versions are allowed.
  const bool known = table.derivative <= NNGP_DERIVATIVE_AUTOMATIC;
  if (known && table.nngp_fn && (table.derivative == NNGP_DERIVATIVE_ABSENT) != !table.d_nngp_fn)
    return "its field derivative does not agree with whether it offers d_nngp_fn";
  if ((table.tile_f64 || table.tile_f32) && !table.nngp_fn) return "it offers tiles without nngp_fn";
  return "";
}

/// `entry` of a library in memory, which tells where that was loaded.
bool is_as_in_file(const PluginFile& file, const nngp_plugin& entry, const nngp_activation& table) {
  Dl_info info = {};
  link_map* library = nullptr;
  if (::dladdr1(&entry, &info, reinterpret_cast<void**>(&library), RTLD_DL_LINKMAP) == 0 || !library)
    return false;
  const auto& all = file.tables().activations();
  return std::any_of(all.begin(), all.end(), [&](const Descriptor& one) {
    return same_activation(*one, table, library->l_addr);
  });
}

Result check_table(LoadedLibrary& library) {
  const nngp_plugin& entry = *library.entry();
  const Registry* registry = nullptr;
  try {
    registry = &library.registry();
  } catch (const PluginError& error) {
    return failed(without_file(error.what()));
  }
  if (const auto fault = text_fault(entry.version, false); !fault.empty())
    return failed("the library's version " + fault);
  const PluginFile file(library.file());
  std::string gap;
  for (const ActivationInfo& info : registry->activations()) {
    const auto table = registry->descriptor(info);
    if (const auto fault = activation_fault(*table); !fault.empty())
      return failed(info.name + ": " + fault);
    if (!is_as_in_file(file, entry, *table))
      return failed(info.name + ": its table is not the one in the file: code changes it when loaded");
    if (const auto found = activation_gap(*table); gap.empty() && !found.empty())
      gap = info.name + ": " + found;
  }
  if (!gap.empty()) return {Status::warning, gap};
  if (!registry->warnings().empty()) return {Status::warning, registry->warnings().front()};
  return passed("ABI " + registry->activations().front().abi + ", version " + printable(entry.version) +
                ", " + std::to_string(registry->activations().size()) +
                (registry->activations().size() == 1 ? " activation" : " activations"));
}

}  // namespace

LoadedLibrary::LoadedLibrary(const std::filesystem::path& file)
    : file_(std::filesystem::absolute(file)) {
  void* first = open(file_);
  after_ = ProcessState();
  before_.restore_floating_point();
  ::dlclose(first);
  entry_ = static_cast<const nngp_plugin*>(::dlsym(open(file_), NNGP_ENTRY_SYMBOL));
  if (!entry_) throw PluginError("its symbol " NNGP_ENTRY_SYMBOL " is null");
  before_.restore_floating_point();
}

const Registry& LoadedLibrary::registry() {
  if (!registry_) registry_.emplace(PluginSearch{{file_}, {}});
  return *registry_;
}

const std::vector<FileCheck>& file_checks() {
  static const std::vector<FileCheck> all = [] {
    std::vector<FileCheck> all = {
        {"file", "a whole shared library for this machine, with the entry symbol", check_file},
        {"exports", "no symbol but the entry is exported", check_exports}};
    for (const FileCheck& check : name_checks()) all.push_back(check);
    return all;
  }();
  return all;
}

const std::vector<LibraryCheck>& library_checks() {
  static const std::vector<LibraryCheck> all = {
      {"load", "it can be loaded, unloaded and loaded again", check_load},
      {"floating_point", "loading keeps rounding, traps and subnormal numbers", check_floating_point},
      {"signals", "loading keeps signal handlers and the signal mask", check_signals},
      {"locale", "loading keeps the locale", check_locale},
      {"process", "loading keeps files, folder, threads, limits, and prints nothing", check_process},
      {"table", "versions, sizes, names and texts are sound", check_table}};
  return all;
}

}  // namespace nngp::host
