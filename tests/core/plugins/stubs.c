/* Every activation of neural_tangents.stax by name and parameters, without its mathematics: for tests
 * of names and arguments. fn returns the sum of all parameter values, nngp_fn their number. */
#include <math.h>
#include <nngp/activation.h>
#include <stdlib.h>

typedef struct {
  double sum, count;
} stub;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  stub* made = malloc(sizeof *made);
  (void)error, (void)error_size;
  if (!made) return NULL;
  made->sum = made->count = 0;
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < values[i].count; ++k) made->sum += values[i].data[k];
    made->count += (double)values[i].count;
  }
  return made;
}

static void destroy(void* instance) { free(instance); }

static double fn(const void* instance, double x) {
  (void)x;
  return ((const stub*)instance)->sum;
}

static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)cov12, (void)var1, (void)var2;
  return ((const stub*)instance)->count;
}

static const double zero = 0, one = 1, minus_one = -1;

#define PARAMETER(id, kind_, name_, default_, min, flags_)                 \
  static const nngp_parameter id = {.struct_size = sizeof(nngp_parameter), \
                                    .kind = kind_,                         \
                                    .name = name_,                         \
                                    .summary = "",                         \
                                    .default_value = default_,             \
                                    .default_count = 1,                    \
                                    .minimum = min,                        \
                                    .maximum = INFINITY,                   \
                                    .flags = flags_}
PARAMETER(a, NNGP_NUMBER, "a", &one, -INFINITY, 0);
PARAMETER(b, NNGP_NUMBER, "b", &one, -INFINITY, 0);
PARAMETER(minus_b, NNGP_NUMBER, "b", &minus_one, -INFINITY, 0);
PARAMETER(c, NNGP_NUMBER, "c", &zero, -INFINITY, 0);
PARAMETER(alpha, NNGP_NUMBER, "alpha", NULL, -INFINITY, 0);
PARAMETER(gamma_, NNGP_NUMBER, "gamma", &one, 0, NNGP_MINIMUM_EXCLUDED);
PARAMETER(shift, NNGP_NUMBER, "shift", &minus_one, -INFINITY, 0);
PARAMETER(do_clip, NNGP_BOOLEAN, "do_clip", &zero, 0, 0);
PARAMETER(approximate, NNGP_BOOLEAN, "approximate", &zero, 0, 0);
PARAMETER(degree, NNGP_INTEGER, "degree", NULL, 0, 0);
PARAMETER(coef, NNGP_LIST, "coef", NULL, -INFINITY, 0);

static const nngp_parameter *const
    abc[] = {&a, &b, &c},
    *const ab[] = {&a, &b}, *const a_minus_b[] = {&a, &minus_b}, *const only_alpha[] = {&alpha},
    *const only_gamma[] = {&gamma_}, *const only_degree[] = {&degree}, *const only_coef[] = {&coef},
    *const only_approximate[] = {&approximate}, *const exp_normalized[] = {&gamma_, &shift, &do_clip};

#define ACTIVATION(name_, parameters_, count_)                                                    \
  {                                                                                               \
    .struct_size = sizeof(nngp_activation), .name = name_, .summary = "", .formula = "",          \
    .version = "1", .author = "", .license = "MIT", .parameters = parameters_,                    \
    .parameter_count = count_, .create = create, .destroy = destroy, .fn = fn, .nngp_fn = nngp_fn \
  }
static const nngp_activation table[] = {
    ACTIVATION("Erf", abc, 3),
    ACTIVATION("Sin", abc, 3),
    ACTIVATION("Cos", abc, 3),
    ACTIVATION("ABRelu", ab, 2),
    ACTIVATION("Exp", ab, 2),
    ACTIVATION("Gaussian", a_minus_b, 2),
    ACTIVATION("LeakyRelu", only_alpha, 1),
    ACTIVATION("Rbf", only_gamma, 1),
    ACTIVATION("Hermite", only_degree, 1),
    ACTIVATION("Monomial", only_degree, 1),
    ACTIVATION("RectifiedMonomial", only_degree, 1),
    ACTIVATION("Polynomial", only_coef, 1),
    ACTIVATION("Gelu", only_approximate, 1),
    ACTIVATION("ExpNormalized", exp_normalized, 3),
    ACTIVATION("Sigmoid_like", NULL, 0),
    ACTIVATION("Gabor", NULL, 0),
    ACTIVATION("Relu", NULL, 0),
    ACTIVATION("Abs", NULL, 0),
    ACTIVATION("Sign", NULL, 0),
};
static const nngp_activation* const activations[] = {
    table,      table + 1,  table + 2,  table + 3,  table + 4,  table + 5,  table + 6,
    table + 7,  table + 8,  table + 9,  table + 10, table + 11, table + 12, table + 13,
    table + 14, table + 15, table + 16, table + 17, table + 18};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    .magic = NNGP_MAGIC,
    .struct_size = sizeof(nngp_plugin),
    .abi_major = NNGP_ABI_MAJOR,
    .abi_minor = NNGP_ABI_MINOR,
    .name = "stubs",
    .version = "1",
    .activations = activations,
    .activation_count = sizeof activations / sizeof activations[0],
};
