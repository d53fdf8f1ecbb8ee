/* Relu with scalar functions alone, as Cho and Saul (2009) write them: what the host's loop over a
 * plain C plugin costs. */
#include <math.h>
#include <nngp/activation.h>

static const double pi = 3.14159265358979323846;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  static char instance;
  (void)values, (void)count, (void)error, (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

/* pi minus the angle whose cosine is rho; not by fmin and fmax, which are calls of the C library. */
static double angle_from_pi(double rho) { return pi - acos(rho > 1 ? 1 : rho < -1 ? -1 : rho); }

static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  double size = sqrt(var1 * var2), rho = cov12 / size, square = 1 - rho * rho;
  (void)instance;
  return (size * sqrt(square < 0 ? 0 : square) + angle_from_pi(rho) * cov12) / (2 * pi);
}

static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance;
  return angle_from_pi(cov12 / sqrt(var1 * var2)) / (2 * pi);
}

static const nngp_activation scalar_relu = {
    .struct_size = sizeof(nngp_activation),
    .derivative = NNGP_DERIVATIVE_HANDWRITTEN,
    .name = "ScalarRelu",
    .summary = "Rectified linear unit",
    .formula = "max(x, 0)",
    .version = "1.0.0",
    .author = "The nngp authors",
    .license = "MIT",
    .create = create,
    .destroy = destroy,
    .nngp_fn = nngp_fn,
    .d_nngp_fn = d_nngp_fn,
};

static const nngp_activation* const activations[] = {&scalar_relu};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {
    .magic = NNGP_MAGIC,
    .struct_size = sizeof(nngp_plugin),
    .abi_major = NNGP_ABI_MAJOR,
    .abi_minor = NNGP_ABI_MINOR,
    .name = "scalar_relu",
    .version = "1.0.0",
    .activations = activations,
    .activation_count = 1,
};
