#pragma once

#include <nngp/activation.hpp>

/// What the shipped libraries have in common.
constexpr nngp::library shipped(const char* name) {
  return {.name = name, .version = "0.1.0", .author = "The nngp authors", .license = "MIT"};
}
