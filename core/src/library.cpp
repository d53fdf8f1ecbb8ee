#include "library.hpp"

#include <dlfcn.h>

#include <cfenv>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>

#include "elf_file.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

// More activations than any library has: a count beyond it is a damaged table.
constexpr std::size_t max_activations = 10'000;

const std::string damaged = "damaged plugin table: ";

// What of the floating-point environment decides results.
struct FloatingPointMode {
  int rounding = std::fegetround();
  int traps = fegetexcept();
  bool subnormal_results = halved(std::numeric_limits<double>::min()) != 0;
  bool subnormal_arguments = halved(4 * std::numeric_limits<double>::denorm_min()) != 0;

  // Done when the program runs, not when it is compiled.
  static double halved(double value) {
    volatile double at_run_time = value;
    return at_run_time * 0.5;
  }
  bool operator==(const FloatingPointMode&) const = default;
};

// The libraries' own start-up code runs inside; that a process loads one library at a time keeps it
// simple for their authors.
boost::dll::shared_library load(const fs::path& file) {
  static std::mutex loading;
  const std::lock_guard lock(loading);

  const fs::path path = fs::absolute(file);
  const FloatingPointMode before;
  std::fenv_t environment;
  std::fegetenv(&environment);
  boost::dll::shared_library library;
  std::error_code error;
  library.load(path, error, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  const char* reason = error ? ::dlerror() : nullptr;
  const bool changed = before != FloatingPointMode();
  std::fesetenv(&environment);

  if (error) {
    std::string_view text = reason ? reason : "the system gives no reason";
    const std::string prefix = path.string() + ": ";
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    throw PluginError("cannot be loaded: " + printable(text, 500));
  }
  if (changed) {
    throw PluginError(
        "changes the processor's floating-point mode when loaded; link it without -ffast-math");
  }
  return library;
}

std::string version_of(const nngp_plugin& entry) {
  return std::to_string(entry.abi_major) + "." + std::to_string(entry.abi_minor);
}

std::string newer_needed(const nngp_plugin& entry) {
  return ": it was built for plugin ABI " + version_of(entry) + ", this nngp has ABI " + host_abi() +
         "; install a newer nngp";
}

// Checks the entry structure in the order in which its parts may be believed.
void check(const nngp_plugin& entry) {
  if (entry.magic != NNGP_MAGIC) {
    throw PluginError("not a plugin: its " NNGP_ENTRY_SYMBOL " does not begin with NNGP_MAGIC");
  }
  if (entry.abi_major != NNGP_ABI_MAJOR) {
    throw PluginError(
        "built for plugin ABI " + version_of(entry) + ", but this nngp has ABI " + host_abi() +
        (entry.abi_major > NNGP_ABI_MAJOR ? "; install a newer nngp"
                                          : "; build the plugin anew with this nngp's SDK"));
  }
  if (!NNGP_HAS_FIELD(nngp_plugin, &entry, activation_count)) {
    throw PluginError("its plugin table of " + std::to_string(entry.struct_size) +
                      " bytes is too small; build it anew from nngp/activation.h");
  }
  if (const auto unknown = unknown_features(entry.required_features); !unknown.empty()) {
    throw PluginError("needs " + unknown + newer_needed(entry));
  }
  if (!is_name(entry.name)) throw PluginError(damaged + "the library's name is no C identifier");
  if (!entry.version) throw PluginError(damaged + "the library has no version");
  if (entry.activation_count == 0 || entry.activation_count > max_activations || !entry.activations) {
    throw PluginError(damaged + "its activation_count is " + std::to_string(entry.activation_count) +
                      (entry.activations ? "" : ", its activations are null"));
  }
}

}  // namespace

Library::Library(const fs::path& file) try {
  if (const auto wrong = check_shared_library(file, NNGP_ENTRY_SYMBOL); !wrong.empty()) {
    throw PluginError(wrong);
  }
  library_ = load(file);
  entry_ = &library_.get<const nngp_plugin>(NNGP_ENTRY_SYMBOL);
  check(*entry_);

  std::set<std::string> names;
  for (std::size_t i = 0; i < entry_->activation_count; ++i) {
    const nngp_activation* table = entry_->activations[i];
    if (!table) throw PluginError(damaged + "activation " + std::to_string(i + 1) + " is null");
    try {
      activations_.emplace_back(*table);
    } catch (const Unsupported& reason) {
      unsupported_.push_back(reason.what() + newer_needed(*entry_));
      continue;
    }
    const std::string name = activations_.back()->name;
    if (!names.insert(name).second) throw PluginError(damaged + "two activations are called " + name);
  }
  if (activations_.empty()) throw PluginError(unsupported_.front());
} catch (const PluginError& error) {
  throw PluginError(printable(file.string(), 300) + ": " + error.what());
} catch (const std::exception& error) {
  throw PluginError(printable(file.string(), 300) + ": cannot be loaded: " + error.what());
}

std::string Library::name() const { return entry_->name; }

std::string Library::abi() const { return version_of(*entry_); }

}  // namespace nngp
