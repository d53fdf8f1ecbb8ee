/* A plugin with one fault, chosen when it is built. */
#include <fenv.h>
#include <nngp/activation.h>
#include <stddef.h>

/* Each fault replaces one of these. */
#define MAGIC NNGP_MAGIC
#define MAJOR NNGP_ABI_MAJOR
#define SIZE sizeof(nngp_plugin)
#define FEATURES 0
#define ACTIVATION_FEATURES 0
#define NAME "faulty"
#define VERSION "1"
#define ACTIVATIONS activations
#define COUNT 1
#define FIRST &activation
#define ACTIVATION_NAME "Faulty"

#if defined(FAULT_magic)
#undef MAGIC
#define MAGIC 0x12345678
#elif defined(FAULT_newer_major)
#undef MAJOR
#define MAJOR (NNGP_ABI_MAJOR + 1)
#elif defined(FAULT_older_major)
#undef MAJOR
#define MAJOR (NNGP_ABI_MAJOR - 1)
#elif defined(FAULT_size)
#undef SIZE
#define SIZE 24
#elif defined(FAULT_feature)
#undef FEATURES
#define FEATURES 0x10
#elif defined(FAULT_activation_feature)
#undef ACTIVATION_FEATURES
#define ACTIVATION_FEATURES 0x20
#elif defined(FAULT_null_name)
#undef NAME
#define NAME NULL
#elif defined(FAULT_bad_name)
#undef NAME
#define NAME "a:b"
#elif defined(FAULT_null_version)
#undef VERSION
#define VERSION NULL
#elif defined(FAULT_null_table)
#undef ACTIVATIONS
#define ACTIVATIONS NULL
#elif defined(FAULT_no_activations)
#undef COUNT
#define COUNT 0
#elif defined(FAULT_huge_count)
#undef COUNT
#define COUNT (SIZE_MAX / 8)
#elif defined(FAULT_null_activation)
#undef FIRST
#define FIRST NULL
#elif defined(FAULT_activation_name)
#undef ACTIVATION_NAME
#define ACTIVATION_NAME "not a name"
#elif defined(FAULT_same_names)
#undef COUNT
#define COUNT 2
#elif defined(FAULT_rounding)
__attribute__((constructor)) static void change_rounding(void) { fesetround(FE_UPWARD); }
#elif defined(FAULT_flush)
/* What linking with -ffast-math does: subnormal numbers become zero. */
__attribute__((constructor)) static void flush_subnormals(void) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u);
#elif defined(__aarch64__)
  unsigned long mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1ul << 24));
#else
#error "how does this machine flush subnormal numbers?"
#endif
}
#elif defined(FAULT_undefined_symbol)
extern double nngp_test_is_nowhere(double);
double nngp_test_caller(double);
NNGP_EXPORT double nngp_test_caller(double x) { return nngp_test_is_nowhere(x); }
#elif defined(FAULT_function_entry)
#define NO_ENTRY
NNGP_EXPORT void nngp_plugin_entry_function(void) __asm__(NNGP_ENTRY_SYMBOL);
void nngp_plugin_entry_function(void) {}
#elif defined(FAULT_no_entry)
#define NO_ENTRY
#elif !defined(FAULT_none)
#error "choose a fault"
#endif

#ifndef NO_ENTRY
static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}
static void destroy(void* instance) { (void)instance; }

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .required_features = ACTIVATION_FEATURES,
                                           .name = ACTIVATION_NAME,
                                           .summary = "",
                                           .formula = "",
                                           .version = "",
                                           .author = "",
                                           .license = "",
                                           .create = create,
                                           .destroy = destroy};
extern const nngp_activation* const activations[];
const nngp_activation* const activations[] = {FIRST, &activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = MAGIC,
                                                   .struct_size = SIZE,
                                                   .abi_major = MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .required_features = FEATURES,
                                                   .name = NAME,
                                                   .version = VERSION,
                                                   .activations = ACTIVATIONS,
                                                   .activation_count = COUNT};
#endif
