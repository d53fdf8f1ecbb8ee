/* The error function with the arcsine kernel of Williams (1997), "Computing with infinite networks":
 * a complete plugin in plain C. It leaves d_nngp_fn to the host, which differentiates nngp_fn.
 *
 *   cc -shared -fPIC -fvisibility=hidden -I sdk/include arcsin_erf.c -o libarcsin_erf.so -lm
 */
#include <math.h>
#include <nngp/activation.h>

static const double pi = 3.14159265358979323846;

/* No parameters and so no state: an instance is any address that is not null. */
static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

static double fn(const void* instance, double x) {
  (void)instance;
  return erf(x);
}

/* E[erf(x1) erf(x2)]. Rounding may carry the quotient a hair beyond 1, where asin has no value. */
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance;
  double sine = 2 * cov12 / sqrt((1 + 2 * var1) * (1 + 2 * var2));
  if (sine > 1) sine = 1;
  if (sine < -1) sine = -1;
  return 2 / pi * asin(sine);
}

/* erf is smooth: it has no break points. */
static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance, (void)out, (void)capacity;
  return 0;
}

static const nngp_activation arcsin_erf = {
    .struct_size = sizeof(nngp_activation),
    .derivative = NNGP_DERIVATIVE_ABSENT,
    .name = "ArcsinErf",
    .summary = "Error function, kernel by the arcsine formula",
    .formula = "erf(x)",
    .version = "1.0.0",
    .author = "The nngp authors",
    .license = "MIT",
    .reference = "C. K. I. Williams, Computing with infinite networks, NIPS 1996",
    .create = create,
    .destroy = destroy,
    .fn = fn,
    .nngp_fn = nngp_fn,
    .breakpoints = breakpoints,
};

static const nngp_activation* const activations[] = {&arcsin_erf};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    .magic = NNGP_MAGIC,
    .struct_size = sizeof(nngp_plugin),
    .abi_major = NNGP_ABI_MAJOR,
    .abi_minor = NNGP_ABI_MINOR,
    .name = "arcsin_erf",
    .version = "1.0.0",
    .activations = activations,
    .activation_count = 1,
};
