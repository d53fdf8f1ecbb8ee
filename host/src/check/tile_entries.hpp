#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "check/tile_buffers.hpp"
#include "nngp/activation.h"

namespace nngp::host {

template <class Real>
constexpr const char* real_name = std::is_same_v<Real, double> ? "tile_f64" : "tile_f32";

/// One compiled version of an entry; `name` is what messages call it.
template <class Real>
struct Entry {
  std::string name;
  void (*fill)(const void*, const TileOf<Real>*);
};

/// The entry of the table, and those versions of it that this machine can run.
template <class Real>
std::vector<Entry<Real>> entries_of(const nngp_activation& table) {
  constexpr bool is_double = std::is_same_v<Real, double>;
  std::vector<Entry<Real>> entries;
  const auto add = [&](const std::string& version, auto f64, auto f32) {
    const auto fill = [&] {
      if constexpr (is_double) {
        return f64;
      } else {
        return f32;
      }
    }();
    // The table's own is one of the versions.
    const bool is_known = std::any_of(entries.begin(), entries.end(),
                                      [&](const auto& entry) { return entry.fill == fill; });
    if (fill && !is_known) entries.push_back({real_name<Real> + version, fill});
  };
  add("", table.tile_f64, table.tile_f32);
  const void* extension = table.get_extension ? table.get_extension(NNGP_EXT_TILE_VARIANTS) : nullptr;
  if (const auto* all = static_cast<const nngp_tile_variants*>(extension))
    for (std::uint32_t i = 0; i < all->count; ++i)
      if (const nngp_tile_variant& one = all->variants[i]; one.supported())
        add(std::string(" (") + one.instruction_set + ")", one.tile_f64, one.tile_f32);
  return entries;
}

}  // namespace nngp::host
