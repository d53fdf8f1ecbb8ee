// A plugin whose create lets an exception out.

#include <nngp/activation.h>

#include <stdexcept>

namespace {

void* create(const nngp_value*, std::size_t, char*, std::size_t) {
  throw std::runtime_error("no instance today");
}
void destroy(void*) {}
double fn(const void*, double x) { return x; }

const nngp_activation activation = [] {
  nngp_activation a = {};
  a.struct_size = sizeof a;
  a.name = "Throws";
  a.summary = a.formula = a.author = "for tests";
  a.version = "1.0";
  a.license = "MIT";
  a.create = create;
  a.destroy = destroy;
  a.fn = fn;
  return a;
}();
const nngp_activation* const activations[] = {&activation};

}  // namespace

extern "C" NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    NNGP_MAGIC, sizeof(nngp_plugin), NNGP_ABI_MAJOR, NNGP_ABI_MINOR, 0, "throws", "1.0", activations,
    1};
