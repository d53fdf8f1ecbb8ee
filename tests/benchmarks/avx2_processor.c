/* Preloaded, makes a program see a processor without AVX-512, whatever its libraries ask by themselves:
 *   LD_PRELOAD=build/release/tests/libavx2_processor.so python3
 * tests/benchmarks/compare_neural_tangents.py ... Linux lets the instruction CPUID fault in a thread
 * and those that it starts (arch_prctl(2), ARCH_SET_CPUID); the handler answers in its place. The C
 * library has chosen its copying loops before. */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { set_cpuid = 0x1012 };

struct registers {
  unsigned a, b, c, d;
};

static int let_cpuid_work(int yes) { return (int)syscall(SYS_arch_prctl, set_cpuid, yes); }

/* Bits by the Software Developer's Manual, volume 2A, CPUID. */
static void hide_avx512(unsigned leaf, unsigned subleaf, struct registers* answer) {
  const struct registers none = {0, 0, 0, 0};
  if (leaf == 7 && subleaf == 0) {
    answer->b &=
        ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31);
    answer->c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
    answer->d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);
  } else if (leaf == 7) {
    *answer = none;
  } else if (leaf == 13 && subleaf == 0) {
    answer->a &= ~0xe0u; /* registers that the system saves */
  }
}

static void answer_cpuid(int number, siginfo_t* info, void* context) {
  greg_t* const at = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* const instruction = (const unsigned char*)at[REG_RIP];
  const unsigned leaf = (unsigned)at[REG_RAX], subleaf = (unsigned)at[REG_RCX];
  struct registers answer;
  (void)info;
  if (instruction[0] != 0x0f || instruction[1] != 0xa2) { /* a fault of the program's own */
    signal(number, SIG_DFL);
    return;
  }
  let_cpuid_work(1);
  __cpuid_count(leaf, subleaf, answer.a, answer.b, answer.c, answer.d);
  let_cpuid_work(0);
  hide_avx512(leaf, subleaf, &answer);
  at[REG_RAX] = answer.a;
  at[REG_RBX] = answer.b;
  at[REG_RCX] = answer.c;
  at[REG_RDX] = answer.d;
  at[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  struct sigaction action = {0};
  action.sa_sigaction = answer_cpuid;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSEGV, &action, NULL) != 0 || let_cpuid_work(0) != 0) {
    perror("this processor's CPUID cannot be answered by a program");
    exit(1);
  }
}
