/* A plugin as an author of ABI 1.0 wrote it. It is built with the header of that time, which stands
 * beside it and never changes, and must load in every host of version 1.x. */
#include <math.h>
#include <nngp/activation.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  double scale;
  size_t coefficients;
} instance_t;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  instance_t* made;
  if (count != 2 || values[0].count != 1) return NULL;
  if (values[0].data[0] == 5) {
    strncpy(error, "the scale must not be 5", error_size - 1);
    error[error_size - 1] = '\0';
    return NULL;
  }
  made = (instance_t*)malloc(sizeof *made); /* the cast is for C++ */
  if (!made) return NULL;
  made->scale = values[0].data[0];
  made->coefficients = values[1].count;
  return made;
}

static void destroy(void* instance) { free(instance); }

static double fn(const void* instance, double x) {
  return ((const instance_t*)instance)->scale * fabs(x);
}

/* E[|x1| |x2|] */
static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const double scale = ((const instance_t*)instance)->scale;
  const double rest = var1 * var2 - cov12 * cov12, root = rest > 0 ? sqrt(rest) : 0;
  return scale * scale * 2 / 3.14159265358979323846 * (root + cov12 * atan2(cov12, root));
}

static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  const double scale = ((const instance_t*)instance)->scale;
  const double rest = var1 * var2 - cov12 * cov12, root = rest > 0 ? sqrt(rest) : 0;
  return scale * scale * 2 / 3.14159265358979323846 * atan2(cov12, root);
}

static double d_fn(const void* instance, double x) {
  const double scale = ((const instance_t*)instance)->scale;
  return x < 0 ? -scale : scale;
}

static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance;
  if (capacity > 0) {
    out[0].x = 0;
    out[0].order = 1;
    out[0].reserved = 0;
  }
  return 1;
}

/* Counts every field of the tile once. */
static void tile_f64(const void* instance, const nngp_tile_f64* tile) {
  size_t i, j;
  for (i = 0; i < tile->rows; ++i) {
    for (j = 0; j < tile->cols; ++j) {
      const double k = tile->cov12[i * tile->cov12_ld + j];
      const double c = tile->cov_scale * k + tile->cov_shift;
      const double v1 = tile->cov_scale * tile->var1[i] + tile->cov_shift;
      const double v2 = tile->cov_scale * tile->var2[j] + tile->cov_shift;
      const double d = d_nngp_fn(instance, c, v1, v2);
      tile->nngp[i * tile->nngp_ld + j] = nngp_fn(instance, c, v1, v2);
      if (tile->d_nngp) tile->d_nngp[i * tile->d_nngp_ld + j] = d;
      if (tile->ntk) {
        double* t = &tile->ntk[i * tile->ntk_ld + j];
        *t = d * (tile->ntk_cov * k + tile->ntk_scale * *t + tile->ntk_shift);
      }
    }
  }
}

static const void* get_extension(const char* id) {
  static const int revision = 1;
  return strcmp(id, "test.extension/1") == 0 ? &revision : NULL;
}

static const double one = 1;
static const double list[] = {1, 2, 3};
static const nngp_parameter scale = {sizeof(nngp_parameter),
                                     NNGP_NUMBER,
                                     "scale",
                                     "Factor",
                                     &one,
                                     1,
                                     0,
                                     INFINITY,
                                     NNGP_MINIMUM_EXCLUDED,
                                     0};
static const nngp_parameter coef = {
    sizeof(nngp_parameter), NNGP_LIST, "coef", "Any list", list, 3, -INFINITY, INFINITY, 0, 0};
static const nngp_parameter* const parameters[] = {&scale, &coef};

static const nngp_activation activation = {sizeof(nngp_activation),
                                           NNGP_DERIVATIVE_HANDWRITTEN,
                                           0,
                                           "OldAbs",
                                           "Scaled absolute value",
                                           "scale |x|",
                                           "1.0",
                                           "An author of old",
                                           "MIT",
                                           NULL,
                                           parameters,
                                           2,
                                           create,
                                           destroy,
                                           fn,
                                           nngp_fn,
                                           d_nngp_fn,
                                           d_fn,
                                           breakpoints,
                                           tile_f64,
                                           NULL,
                                           get_extension};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {NNGP_MAGIC, sizeof(nngp_plugin), 1, 0, 0, "old",
                                                   "1.0",      activations,         1};
