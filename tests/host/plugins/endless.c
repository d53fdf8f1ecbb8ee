/* A plugin that never comes back, as a library does not that asks nobody for interruptions. */
#include <nngp/activation.h>

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}
static void destroy(void* instance) { (void)instance; }
static double wait_for_ever(void) {
  static volatile int waits = 1;
  while (waits) continue;
  return 0;
}
static double fn(const void* instance, double x) {
  (void)instance, (void)x;
  return wait_for_ever();
}
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance, (void)cov12, (void)var1, (void)var2;
  return wait_for_ever();
}

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .name = "Endless",
                                           .summary = "Computes for ever",
                                           .formula = "",
                                           .version = "1",
                                           .author = "",
                                           .license = "MIT",
                                           .create = create,
                                           .destroy = destroy,
                                           .fn = fn,
                                           .d_fn = fn,
                                           .nngp_fn = nngp_fn,
                                           .d_nngp_fn = nngp_fn};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "endless",
                                                   .version = "1",
                                                   .activations = activations,
                                                   .activation_count = 1};
