/* A plugin whose activation is described by code, when it is loaded, against the rule that tables are
 * constants. */
#include <nngp/activation.h>

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

/* Volatile, since clang computes at compile time what it can of a constructor. */
static const char* volatile name = "MadeLate";
static nngp_activation activation;
static const nngp_activation* const activations[] = {&activation};

__attribute__((constructor)) static void make(void) {
  activation.name = name;
  activation.struct_size = sizeof activation;
  activation.summary = activation.formula = activation.author = "";
  activation.version = "1";
  activation.license = "MIT";
  activation.create = create;
  activation.destroy = destroy;
  activation.fn = fn;
}

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "made_late",
                                                   .version = "1",
                                                   .activations = activations,
                                                   .activation_count = 1};
