/* Activations with at most one fault that shows away from the defaults, or at variance 0:
 *
 *   fn(x) = n (b x^2 + x + c)    smooth, with three parameters
 */
#include <math.h>
#include <nngp/activation.h>
#include <stdio.h>
#include <stdlib.h>

/* Each fault replaces one of these. */
#define B_SQUARED(b) ((b) * (b))
#define CROSS(b, c) ((b) * (c))
#define N_SQUARED(n) ((n) * (n))
#define D_NNGP(d) (d)

#if defined(FAULT_none) || defined(FAULT_derivative)
#elif defined(FAULT_product) /* right where b is 1 or c is 0 */
#undef CROSS
#define CROSS(b, c) (c)
#elif defined(FAULT_integer) /* of eight bits, that is right up to 11 */
#undef N_SQUARED
#define N_SQUARED(n) ((double)(signed char)((int)(n) * (int)(n)))
#elif defined(FAULT_number) /* clamped */
#undef B_SQUARED
#define B_SQUARED(b) (fmin(b, 5) * fmin(b, 5))
#elif defined(FAULT_nan) /* 0 / 0 */
#undef D_NNGP
#define D_NNGP(d) ((d) * (var1 * var2) / (var1 * var2))
#elif defined(FAULT_wrong) || defined(FAULT_unknown)
#undef D_NNGP
#define D_NNGP(d) (var1 * var2 == 0 ? 2 * (d) : (d))
#else
#error "choose a fault"
#endif
#ifdef FAULT_unknown /* wrong, beside an fn whose derivative is not offered */
#define WITHOUT_D_FN
#endif
#ifdef FAULT_derivative /* alone */
#define WITHOUT_D_FN
#define WITHOUT_FN
#endif

typedef struct {
  double b, c, n;
} state;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  const double b = values[0].data[0], c = values[1].data[0], n = values[2].data[0];
  state* made;
  if (count != 3 || !(b > 0 && isfinite(b)) || !isfinite(c) || !(n >= 1 && n <= 100 && floor(n) == n)) {
    snprintf(error, error_size, "b must be above 0, c finite, n an integer from 1 to 100");
    return NULL;
  }
  made = malloc(sizeof *made);
  if (made) *made = (state){b, c, n};
  return made;
}
static void destroy(void* instance) { free(instance); }

#ifndef WITHOUT_FN
static double fn(const void* instance, double x) {
  const state* f = instance;
  return f->n * ((f->b * x + 1) * x + f->c);
}
#endif

#ifndef WITHOUT_D_FN
static double d_fn(const void* instance, double x) {
  const state* f = instance;
  return f->n * (2 * f->b * x + 1);
}
#endif

#ifndef WITHOUT_FN
/* E x1^2 x2^2 = var1 var2 + 2 cov12^2; odd moments vanish. */
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const state* f = instance;
  const double square = B_SQUARED(f->b) * (var1 * var2 + 2 * cov12 * cov12);
  return N_SQUARED(f->n) * (square + CROSS(f->b, f->c) * (var1 + var2) + f->c * f->c + cov12);
}
#endif

static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const state* f = instance;
  const double d = N_SQUARED(f->n) * (4 * B_SQUARED(f->b) * cov12 + 1);
  return D_NNGP(d) + 0 * (var1 + var2);
}

static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance, (void)out, (void)capacity;
  return 0;
}

static const double zero = 0, one = 1;
static const nngp_parameter b = {.struct_size = sizeof(nngp_parameter),
                                 .kind = NNGP_NUMBER,
                                 .name = "b",
                                 .summary = "curvature",
                                 .default_value = &one,
                                 .default_count = 1,
                                 .minimum = 0,
                                 .maximum = INFINITY,
                                 .flags = NNGP_MINIMUM_EXCLUDED};
static const nngp_parameter c = {.struct_size = sizeof(nngp_parameter),
                                 .kind = NNGP_NUMBER,
                                 .name = "c",
                                 .summary = "shift",
                                 .default_value = &zero,
                                 .default_count = 1,
                                 .minimum = -INFINITY,
                                 .maximum = INFINITY};
static const nngp_parameter n = {.struct_size = sizeof(nngp_parameter),
                                 .kind = NNGP_INTEGER,
                                 .name = "n",
                                 .summary = "factor",
                                 .default_value = &one,
                                 .default_count = 1,
                                 .minimum = 1,
                                 .maximum = 100};
static const nngp_parameter* const parameters[] = {&b, &c, &n};

static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .derivative = NNGP_DERIVATIVE_HANDWRITTEN,
                                           .name = "Parabola",
                                           .summary = "for tests",
                                           .formula = "n (b x^2 + x + c)",
                                           .version = "1.0",
                                           .author = "nngp",
                                           .license = "MIT",
                                           .parameters = parameters,
                                           .parameter_count = 3,
                                           .create = create,
                                           .destroy = destroy,
#ifndef WITHOUT_FN
                                           .fn = fn,
                                           .nngp_fn = nngp_fn,
#endif
                                           .d_nngp_fn = d_nngp_fn,
#ifndef WITHOUT_D_FN
                                           .d_fn = d_fn,
#endif
                                           .breakpoints = breakpoints};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "parabola",
                                                   .version = "1.0",
                                                   .activations = activations,
                                                   .activation_count = 1};
