/* The functions of tests/golden/functions.csv, each as fn alone, and one whose values are rounded. */
#include <math.h>
#include <nngp/activation.h>
#include <stddef.h>
#include <time.h>

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static int instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

#define ACTIVATION(name_, formula_)                                             \
  static double fn_of_##name_(const void* instance, double x) {                 \
    (void)instance;                                                             \
    return formula_;                                                            \
  }                                                                             \
  static const nngp_activation name_ = {.struct_size = sizeof(nngp_activation), \
                                        .name = #name_,                         \
                                        .summary = "A test",                    \
                                        .formula = #formula_,                   \
                                        .version = "1",                         \
                                        .author = "A test",                     \
                                        .license = "MIT",                       \
                                        .create = create,                       \
                                        .destroy = destroy,                     \
                                        .fn = fn_of_##name_};

ACTIVATION(golden_softplus, (x > 0 ? x : 0) + log1p(exp(-fabs(x))))
ACTIVATION(golden_log_square, log1p(x* x))
ACTIVATION(golden_asinh, asinh(x))
ACTIVATION(golden_sine5, sin(5 * x))
ACTIVATION(golden_siren, sin(30 * x))
ACTIVATION(golden_narrow_bump, exp(-50 * x * x))
ACTIVATION(golden_x_exp, x* exp(-fabs(x)))
ACTIVATION(golden_softplus10, (x > 0 ? x : 0) + log1p(exp(-fabs(10 * x))) / 10)
ACTIVATION(golden_hypot, sqrt(1 + x * x))
ACTIVATION(golden_tanh100, tanh(100 * x))
ACTIVATION(golden_shifted_relu, x > 2 ? x - 2 : 0)
ACTIVATION(golden_triangle, fabs(x) < 1 ? 1 - fabs(x) : 0)
ACTIVATION(golden_steep_step, (1 + tanh(10 * (x - 1))) / 2)
ACTIVATION(golden_sinc3, fabs(x) > 0 ? sin(3 * x) / (3 * x) : 1)
ACTIVATION(golden_gelu_tanh, x*(1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) / 2)
ACTIVATION(golden_tanh, tanh(x))
ACTIVATION(golden_swish, x*(1 + tanh(x / 2)) / 2)
ACTIVATION(rounded_tanh, (float)tanh(x))
ACTIVATION(fast_sine, sin(1e9 * x))

/* A function of a millisecond, as one that asks another program. */
static double slowly(double y) {
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
  return y;
}
ACTIVATION(slow_tanh, slowly(tanh(x)))

static const nngp_activation* const activations[] = {
    &golden_softplus,     &golden_log_square, &golden_asinh,      &golden_sine5, &golden_siren,
    &golden_narrow_bump,  &golden_x_exp,      &golden_softplus10, &golden_hypot, &golden_tanh100,
    &golden_shifted_relu, &golden_triangle,   &golden_steep_step, &golden_sinc3, &golden_gelu_tanh,
    &golden_tanh,         &golden_swish,      &rounded_tanh,      &fast_sine,    &slow_tanh};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    .magic = NNGP_MAGIC,
    .struct_size = sizeof(nngp_plugin),
    .abi_major = NNGP_ABI_MAJOR,
    .abi_minor = NNGP_ABI_MINOR,
    .name = "golden",
    .version = "1",
    .activations = activations,
    .activation_count = sizeof activations / sizeof *activations};
