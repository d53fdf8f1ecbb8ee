#pragma once

#include <gtest/gtest.h>

#include <string>

#include "nngp/simd.hpp"

namespace nngp::test {

template <class List>
struct vectors_of;
template <class... Isa>
struct vectors_of<instruction_set_list<Isa...>> {
  using type = testing::Types<vec<double, Isa>..., vec<float, Isa>...>;
};
/// Vectors of both number types for every instruction set that there is code for on this architecture.
using Vectors = typename vectors_of<instruction_sets_here>::type;

struct VectorName {
  template <class V>
  static std::string GetName(int) {
    std::string name = std::string(V::isa::name) + (sizeof(typename V::real) == 8 ? "_f64" : "_f32");
    for (char& c : name)
      if (c == '-') c = '_';
    return name;
  }
};

/// Calls f(Isa()) for each of them that this machine has.
template <class F, class... Isa>
void for_each_instruction_set(const F& f, instruction_set_list<Isa...>) {
  ((supported<Isa>() ? f(Isa()) : void()), ...);
}
template <class F>
void for_each_instruction_set(const F& f) {
  for_each_instruction_set(f, instruction_sets_here());
}

}  // namespace nngp::test
