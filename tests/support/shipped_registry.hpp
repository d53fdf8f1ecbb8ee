#pragma once

#include <string>

#include "nngp/model.hpp"
#include "nngp/registry.hpp"

namespace nngp::test {

/// The plugins of the build alone.
inline const Registry& shipped_registry() {
  static const Registry all({.named = {NNGP_TEST_PLUGINS}, .folders = {}});
  return all;
}

inline Layer shipped_model(const std::string& text) { return parse_model(text, shipped_registry()); }

}  // namespace nngp::test
