/* Compares nngp_fn of every activation, with its default parameters, with a sum over a grid that knows
 * fn alone: test PLUGIN. */
#include <dlfcn.h>
#include <math.h>
#include <nngp/activation.h>
#include <stdio.h>

/* Large for fn with kinks; a smooth fn may be held to 1e-9. */
static const double tolerance = 1e-3;

/* E[fn(x1) fn(x2)] by the trapezoidal rule over independent z1, z2 of variance 1. */
static double expectation(const nngp_activation* a, const void* instance, double cov12, double var1,
                          double var2) {
  const double step = 0.1, slope = cov12 / sqrt(var1), rest = sqrt(var2 - slope * slope);
  double sum = 0;
  for (int i = -90; i <= 90; ++i) {
    const double z1 = i * step, y1 = a->fn(instance, sqrt(var1) * z1);
    for (int j = -90; j <= 90; ++j) {
      const double z2 = j * step;
      sum += exp(-(z1 * z1 + z2 * z2) / 2) * y1 * a->fn(instance, slope * z1 + rest * z2);
    }
  }
  return sum * step * step / (2 * acos(-1));
}

static int test(const nngp_activation* a) {
  static const double points[][3] = {{0, 1, 1}, {0.5, 1, 1}, {-0.6, 0.8, 1.3}, {1.1, 2, 0.7}};
  nngp_value values[100];
  char error[200] = "";
  void* instance;
  int wrong = 0;
  if (!a->fn || !a->nngp_fn) return 0; /* nothing to compare */
  for (size_t i = 0; i < a->parameter_count && i < 100; ++i) {
    values[i].data = a->parameters[i]->default_value;
    values[i].count = a->parameters[i]->default_count;
  }
  instance = a->create(values, a->parameter_count, error, sizeof error);
  if (!instance) {
    printf("%s cannot be made: %s\n", a->name, error);
    return 1;
  }
  for (size_t i = 0; i < sizeof points / sizeof points[0]; ++i) {
    const double c = points[i][0], v1 = points[i][1], v2 = points[i][2];
    const double found = a->nngp_fn(instance, c, v1, v2);
    const double expected = expectation(a, instance, c, v1, v2);
    const int right = fabs(found - expected) <= tolerance * (1 + fabs(expected));
    printf("%s %s(%g, %g, %g): %.9g, by summation %.9g\n", right ? "right" : "WRONG", a->name, c, v1,
           v2, found, expected);
    if (!right) wrong = 1;
  }
  a->destroy(instance);
  return wrong;
}

int main(int count, char** words) {
  const nngp_plugin* plugin;
  void* library = count == 2 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  int wrong = 0;
  if (!library) {
    fprintf(stderr, "%s\n", count == 2 ? dlerror() : "usage: test PLUGIN");
    return 2;
  }
  plugin = (const nngp_plugin*)dlsym(library, NNGP_ENTRY_SYMBOL);
  if (!plugin) return 2;
  for (size_t i = 0; i < plugin->activation_count; ++i) wrong |= test(plugin->activations[i]);
  dlclose(library);
  return wrong;
}
