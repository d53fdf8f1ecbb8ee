/* A plugin with a wrong kernel: E[x1 x2] is cov12, not twice that. */
#include <nngp/activation.h>

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}
static void destroy(void* instance) { (void)instance; }
static double fn(const void* instance, double x) {
  (void)instance;
  return x;
}
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance, (void)var1, (void)var2;
  return 2 * cov12;
}

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .name = "Wrong",
                                           .summary = "Identity, its kernel wrong",
                                           .formula = "x",
                                           .version = "1",
                                           .author = "",
                                           .license = "MIT",
                                           .create = create,
                                           .destroy = destroy,
                                           .fn = fn,
                                           .nngp_fn = nngp_fn};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "wrong",
                                                   .version = "1",
                                                   .activations = activations,
                                                   .activation_count = 1};
