/* The identity, which does something to the process that a plugin must not do: its parameter says what.
 */
#define _GNU_SOURCE
#include <nngp/activation.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum deed {
  PRINTS,
  CHANGES_FOLDER,
  IGNORES_SIGNALS,
  EXITS,
  EXITS_QUICKLY,
  EXITS_AT_ONCE,
  STARTS_THREAD
};

/* In the library's code without a break. */
static void* keep_going(void* count) {
  for (;;) ++*(volatile long*)count;
  return NULL;
}

static void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  double* deed = malloc(sizeof *deed);
  (void)count, (void)error, (void)error_size;
  if (deed) *deed = values[0].data[0];
  return deed;
}
static void destroy(void* instance) { free(instance); }

static void act(const void* instance) {
  switch ((int)*(const double*)instance) {
    case PRINTS:
      printf("a plugin was here\n");
      break;
    case CHANGES_FOLDER:
      if (chdir("/") != 0) abort();
      break;
    case IGNORES_SIGNALS: {
      static atomic_long calls;
      if (atomic_fetch_add(&calls, 1) % 5000 == 0) signal(SIGINT, SIG_IGN); /* again and again */
      usleep(20);                                                           /* a long computation */
      break;
    }
    case EXITS:
      exit(0);
    case EXITS_QUICKLY:
      quick_exit(0);
    case EXITS_AT_ONCE:
      _exit(0);
    case STARTS_THREAD: {
      static long count;
      pthread_t thread;
      if (count == 0 && pthread_create(&thread, NULL, keep_going, &count) == 0)
        while (*(volatile long*)&count == 0) continue;
    }
  }
}

static double nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)var1, (void)var2;
  act(instance);
  return cov12;
}
static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
  (void)instance, (void)cov12, (void)var1, (void)var2;
  return 1;
}

static const nngp_parameter deed = {.struct_size = sizeof(nngp_parameter),
                                    .kind = NNGP_INTEGER,
                                    .name = "deed",
                                    .summary = "what it does",
                                    .minimum = PRINTS,
                                    .maximum = STARTS_THREAD};
static const nngp_parameter* const parameters[] = {&deed};
static const nngp_activation activation = {.struct_size = sizeof(nngp_activation),
                                           .derivative = NNGP_DERIVATIVE_HANDWRITTEN,
                                           .name = "Intruder",
                                           .summary = "for tests",
                                           .formula = "x",
                                           .version = "1",
                                           .author = "A test",
                                           .license = "MIT",
                                           .parameters = parameters,
                                           .parameter_count = 1,
                                           .create = create,
                                           .destroy = destroy,
                                           .nngp_fn = nngp_fn,
                                           .d_nngp_fn = d_nngp_fn};
static const nngp_activation* const activations[] = {&activation};

NNGP_EXPORT const nngp_plugin nngp_plugin_entry = {.magic = NNGP_MAGIC,
                                                   .struct_size = sizeof(nngp_plugin),
                                                   .abi_major = NNGP_ABI_MAJOR,
                                                   .abi_minor = NNGP_ABI_MINOR,
                                                   .name = "intruder",
                                                   .version = "1",
                                                   .activations = activations,
                                                   .activation_count = 1};
