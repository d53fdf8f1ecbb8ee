/* Activations that offer little: Nothing, and Cube, which has fn alone. */
#include <nngp/activation.h>
#include <stddef.h>

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static int instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

static double cube(const void* instance, double x) {
  (void)instance;
  return x * x * x;
}

#define DESCRIPTION(name_, formula_)                                                               \
  .struct_size = sizeof(nngp_activation), .name = name_, .summary = "A test", .formula = formula_, \
  .version = "1", .author = "A test", .license = "MIT", .create = create, .destroy = destroy

static const nngp_activation nothing = {DESCRIPTION("Nothing", "unknown")};
static const nngp_activation cube_activation = {DESCRIPTION("Cube", "x^3"), .fn = cube};
static const nngp_activation* const activations[] = {&nothing, &cube_activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "partial",
                                                   .version = "1",
                                                   .activations = activations,
                                                   .activation_count = 2};
