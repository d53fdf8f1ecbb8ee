/* fn(x) = (x + shift)^2, of which all expectations are polynomials. */
#include <math.h>
#include <nngp/activation.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double shift;
} instance_t;

/* The host checks parameters against the table below, but others may call too. */
static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  instance_t* made;
  if (count != 1 || values[0].count != 1 || !isfinite(values[0].data[0])) {
    snprintf(error, error_size, "shift must be one finite number");
    return NULL;
  }
  made = malloc(sizeof *made);
  if (!made) {
    snprintf(error, error_size, "out of memory");
    return NULL;
  }
  made->shift = values[0].data[0];
  return made;
}

static void destroy(void* instance) { free(instance); }

static double fn(const void* instance, double x) {
  const double y = x + ((const instance_t*)instance)->shift;
  return y * y;
}

static double d_fn(const void* instance, double x) {
  return 2 * (x + ((const instance_t*)instance)->shift);
}

/* E[x1^2 x2^2] = var1 var2 + 2 cov12^2 for Gaussian x1, x2 of mean 0 (Isserlis). */
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const double s = ((const instance_t*)instance)->shift, s2 = s * s;
  return (var1 + s2) * (var2 + s2) + 2 * cov12 * cov12 + 4 * s2 * cov12;
}

static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const double s = ((const instance_t*)instance)->shift;
  (void)var1, (void)var2;
  return 4 * cov12 + 4 * s * s;
}

/* None: fn is smooth. */
static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance, (void)out, (void)capacity;
  return 0;
}

static const double zero = 0;
static const nngp_parameter shift = {.struct_size = sizeof(nngp_parameter),
                                     .kind = NNGP_NUMBER,
                                     .name = "shift",
                                     .summary = "where the parabola stands, to the left of 0",
                                     .default_value = &zero,
                                     .default_count = 1,
                                     .minimum = -INFINITY,
                                     .maximum = INFINITY};
static const nngp_parameter* const parameters[] = {&shift};

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .derivative = NNGP_DERIVATIVE_HANDWRITTEN,
                                           .name = "Quadratic",
                                           .summary = "Parabola",
                                           .formula = "(x + shift)^2",
                                           .version = "1.0",
                                           .author = "You",
                                           .license = "MIT",
                                           .reference = "Isserlis, Biometrika 12, 1918",
                                           .parameters = parameters,
                                           .parameter_count = 1,
                                           .create = create,
                                           .destroy = destroy,
                                           .fn = fn,
                                           .nngp_fn = nngp_fn,
                                           .d_nngp_fn = d_nngp_fn,
                                           .d_fn = d_fn,
                                           .breakpoints = breakpoints};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "quadratic",
                                                   .version = "1.0",
                                                   .activations = activations,
                                                   .activation_count = 1};
