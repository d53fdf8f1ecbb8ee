/* A plugin of a later minor version: its structures are larger, it uses constants and offers an
 * extension this host has never heard of. One of its activations needs a feature of that version. */
#include <math.h>
#include <nngp/activation.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  nngp_parameter known;
  const char* unit;
} newer_parameter;

typedef struct {
  nngp_activation known;
  void (*another_entry)(void);
  double another_number[3];
} newer_activation;

typedef struct {
  nngp_plugin known;
  const char* home_page;
} newer_plugin;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static double shift;
  (void)error, (void)error_size;
  if (count == 1) shift = values[0].data[0];
  return &shift;
}
static void destroy(void* instance) { (void)instance; }
static double fn(const void* instance, double x) { return x + *(const double*)instance; }
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const double shift = *(const double*)instance;
  (void)var1, (void)var2;
  return cov12 + shift * shift;
}
static const void* get_extension(const char* id) {
  return strcmp(id, "nngp.future/1") == 0 ? (const void*)&nngp_plugin_entry : NULL;
}
static void another_entry(void) { fputs("called what this host cannot know\n", stderr); }

static const double zero = 0;
static const newer_parameter shift = {.known = {.struct_size = sizeof(newer_parameter),
                                                .kind = NNGP_NUMBER,
                                                .name = "shift",
                                                .summary = "",
                                                .default_value = &zero,
                                                .default_count = 1,
                                                .minimum = -INFINITY,
                                                .maximum = INFINITY,
                                                .flags = 1u << 31},
                                      .unit = "none"};
static const nngp_parameter* const parameters[] = {&shift.known};

#define ACTIVATION(name_, features)                     \
  {                                                     \
    .known = {.struct_size = sizeof(newer_activation),  \
              .derivative = 7,                          \
              .required_features = features,            \
              .name = name_,                            \
              .summary = "",                            \
              .formula = "",                            \
              .version = "2",                           \
              .author = "",                             \
              .license = "MIT",                         \
              .parameters = parameters,                 \
              .parameter_count = 1,                     \
              .create = create,                         \
              .destroy = destroy,                       \
              .fn = fn,                                 \
              .nngp_fn = nngp_fn,                       \
              .get_extension = get_extension},          \
    .another_entry = another_entry, .another_number = { \
      1,                                                \
      2,                                                \
      3                                                 \
    }                                                   \
  }
static const newer_activation usable = ACTIVATION("Shifted", 0);
static const newer_activation unusable = ACTIVATION("NeedsMore", UINT64_C(1) << 40);
static const nngp_activation* const activations[] = {&unusable.known, &usable.known};

/* The entry symbol keeps its type; what follows it is reached through the larger size. */
NNGP_EXPORT const newer_plugin newer_entry __asm__(NNGP_ENTRY_SYMBOL) = {
    .known = {.magic = NNGP_MAGIC,
              .struct_size = sizeof(newer_plugin),
              .abi_major = NNGP_ABI_MAJOR,
              .abi_minor = NNGP_ABI_MINOR + 7,
              .name = "newer",
              .version = "2",
              .activations = activations,
              .activation_count = 2},
    .home_page = "https://example.org"};
