/* A plugin in plain C, built outside of the project: the cube, E[x1^3 x2^3] = 9 v1 v2 c + 6 c^3. */
#include "nngp/activation.h"

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static int instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

static double fn(const void* instance, double x) {
  (void)instance;
  return x * x * x;
}

static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance;
  return 9 * var1 * var2 * cov12 + 6 * cov12 * cov12 * cov12;
}

static const nngp_activation cube = {.struct_size = sizeof(nngp_activation),
                                     .derivative = NNGP_DERIVATIVE_ABSENT,
                                     .name = "Cube",
                                     .summary = "The cube",
                                     .formula = "x^3",
                                     .version = "1.0",
                                     .author = "A test",
                                     .license = "MIT",
                                     .create = create,
                                     .destroy = destroy,
                                     .fn = fn,
                                     .nngp_fn = nngp_fn};
static const nngp_activation* const activations[] = {&cube};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "cube",
                                                   .version = "1.0",
                                                   .activations = activations,
                                                   .activation_count = 1};
