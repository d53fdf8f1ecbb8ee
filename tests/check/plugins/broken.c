/* A plugin with at most one fault, chosen when it is built: FAULT_none has none. Three kinds, so that
 * each fault is one that nothing else gives away:
 *
 *   max(x, 0)    fn, with all functions and tiles (the default)
 *   Sign         fn jumps: d_nngp_fn is no derivative of nngp_fn    (KIND_jump)
 *   exp(cov12)   a kernel without an fn                             (KIND_kernel)
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <nngp/activation.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PI 3.14159265358979323846

/* Each fault replaces one of these. */
#define VERSION "1.0"
#define NAME "Broken"
#define SUMMARY "for tests"
#define BREAK_AT 0
#define RESERVED 0
#define CREATED(instance) (instance)
#define DESTROYED(instance) free(instance)
#define FN(x) (isnan(x) ? (x) : (x) > 0 ? (x) : 0)
#define D_FN(x) (isnan(x) ? (x) : (x) > 0 ? 1 : 0)
#define NNGP(k) (k)
#define D_NNGP(d) (d)
#define BEFORE_KERNEL
#define COUNT(cols) (cols)
#define TILE_NNGP(k) (k)
#define TILE_D_NNGP(d) (d)
#define IN_CREATE
#define IN_FN
#define IN_D_FN
#define IN_D_NNGP
#define IN_TILE
#define IN_REFUSAL
#define NAME "Broken"
#define KEPT_SCALE(values) (values)[0].data[0]
#define SCALE (((const state*)instance)->scale)

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
#elif defined(FAULT_names_value)
#undef NAME
#define NAME "True"
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
  for (volatile int i = 0; i < 200; ++i) continue;
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
#define BREAK_AT 50
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
#define NNGP(k) \
  (cov12 * cov12 > var1 * var2 * (1 + 4e-16) && cov12 * cov12 < var1 * var2 * (1 + 1e-12) ? NAN : (k))
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
#define TILE_NNGP(k) (tile->rows == 2 && tile->cols == 16 && j == 15 ? 1.001 * (k) : (k))
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
/* ---- What calls must not do */
#elif defined(FAULT_instances)
#undef SCALE
#define SCALE (*((const state*)instance)->values)
#elif defined(FAULT_instances_global) /* the last one counts for all */
static double global_scale;
#undef SCALE
#define SCALE ((void)instance, global_scale)
#undef KEPT_SCALE
#define KEPT_SCALE(values) (global_scale = (values)[0].data[0])
#elif defined(FAULT_instances_first) /* the first one counts for all */
static double first_scale;
#undef SCALE
#define SCALE ((void)instance, first_scale)
#undef KEPT_SCALE
#define KEPT_SCALE(values) (first_scale = first_scale > 0 ? first_scale : (values)[0].data[0])
#elif defined(FAULT_instances_history) /* a cache that minds the argument alone */
static _Thread_local double cached_x, cached;
#undef IN_FN
#define IN_FN \
  if (x == cached_x && x != 0) return cached;
#undef FN
#define FN(x) (cached_x = (x), cached = SCALE * (isnan(x) ? (x) : (x) > 0 ? (x) : 0), cached / SCALE)
#elif defined(FAULT_stack)
static char use_stack(double x) {
  volatile char room[6 << 20];
  room[0] = (char)(x > 0);
  return room[0];
}
#undef IN_D_FN
#define IN_D_FN use_stack(x);
#elif defined(FAULT_process)
__attribute__((constructor)) static void change(void) { umask(0); }
#elif defined(FAULT_process_prints)
__attribute__((constructor)) static void print(void) { puts("ready"); }
#elif defined(FAULT_exit)
static void leave(void) { _exit(0); }
static void at_exit(void) {
  static int done;
  if (!done++) atexit(leave);
}
#undef IN_CREATE
#define IN_CREATE at_exit();
#elif defined(FAULT_environment_tile)
#undef IN_TILE
#define IN_TILE fesetround(FE_UPWARD);
#elif defined(FAULT_environment_long_double)
#undef IN_D_NNGP
#define IN_D_NNGP    \
  {                  \
    fenv_t mode;     \
    fegetenv(&mode); \
    reduce(&mode);   \
    fesetenv(&mode); \
  }
static void reduce(fenv_t* mode) {
#if defined(__x86_64__)
  mode->__control_word &= 0xfcff;
#else
  feenableexcept(FE_DIVBYZERO); /* another mode, where there is one precision */
  fegetenv(mode);
#endif
}
#elif defined(FAULT_environment_signal)
#undef IN_TILE
#define IN_TILE signal(SIGINT, SIG_IGN);
#elif defined(FAULT_environment_prints)
#undef IN_D_FN
#define IN_D_FN printf("d_fn\n");
#elif defined(FAULT_environment_files)
#undef IN_TILE
#define IN_TILE close(2);
#elif defined(FAULT_environment_folder)
#undef IN_D_NNGP
#define IN_D_NNGP \
  if (chdir("/") != 0) abort();
#elif defined(FAULT_environment_variable)
#undef IN_CREATE
#define IN_CREATE setenv("OMP_NUM_THREADS", "1", 1);
#elif defined(FAULT_environment_processors)
#undef IN_TILE
#define IN_TILE pin();
static void pin(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}
#elif defined(FAULT_environment_timer)
#undef IN_CREATE
#define IN_CREATE alarm(1000);
#elif defined(FAULT_environment_thread)
static void* wait_long(void* nothing) {
  for (;;) pause();
  return nothing;
}
static void start_once(void) {
  static int done;
  pthread_t thread;
  if (!done++) pthread_create(&thread, NULL, wait_long, NULL);
}
#undef IN_TILE
#define IN_TILE start_once();
#elif defined(FAULT_leaks_tile)
#undef IN_TILE
#define IN_TILE keep(malloc(1000));
static void* volatile kept;
static void keep(void* memory) { kept = memory; }
#elif defined(FAULT_leaks_d_nngp)
#undef IN_D_NNGP
#define IN_D_NNGP \
  if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) abort();
#elif defined(FAULT_threads_tile) /* a row in static memory */
#undef TILE_NNGP
#define TILE_NNGP(k) through(j, k)
static double through(size_t j, double k) {
  static volatile double row[16384];
  row[j] = k;
  for (volatile int i = 0; i < 20; ++i) continue;
  return row[j];
}
#elif defined(FAULT_threads_fast) /* static memory for as long as an exponential takes */
#undef FN
#define FN(x) passed(isnan(x) ? (x) : (x) > 0 ? (x) : 0)
static volatile double moment;
static double passed(double y) {
  double size;
  moment = y;
  size = exp(-fabs(y));
  return size >= 0 ? moment : size;
}
#elif defined(FAULT_threads_static) /* static memory, read back at once */
#undef FN
#define FN(x) passed(isnan(x) ? (x) : (x) > 0 ? (x) : 0)
static volatile double moment;
static double passed(double y) {
  moment = y;
  return moment;
}
#elif defined(FAULT_threads_instance) /* the same in the memory of the instance */
#undef D_FN
#define D_FN(x) passed((void*)instance, isnan(x) ? (x) : (x) > 0 ? 1 : 0)
static double passed(void* instance, double y);
#elif defined(FAULT_threads_first) || defined(FAULT_threads_create)
/* A table is said to be full before it is: that of a function, or what the first instance fills. */
#ifdef FAULT_threads_first
#undef NNGP
#define NNGP(k) through_table(k)
#else
#undef KEPT_SCALE
#define KEPT_SCALE(values) through_table(values[0].data[0])
#endif
static double through_table(double k) {
  static volatile double table[256];
  static volatile int full;
  int i;
  if (!full) {
    full = 1;
    for (i = 0; i < 256; ++i) table[i] = 1;
  }
  return k * table[200];
}
#elif defined(FAULT_threads_deadlock)
static pthread_mutex_t one_lock = PTHREAD_MUTEX_INITIALIZER, other_lock = PTHREAD_MUTEX_INITIALIZER;
static void lock_both(pthread_mutex_t* first, pthread_mutex_t* second) {
  pthread_mutex_lock(first);
  pthread_mutex_lock(second);
  pthread_mutex_unlock(second);
  pthread_mutex_unlock(first);
}
#undef IN_FN
#define IN_FN lock_both(&one_lock, &other_lock);
#undef IN_D_FN
#define IN_D_FN lock_both(&other_lock, &one_lock);
#elif defined(FAULT_table_late)
#undef NAME
#define NAME NULL
#define MADE_LATE activation.name = "Broken";
#elif defined(FAULT_table_changed)
#define MADE_LATE activation.d_nngp_fn = NULL, activation.derivative = 0;
#elif defined(FAULT_tile_values_row)
#undef TILE_NNGP
#define TILE_NNGP(k) (i >= 4 ? 1.02 * (k) : (k))
#elif defined(FAULT_tile_values_column)
#undef TILE_NNGP
#define TILE_NNGP(k) (j >= 256 ? 1.02 * (k) : (k))
#elif defined(FAULT_tile_shapes_corner)
#undef TILE_NNGP
#define TILE_NNGP(k) (i >= 64 && j >= 256 ? 1.02 * (k) : (k))
#elif defined(FAULT_tile_values_stride)
#undef TILE_NNGP
#define TILE_NNGP(k) (tile->nngp_ld != tile->cov12_ld ? 1.02 * (k) : (k))
#elif defined(FAULT_nngp_fn_large)
#undef NNGP
#define NNGP(k) (var1 > 20 && cov12 != var1 && cov12 * cov12 < 0.99 * var1 * var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_diagonal_large)
#undef NNGP
#define NNGP(k) (var1 > 20 && cov12 == var1 && cov12 == var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_diagonal_small)
#undef NNGP
#define NNGP(k) (var1 < 1e-5 && cov12 == var1 && cov12 == var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_nngp_fn_near_one) /* where deep networks are */
#undef NNGP
#define NNGP(k) \
  (cov12 * cov12 > 0.97 * var1 * var2 && cov12 * cov12 < 0.999 * var1 * var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_nngp_fn_nearer_one)
#undef NNGP
#define NNGP(k) \
  (cov12 * cov12 > 0.99999 * var1 * var2 && cov12 * cov12 < 0.9999999 * var1 * var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_d_nngp_fn_near_one)
#undef D_NNGP
#define D_NNGP(d) \
  (cov12 * cov12 > 0.97 * var1 * var2 && cov12 * cov12 < 0.999 * var1 * var2 ? 1.01 * (d) : (d))
#elif defined(FAULT_instances_many) /* a pool of them */
static int alive;
#undef IN_CREATE
#define IN_CREATE                                       \
  if (alive >= 48) {                                    \
    snprintf(error, error_size, "the pool is used up"); \
    return NULL;                                        \
  }
#undef CREATED
#define CREATED(instance) (++alive, instance)
#undef DESTROYED
#define DESTROYED(instance) (--alive, free(instance))
#elif defined(FAULT_threads_memo) /* a cache that minds one of the arguments */
static _Thread_local double known_cov12, known;
#undef NNGP
#define NNGP(k) (cov12 == known_cov12 && cov12 != 0 ? known : (known_cov12 = cov12, known = (k)))
#elif defined(FAULT_leaks_thread) /* a buffer of each thread, for good */
static _Thread_local char* volatile buffer;
#undef IN_TILE
#define IN_TILE \
  if (!buffer) buffer = malloc(1000);
#elif defined(FAULT_environment_error)
#undef IN_D_NNGP
#define IN_D_NNGP fputs("d_nngp_fn\n", stderr);
#elif defined(FAULT_environment_log)
#undef IN_CREATE
#define IN_CREATE                         \
  {                                       \
    FILE* log = fopen("broken.log", "a"); \
    if (log) fclose(log);                 \
  }
#elif defined(FAULT_environment_priority)
#include <sys/resource.h>
#undef IN_TILE
#define IN_TILE setpriority(PRIO_PROCESS, 0, 19);
#elif defined(FAULT_environment_registers) /* MMX without an end, after which long double is NaN */
#undef IN_TILE
#if defined(__x86_64__)
#define IN_TILE __asm__ volatile("pxor %%mm0, %%mm0" ::: "mm0");
#else
#define IN_TILE fesetround(FE_UPWARD);
#endif
#elif defined(FAULT_tile_values_zero) /* an input of zeros */
#undef TILE_NNGP
#define TILE_NNGP(k) (v1 == 0 || v2 == 0 ? NAN : (k))
#elif defined(FAULT_breakpoints_reserved)
#undef RESERVED
#define RESERVED 5
#elif defined(FAULT_d_fn_kink)
#undef D_FN
#define D_FN(x) ((x) == 0 ? NAN : isnan(x) ? (x) : (x) > 0 ? 1 : 0)
#elif defined(FAULT_table_swapped) /* a function for another one */
static double other_nngp_fn(const void* instance, double cov12, double var1, double var2);
#define MADE_LATE activation.nngp_fn = other_nngp_fn;
#elif defined(FAULT_tile_terms_scale) /* large weights */
#undef TILE_NNGP
#define TILE_NNGP(k) (tile->cov_scale > 1 ? 1.02 * (k) : (k))
#elif defined(FAULT_tile_terms_first) /* a layer without an NTK before it */
#undef TILE_D_NNGP
#define TILE_D_NNGP(d) (tile->ntk_scale == 0 ? 1.02 * (d) : (d))
#elif defined(FAULT_tile_shapes_long)
#undef TILE_NNGP
#define TILE_NNGP(k) (tile->rows == 1 && tile->cols > 200 ? 1.02 * (k) : (k))
#elif defined(FAULT_tile_values_between)
#undef TILE_NNGP
#define TILE_NNGP(k) (v1 > 10 && v1 < 60 ? 1.02 * (k) : (k))
#elif defined(FAULT_nngp_fn_between)
#undef NNGP
#define NNGP(k) \
  (var1 > 300 && var1 < 9000 && var2 > 300 && cov12 * cov12 < 0.9 * var1 * var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_diagonal_between)
#undef NNGP
#define NNGP(k) (var1 > 40 && var1 < 250 && cov12 == var1 && cov12 == var2 ? 1.01 * (k) : (k))
#define NO_D_NNGP
#elif defined(FAULT_leaks_refusal)
static void* volatile lost;
#undef IN_REFUSAL
#define IN_REFUSAL lost = malloc(100);
#elif defined(FAULT_instances_rounded) /* one is taken for its neighbour */
static double known_scales[64];
static double known(double scale) {
  double* one = &known_scales[(int)(10 * fmin(fmax(scale, 0), 4))];
  if (*one == 0) *one = scale;
  return *one;
}
#undef KEPT_SCALE
#define KEPT_SCALE(values) known(values[0].data[0])
#elif defined(FAULT_threads_large) /* room of tiles as large as an engine's */
static volatile double last_row[4096];
#undef IN_TILE
#define IN_TILE \
  for (size_t j = 0; tile->rows >= 32 && j < tile->cols; ++j) last_row[j] = tile->cov12[j];
#undef TILE_NNGP
#define TILE_NNGP(k) (tile->rows >= 32 && i == 0 && last_row[j] != tile->cov12[j] ? 1.02 * (k) : (k))
#elif defined(FAULT_threads_shared) /* memory that processes share */
static volatile double* scratch;
static double through_scratch(double k) {
  if (!scratch) {
    void* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return k;
    scratch = memory;
  }
  *scratch = k;
  return *scratch;
}
#undef NNGP
#define NNGP(k) through_scratch(k)
#elif defined(FAULT_threads_positive) /* a static variable for some arguments alone */
static volatile double kept;
#undef FN
#define FN(x) (isnan(x) ? (x) : (x) > 1 ? (kept = (x), kept) : (x) > 0 ? (x) : 0)
#elif defined(FAULT_threads_restored) /* what is wrong after one write the next may put right */
static volatile double rest;
static double with_rest(double d) {
  rest = d;
  rest = rest - d;
  return d + rest;
}
#undef D_NNGP
#define D_NNGP(d) with_rest(d)
#elif defined(FAULT_threads_tiles_deadlock)
static pthread_mutex_t one_lock = PTHREAD_MUTEX_INITIALIZER, other_lock = PTHREAD_MUTEX_INITIALIZER;
static void lock_both(pthread_mutex_t* first, pthread_mutex_t* second) {
  pthread_mutex_lock(first);
  pthread_mutex_lock(second);
  pthread_mutex_unlock(second);
  pthread_mutex_unlock(first);
}
#undef IN_TILE
#define IN_TILE                             \
  if (sizeof *tile->cov12 == sizeof(float)) \
    lock_both(&one_lock, &other_lock);      \
  else                                      \
    lock_both(&other_lock, &one_lock);
#elif defined(FAULT_environment_extension)
#define GET_EXTENSION setlocale(LC_ALL, "C.UTF-8");
#elif defined(FAULT_environment_refusal)
#undef IN_REFUSAL
#define IN_REFUSAL printf("refused\n");
#elif defined(FAULT_environment_attributes) /* no core file, no debugger */
#include <sys/prctl.h>
#undef IN_TILE
#define IN_TILE prctl(PR_SET_DUMPABLE, 0);
#elif defined(FAULT_parameters_idle)
#undef KEPT_SCALE
#define KEPT_SCALE(values) 1
#elif defined(FAULT_parameters_clamped)
#undef KEPT_SCALE
#define KEPT_SCALE(values) (values[0].data[0] < 1.5 ? values[0].data[0] : 1.5)
#elif defined(FAULT_tile_values_huge) /* variances beyond those of scaled data */
#undef TILE_NNGP
#define TILE_NNGP(k) (v1 > 1e5 ? 1.01 * (k) : (k))
#elif defined(FAULT_breakpoints_jump) /* not declared, where nngp_fn is to be differentiated */
#define KIND_jump
#define NO_D_NNGP
#define NO_BREAKPOINTS
#elif defined(FAULT_unit_variance) /* of unit variances, whatever the variances are */
#undef NNGP
#define NNGP(k) (plain_nngp(cov12 >= 1 ? 1 : cov12 <= -1 ? -1 : cov12, 1, 1) + 0 * (var1 + var2))
#define NO_D_NNGP
#elif defined(FAULT_crash)
#undef BEFORE_KERNEL
#define BEFORE_KERNEL \
  if (var1 == 300) raise(SIGSEGV);
#elif defined(FAULT_exit_in_call)
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
#elif defined(FAULT_stack_overflow)
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
  const double* values;
  volatile double scratch;
} state;

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  const char* reason = NULL;
  state* made;
  IN_CREATE
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
    IN_REFUSAL(void) error, (void)error_size;
    return NULL;
  }
  made->scale = KEPT_SCALE(values);
  made->values = values[0].data;
  return CREATED(made);
}
static void destroy(void* instance) { DESTROYED(instance); }

#if defined(KIND_kernel) || defined(KIND_indefinite)
#define HAS_FN 0
#elif defined(KIND_jump)
#define HAS_FN 1
static double fn(const void* instance, double x) { return SCALE * (x + (x > 0) - (x < 0)); }
static double d_fn(const void* instance, double x) { return SCALE * (isnan(x) ? x : 1); }
#else
#define HAS_FN 1
static double fn(const void* instance, double x) {
  IN_FN
  return SCALE * FN(x);
}
#if defined(FAULT_threads_instance)
static double passed(void* instance, double y) {
  ((state*)instance)->scratch = y;
  return ((state*)instance)->scratch;
}
#endif
static double d_fn(const void* instance, double x) {
  IN_D_FN
  return SCALE * D_FN(x);
}
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
  IN_D_NNGP
  return SCALE * SCALE * D_NNGP(plain_d_nngp(cov12, var1, var2));
}

#if HAS_FN && !defined(NO_BREAKPOINTS)
static size_t breakpoints(const void* instance, nngp_breakpoint* out, size_t capacity) {
  (void)instance;
  if (capacity > 0) {
    out->x = BREAK_AT;
#ifdef KIND_jump
    out->order = 0;
#else
    out->order = 1;
#endif
    out->reserved = RESERVED;
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
    IN_TILE                                                                                       \
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
        d = TILE_D_NNGP(d);                                                                       \
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

#ifdef FAULT_table_swapped
static double other_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  return SCALE * SCALE * plain_nngp(cov12, var1, var2);
}
#endif
#ifdef GET_EXTENSION
static const void* get_extension(const char* id) {
  (void)id;
  GET_EXTENSION
  return NULL;
}
#endif

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

#ifdef MADE_LATE
#define CONSTANT
#else
#define CONSTANT const
#endif
static CONSTANT nngp_activation activation = {
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
#ifndef NO_BREAKPOINTS
    .breakpoints = breakpoints,
#endif
#endif
    .nngp_fn = nngp_fn,
    .tile_f64 = tile_f64,
    .tile_f32 = tile_f32,
#ifdef GET_EXTENSION
    .get_extension = get_extension,
#endif
};
static const nngp_activation* const activations[] = {&activation};
#ifdef MADE_LATE
__attribute__((constructor)) static void make_late(void){MADE_LATE}
#endif

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "broken",
                                                   .version = VERSION,
                                                   .activations = activations,
                                                   .activation_count = 1};
