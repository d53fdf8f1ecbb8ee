#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check/shared_memory.hpp"
#include "nngp/activation.h"

namespace nngp::host {

/// One value for each parameter of an activation, in the order of its table.
using Setting = std::vector<std::vector<double>>;

/// A plugin made no instance.
class NotMade : public std::runtime_error {
 public:
  /// `reason` is the plugin's, or empty.
  NotMade(const std::string& setting, const std::string& reason)
      : std::runtime_error(setting + " is refused" +
                           (reason.empty() ? " without a reason" : ": " + reason)),
        has_reason_(!reason.empty()) {}
  bool has_reason() const { return has_reason_; }

 private:
  bool has_reason_;
};

/// An instance of an activation, called through the raw functions of its table.
class Instance {
 public:
  /// Throws NotMade.
  Instance(const nngp_activation& table, Setting setting);

  const nngp_activation& table() const { return *table_; }
  const Setting& setting() const { return setting_; }
  const void* get() const { return instance_.get(); }
  /// Spoils the values that `create` was given, of which a plugin must have made copies. Afterwards
  /// text() and setting() mean nothing.
  void spoil_values();
  /// "Erf(a=1.0, b=2.0, c=0.0)".
  std::string text() const;

  double fn(double x) const { return table_->fn(get(), x); }
  double d_fn(double x) const { return table_->d_fn(get(), x); }
  double nngp_fn(double cov12, double var1, double var2) const {
    return table_->nngp_fn(get(), cov12, var1, var2);
  }
  double d_nngp_fn(double cov12, double var1, double var2) const {
    return table_->d_nngp_fn(get(), cov12, var1, var2);
  }

  /// Declared ones; empty if there are none or none are declared.
  std::vector<nngp_breakpoint> breakpoints() const;

 private:
  const nngp_activation* table_;
  Setting setting_;
  std::shared_ptr<void> instance_;
};

/// An activation and the settings it is checked with: the defaults (or ordinary values where there is
/// no default); from there all parameters at once at others, twice, since a product of two may be
/// wrong; each alone at the ends of its range and at ordinary values.
struct Specimen {
  /// `memory_before` is what this process could write before the library was loaded.
  explicit Specimen(const nngp_activation& activation, MemoryMap memory_before = {});

  const nngp_activation* table;
  MemoryMap memory_before;
  std::vector<Setting> settings;
};

}  // namespace nngp::host
