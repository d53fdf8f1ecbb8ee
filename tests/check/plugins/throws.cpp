// A plugin whose create lets an exception out, or whose nngp_fn (NNGP_FN); or that exports a function
// (EXPORTS).

#include <nngp/activation.h>

#include <stdexcept>
#include <string>

namespace {

#ifdef NNGP_FN
const char instance = 0;
void* create(const nngp_value*, std::size_t, char*, std::size_t) {
  return const_cast<char*>(&instance);
}
double nngp_fn(const void*, double, double, double) { throw std::runtime_error("no kernel today"); }
#else
void* create(const nngp_value*, std::size_t, char*, std::size_t) {
  throw std::runtime_error(std::string("no instance ") + "today");
}
#endif
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
#ifdef NNGP_FN
  a.nngp_fn = nngp_fn;
#endif
  return a;
}();
const nngp_activation* const activations[] = {&activation};

}  // namespace

#ifdef EXPORTS
NNGP_EXPORT int exported() { return 1; }
#endif

extern "C" NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    NNGP_MAGIC, sizeof(nngp_plugin), NNGP_ABI_MAJOR, NNGP_ABI_MINOR, 0, "throws", "1.0", activations,
    1};
