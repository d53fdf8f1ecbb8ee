// The identity, which prints by the stream of C++.

#include <nngp/activation.h>

#include <iostream>

namespace {

int instance;

void* create(const nngp_value*, std::size_t, char*, std::size_t) { return &instance; }
void destroy(void*) {}

double nngp_fn(const void*, double cov12, double, double) {
  std::cout << "a plugin was here" << std::endl;
  return cov12;
}

constexpr nngp_activation activation = [] {
  nngp_activation a = {};
  a.struct_size = sizeof a;
  a.name = "Chatty";
  a.summary = a.author = "for tests";
  a.formula = "x";
  a.version = "1";
  a.license = "MIT";
  a.create = create;
  a.destroy = destroy;
  a.nngp_fn = nngp_fn;
  return a;
}();
constexpr const nngp_activation* activations[] = {&activation};

constexpr nngp_plugin plugin = [] {
  nngp_plugin p = {};
  p.magic = NNGP_MAGIC;
  p.struct_size = sizeof p;
  p.abi_major = NNGP_ABI_MAJOR;
  p.abi_minor = NNGP_ABI_MINOR;
  p.name = "chatty";
  p.version = "1";
  p.activations = activations;
  p.activation_count = 1;
  return p;
}();

}  // namespace

extern "C" NNGP_EXPORT const nngp_plugin nngp_plugin_entry = plugin;
