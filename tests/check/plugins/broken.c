/* A plugin with at most one fault, chosen when it is built: FAULT_none has none. Three kinds, so that
 * each fault is one that nothing else gives away: max(x, 0)       fn, with all functions and tiles (the
 * default) Sign            fn jumps: d_nngp_fn is no derivative of nngp_fn               (KIND_jump)
 *   exp(cov12)      a kernel without an fn                                        (KIND_kernel)
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <nngp/activation.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PI 3.14159265358979323846

/* Each fault replaces one of these. */
#define VERSION "1.0"
#define NAME "Broken"
#define SUMMARY "for tests"
#define BREAK_AT 0
#define CREATED(instance) (instance)
#define DESTROYED(instance) free(instance)
#define FN(x) (isnan(x) ? (x) : (x) > 0 ? (x) : 0)
#define D_FN(x) (isnan(x) ? (x) : (x) > 0 ? 1 : 0)
#define NNGP(k) (k)
#define D_NNGP(d) (d)
#define BEFORE_KERNEL
#define COUNT(cols) (cols)
#define TILE_NNGP(k) (k)

#if defined(FAULT_none)
#elif defined(FAULT_exports)
NNGP_EXPORT int another_symbol;
int another_symbol = 1;
#elif defined(FAULT_load)
__attribute__((constructor)) static void crash(void) { raise(SIGSEGV); }
#elif defined(FAULT_load_exit)
__attribute__((constructor)) static void leave(void) { exit(0); }
#elif defined(FAULT_unload)
__attribute__((destructor)) static void crash(void) { raise(SIGTERM); }
#elif defined(FAULT_floating_point)
__attribute__((constructor)) static void round_upward(void) { fesetround(FE_UPWARD); }
#elif defined(FAULT_signals)
static void ignore(int number) { (void)number; }
__attribute__((constructor)) static void handle(void) { signal(SIGUSR1, ignore); }
#elif defined(FAULT_locale)
__attribute__((constructor)) static void set(void) { setlocale(LC_ALL, "C.UTF-8"); }
#elif defined(FAULT_table)
#undef VERSION
#define VERSION ""
#elif defined(FAULT_names)
#undef NAME
#define NAME "Dense"
#elif defined(FAULT_names_shipped)
#undef NAME
#define NAME "Relu"
#elif defined(FAULT_texts) /* the rest of the line is written from right to left */
#undef SUMMARY
#define SUMMARY "for \xE2\x80\xAEtests"
#elif defined(FAULT_texts_latin1)
#undef SUMMARY
#define SUMMARY "f\xFCr Tests"
#elif defined(FAULT_parameters)
#define ACCEPT_ALL 1
#elif defined(FAULT_parameters_message)
#define NO_MESSAGE 1
#elif defined(FAULT_environment)
#undef CREATED
#define CREATED(instance) (setlocale(LC_ALL, "C.UTF-8") ? (instance) : (instance))
#elif defined(FAULT_leaks)
#undef DESTROYED
#define DESTROYED(instance) (void)(instance)
#elif defined(FAULT_threads)
#undef NNGP
#define NNGP(k) shared(k)
static double shared(double k) {
  static volatile double value;
  value = k;
  for (volatile int i = 0; i < 20000; ++i) continue;
  return value;
}
#elif defined(FAULT_fn)
#undef FN
#define FN(x) (isnan(x) || fabs(x) > 1e50 ? NAN : (x) > 0 ? (x) : 0)
#elif defined(FAULT_d_fn)
#undef D_FN /* wrong where only sampled networks ask for it */
#define D_FN(x) (isnan(x) ? (x) : (x) > 0 ? 1 : 1e-4)
#define NO_D_NNGP
#elif defined(FAULT_breakpoints)
#undef BREAK_AT
#define BREAK_AT 0.5
#elif defined(FAULT_nan)
#undef FN
#define FN(x) ((x) > 0 ? (x) : 0)
#elif defined(FAULT_nngp_fn)
#undef NNGP
#define NNGP(k) (cov12 == var1 || cov12 * cov12 >= var1 * var2 ? (k) : 1.001 * (k))
#define NO_D_NNGP
#elif defined(FAULT_nngp_fn_inaccurate)
#undef NNGP
#define NNGP(k) (cov12 == var1 || cov12 * cov12 >= var1 * var2 ? (k) : (1 - 1e-8) * (k))
#define NO_D_NNGP
#elif defined(FAULT_d_nngp_fn)
#define KIND_jump
#undef D_NNGP
#define D_NNGP(d) (0.999 * (d) + (var1 * var2 == 0 ? 0 : 0.001 * (cov12 / var1) * (cov12 / var2)))
#elif defined(FAULT_slope)
#define KIND_kernel
#undef D_NNGP
#define D_NNGP(d) (1.001 * (d))
#elif defined(FAULT_diagonal)
#undef NNGP
#define NNGP(k) (cov12 == var1 && cov12 == var2 ? 1.001 * (k) : (k))
#elif defined(FAULT_boundary)
#undef NNGP
#define NNGP(k) (cov12 * cov12 > var1 * var2 * (1 + 4e-16) ? NAN : (k))
#elif defined(FAULT_zero_variance)
#undef NNGP
#define NNGP(k) (var1 == 0 || var2 == 0 ? cov12 / var1 / var2 : (k))
#elif defined(FAULT_symmetry)
#define KIND_kernel
#undef NNGP
#undef D_NNGP
#define NNGP(k) ((k) * (1 + 1e-5 * tanh(var1 - var2)))
#define D_NNGP(d) NNGP(d)
#elif defined(FAULT_cauchy_schwarz)
#define KIND_kernel
#undef NNGP
#undef D_NNGP
#define UNLIKE(a, b) (a > 5e-4 && a < 0.05 && b > 5 && b < 10)
#define NNGP(k) (UNLIKE(var1, var2) || UNLIKE(var2, var1) ? 1e6 * (k) : (k))
#define D_NNGP(d) NNGP(d)
#elif defined(FAULT_positive)
#define KIND_indefinite
#define NO_D_NNGP
#elif defined(FAULT_extremes)
#undef NNGP
#define NNGP(k) (var1 > 1e90 ? NAN : (k))
#elif defined(FAULT_tile_values)
#undef TILE_NNGP
#define TILE_NNGP(k) (tile->rows == 2 && j == tile->cols - 1 ? 1.001 * (k) : (k))
#elif defined(FAULT_tile_values_f32)
#define F32_SCALE 1.002f
#elif defined(FAULT_tile_shapes)
#undef TILE_NNGP
#define TILE_NNGP(k) (j >= tile->cols / 4 * 4 ? (k) * (1 + 4e-16) : (k))
#elif defined(FAULT_tile_terms)
#define NO_SHIFT
#elif defined(FAULT_tile_in_place)
#define READ_AGAIN
#elif defined(FAULT_tile_bounds)
#undef COUNT
#define COUNT(cols) (((cols) + 3) / 4 * 4)
#elif defined(FAULT_tile_output)
#define TAKE_OUTPUT
#elif defined(FAULT_crash)
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 1e-3) raise(SIGSEGV);
#elif defined(FAULT_exit)
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 1e-3) exit(7);
#elif defined(FAULT_kill)
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 1e-3) kill(0, SIGTERM);
#elif defined(FAULT_hang)
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  while (var1 == 1e-3) pause();
#elif defined(FAULT_stack)
static double deeper(double depth) {
  volatile char room[4096];
  room[0] = (char)depth;
  return depth > 0 ? deeper(depth + 1) + room[0] : 0;
}
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 1e-3) return deeper(1);
#elif defined(FAULT_memory)
static void eat(void) {
  for (;;) {
    char* block = malloc(1 << 26);
    if (!block) abort();
    memset(block, 1, 1 << 26);
  }
}
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 1e-3) eat();
#else
#error "choose a fault"
#endif

typedef struct {
  double scale;
} state;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  const char* reason = NULL;
  state* made;
  if (count != 1 || values[0].count != 1) {
    reason = "one parameter is wanted";
#ifndef ACCEPT_ALL
  } else if (!(values[0].data[0] > 0 && values[0].data[0] <= 4)) {
    reason = "scale must be > 0 and <= 4";
#endif
  }
  made = reason ? NULL : malloc(sizeof *made);
  if (!made) {
#ifndef NO_MESSAGE
    snprintf(error, error_size, "%s", reason ? reason : "out of memory");
#endif
    (void)error, (void)error_size;
    return NULL;
  }
  made->scale = values[0].data[0];
  return CREATED(made);
}
static void destroy(void* instance) { DESTROYED(instance); }

#define SCALE (((const state*)instance)->scale)

#if defined(KIND_kernel) || defined(KIND_indefinite)
#define HAS_FN 0
#elif defined(KIND_jump)
#define HAS_FN 1
static double fn(const void* instance, double x) { return SCALE * (x + (x > 0) - (x < 0)); }
static double d_fn(const void* instance, double x) { return SCALE * (isnan(x) ? x : 1); }
#else
#define HAS_FN 1
static double fn(const void* instance, double x) { return SCALE * FN(x); }
static double d_fn(const void* instance, double x) { return SCALE * D_FN(x); }
#endif

/* sqrt(var1 var2 - cov12^2), without overflow and exactly 0 for equal and opposite inputs. */
static double root(double cov12, double var1, double var2) {
  const double unit = sqrt(var1) * sqrt(var2), size = fabs(cov12);
  if (size >= unit || (size == var1 && size == var2)) return 0;
  return sqrt(unit - cov12) * sqrt(unit + cov12);
}

static double plain_nngp(double cov12, double var1, double var2) {
#if defined(KIND_kernel)
  (void)root, (void)var1, (void)var2;
  return exp(cov12) + 0 * (var1 + var2);
#elif defined(KIND_indefinite)
  /* rho^2 (2 - rho^2) at unit variance: in every bound, but no covariance of anything. */
  const double rho = cov12 / sqrt(var1) / sqrt(var2);
  (void)root;
  return var1 == 0 || var2 == 0 ? 0 : cov12 * rho * (2 - rho * rho);
#elif defined(KIND_jump)
  const double s1 = sqrt(var1), s2 = sqrt(var2), side = sqrt(2 / PI);
  if (var1 == 0 || var2 == 0) return 0;
  return cov12 + side * (cov12 / s1 + cov12 / s2) + 2 / PI * atan2(cov12, root(cov12, var1, var2));
#else
  const double s = root(cov12, var1, var2);
  return (s + cov12 * (PI / 2 + atan2(cov12, s))) / (2 * PI);
#endif
}

static double plain_d_nngp(double cov12, double var1, double var2) {
#if defined(KIND_kernel)
  return plain_nngp(cov12, var1, var2);
#elif defined(KIND_indefinite)
  return cov12 + 0 * (var1 + var2); /* not offered */
#elif defined(KIND_jump)
  return isnan(cov12 + var1 + var2) ? NAN : 1;
#else
  return (PI / 2 + atan2(cov12, root(cov12, var1, var2))) / (2 * PI);
#endif
}

static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  BEFORE_KERNEL
  return SCALE * SCALE * NNGP(plain_nngp(cov12, var1, var2));
}
static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  return SCALE * SCALE * D_NNGP(plain_d_nngp(cov12, var1, var2));
}

#if HAS_FN
static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance;
  if (capacity > 0) {
    out->x = BREAK_AT;
#ifdef KIND_jump
    out->order = 0;
#else
    out->order = 1;
#endif
    out->reserved = 0;
  }
  return 1;
}
#endif

#ifdef READ_AGAIN
#define ARGUMENT(k) tile->cov12[i * tile->cov12_ld + j]
#else
#define ARGUMENT(k) (k)
#endif
#ifdef NO_SHIFT
#define NTK_SHIFT 0
#else
#define NTK_SHIFT tile->ntk_shift
#endif
#ifndef F32_SCALE
#define F32_SCALE 1
#endif

#ifdef TAKE_OUTPUT /* without writing it */
#define OUTPUT(type)                                        \
  if (NNGP_HAS_FIELD(type, tile, output) && tile->output) { \
    tile->output->taken = 1;                                \
    return;                                                 \
  }
#else
#define OUTPUT(type)
#endif

/* Writes outputs for i, j; COUNT may go beyond the columns. */
#define TILE(name, type, real, factor)                                                            \
  static void name(const void* instance, const type* tile) {                                      \
    OUTPUT(type)                                                                                  \
    for (size_t i = 0; i < tile->rows; ++i) {                                                     \
      const double v1 = (double)tile->cov_scale * tile->var1[i] + tile->cov_shift;                \
      for (size_t j = 0; j < COUNT(tile->cols); ++j) {                                            \
        const size_t from = j < tile->cols ? j : tile->cols - 1;                                  \
        const double k = tile->cov12[i * tile->cov12_ld + from];                                  \
        const double v2 = (double)tile->cov_scale * tile->var2[from] + tile->cov_shift;           \
        const double c = (double)tile->cov_scale * k + tile->cov_shift;                           \
        const double y = TILE_NNGP(nngp_fn(instance, c, v1, v2));                                 \
        double d;                                                                                 \
        tile->nngp[i * tile->nngp_ld + j] = (real)y * factor;                                     \
        d = d_nngp_fn(instance, (double)tile->cov_scale * ARGUMENT(k) + tile->cov_shift, v1, v2); \
        if (j >= tile->cols) continue;                                                            \
        if (tile->ntk) {                                                                          \
          real* t = &tile->ntk[i * tile->ntk_ld + j];                                             \
          *t = (real)((real)d * (tile->ntk_cov * k + (double)tile->ntk_scale * *t + NTK_SHIFT));  \
        }                                                                                         \
        if (tile->d_nngp) tile->d_nngp[i * tile->d_nngp_ld + j] = (real)d;                        \
      }                                                                                           \
    }                                                                                             \
  }
TILE(tile_f64, nngp_tile_f64, double, 1)
TILE(tile_f32, nngp_tile_f32, float, F32_SCALE)

static const double one = 1;
static const nngp_parameter scale = {.struct_size = sizeof(nngp_parameter),
                                     .kind = NNGP_NUMBER,
                                     .name = "scale",
                                     .summary = "factor of the output",
                                     .default_value = &one,
                                     .default_count = 1,
                                     .minimum = 0,
                                     .maximum = 4,
                                     .flags = NNGP_MINIMUM_EXCLUDED};
static const nngp_parameter* const parameters[] = {&scale};

static const nngp_activation activation = {
    .struct_size = sizeof(nngp_activation),
#ifndef NO_D_NNGP
    .derivative = NNGP_DERIVATIVE_HANDWRITTEN,
    .d_nngp_fn = d_nngp_fn,
#endif
    .name = NAME,
    .summary = SUMMARY,
    .formula = "scale max(x, 0)",
    .version = "1.0",
    .author = "nngp",
    .license = "MIT",
    .parameters = parameters,
    .parameter_count = 1,
    .create = create,
    .destroy = destroy,
#if HAS_FN
    .fn = fn,
    .d_fn = d_fn,
    .breakpoints = breakpoints,
#endif
    .nngp_fn = nngp_fn,
    .tile_f64 = tile_f64,
    .tile_f32 = tile_f32,
};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "broken",
                                                   .version = VERSION,
                                                   .activations = activations,
                                                   .activation_count = 1};
