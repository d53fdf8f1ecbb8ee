/* A plugin that leaves a trace in the environment when its code is run. */
#define _POSIX_C_SOURCE 200112L
#include <nngp/activation.h>
#include <stdlib.h>

__attribute__((constructor)) static void run(void) { setenv("NNGP_TEST_NOISY_RAN", "1", 1); }

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static int instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}
static void destroy(void* instance) { (void)instance; }
static double fn(const void* instance, double x) {
  (void)instance;
  return x;
}

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .name = "Noisy",
                                           .summary = "Tells that it ran",
                                           .formula = "x",
                                           .version = "7",
                                           .author = "",
                                           .license = "MIT",
                                           .create = create,
                                           .destroy = destroy,
                                           .fn = fn};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "noisy",
                                                   .version = "7",
                                                   .activations = activations,
                                                   .activation_count = 1};
