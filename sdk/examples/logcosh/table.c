/* What a host reads: constants, which Python cannot make. */
#include <nngp/activation.h>

__attribute__((visibility("hidden"))) double activation_fn(const void* instance, double x);
__attribute__((visibility("hidden"))) double activation_d_fn(const void* instance, double x);

/* All instances are one, since there are no parameters. */
static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

/* None: fn is smooth. */
static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance, (void)out, (void)capacity;
  return 0;
}

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .name = "Logcosh",
                                           .summary = "Logarithm of the hyperbolic cosine",
                                           .formula = "log(cosh(x))",
                                           .version = "1.0",
                                           .author = "You",
                                           .license = "MIT",
                                           .create = create,
                                           .destroy = destroy,
                                           .fn = activation_fn,
                                           .d_fn = activation_d_fn,
                                           .breakpoints = breakpoints};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "logcosh",
                                                   .version = "1.0",
                                                   .activations = activations,
                                                   .activation_count = 1};
