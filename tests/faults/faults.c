// Preloaded into a process, makes one of its system calls or allocations fail, to see what becomes of
// its output. FAULT=KIND:N lets the N-th call of a kind fail, counted from 1, from main() on;
// FAULT=KIND:N:short lets it transfer half. FAULT_COUNT=FILE tells how many calls of each kind there
// were, a line "KIND COUNT" each.
//
// Kinds: alloc (operator new, and malloc of the program itself), write, read, space (sizes of files),
// open, close, rename, map. Calls that the C library makes of its own are not seen.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { alloc, write_, read_, space, open_, close_, rename_, map, kinds };
static const char* const names[kinds] = {"alloc", "write", "read",   "space",
                                         "open",  "close", "rename", "map"};

static atomic_long counts[kinds];
static atomic_bool armed;
static enum kind wanted = kinds;
static long wanted_count;
static int is_short;

/// Counts a call; whether it is the one that fails.
static int fails(enum kind kind) {
  if (!atomic_load(&armed)) return 0;
  const long count = atomic_fetch_add(&counts[kind], 1) + 1;
  return kind == wanted && count == wanted_count;
}

/// What is behind the calls, looked up before main(): a thread that did it later would wait for one
/// that unloads a library and waits for the thread.
#define CALLS(each)                                                                                \
  each(write) each(pwrite) each(pwrite64) each(read) each(pread) each(pread64) each(writev)        \
      each(ftruncate) each(ftruncate64) each(rename) each(posix_fallocate) each(posix_fallocate64) \
          each(close) each(open) each(open64) each(fopen) each(fopen64) each(mkostemp) each(mmap)  \
              each(mmap64)
#define LOOK_UP(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))
#define DECLARE(name) static __typeof__(&name) real_##name;
#define SET(name) real_##name = LOOK_UP(name);
#define REAL(name) (real_##name ? real_##name : LOOK_UP(name))
CALLS(DECLARE)
static void look_up_all(void) { CALLS(SET) }

// ---- main ----------------------------------------------------------------------------------------

/// The code whose allocations count: the program and the C++ library.
static struct range { uintptr_t begin, end; } code[16];
static size_t code_count;

static int add_code(struct dl_phdr_info* object, size_t size, void* unused) {
  (void)size, (void)unused;
  if (object->dlpi_name[0] && !strstr(object->dlpi_name, "libstdc++")) return 0;
  for (int i = 0; i < object->dlpi_phnum && code_count < 16; ++i) {
    const ElfW(Phdr)* part = &object->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    const uintptr_t begin = object->dlpi_addr + part->p_vaddr;
    code[code_count++] = (struct range){begin, begin + part->p_memsz};
  }
  return 0;
}

static int counts_for(const void* caller) {
  for (size_t i = 0; i < code_count; ++i)
    if ((uintptr_t)caller - code[i].begin < code[i].end - code[i].begin) return 1;
  return 0;
}

static void read_environment(void) {
  const char* fault = getenv("FAULT");
  if (!fault) return;
  const size_t length = strcspn(fault, ":");
  for (enum kind kind = 0; kind < kinds; ++kind)
    if (strlen(names[kind]) == length && strncmp(fault, names[kind], length) == 0) wanted = kind;
  char* rest = NULL;
  if (fault[length]) wanted_count = strtol(fault + length + 1, &rest, 10);
  is_short = rest && strcmp(rest, ":short") == 0;
}

static int (*real_main)(int, char**, char**);
static pid_t process;

static void tell(void) {
  atomic_store(&armed, 0);
  const char* path = getenv("FAULT_COUNT");
  FILE* file = path && getpid() == process ? fopen(path, "w") : NULL;
  if (!file) return;
  for (enum kind kind = 0; kind < kinds; ++kind) fprintf(file, "%s %ld\n", names[kind], counts[kind]);
  fclose(file);
}

static int watched_main(int count, char** words, char** environment) {
  look_up_all();
  read_environment();
  dl_iterate_phdr(add_code, NULL);
  process = getpid();
  atexit(tell);
  atomic_store(&armed, 1);
  const int code = real_main(count, words, environment);
  atomic_store(&armed, 0);
  return code;
}

int __libc_start_main(int (*main)(int, char**, char**), int count, char** words,
                      int (*init)(int, char**, char**), void (*fini)(void), void (*rtld_fini)(void),
                      void* stack_end) {
  real_main = main;
  return LOOK_UP(__libc_start_main)(watched_main, count, words, init, fini, rtld_fini, stack_end);
}

// ---- Allocations ---------------------------------------------------------------------------------

extern void* __libc_malloc(size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static int alloc_fails(const void* caller) {
  if (!atomic_load(&armed) || !counts_for(caller) || !fails(alloc)) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) {
  return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

// ---- Files ---------------------------------------------------------------------------------------

/// Standard error is spared, where the message goes.
#define TRANSFER(kind, name, result, parameters, arguments, half) \
  result name parameters {                                        \
    if (file != 2 && fails(kind)) {                               \
      if (is_short && size > 1) return half;                      \
      errno = kind == write_ ? ENOSPC : EIO;                      \
      return -1;                                                  \
    }                                                             \
    return REAL(name) arguments;                                  \
  }

TRANSFER(write_, write, ssize_t, (int file, const void* from, size_t size), (file, from, size),
         REAL(write)(file, from, size / 2))
TRANSFER(write_, pwrite, ssize_t, (int file, const void* from, size_t size, off_t at),
         (file, from, size, at), REAL(pwrite)(file, from, size / 2, at))
TRANSFER(write_, pwrite64, ssize_t, (int file, const void* from, size_t size, off64_t at),
         (file, from, size, at), REAL(pwrite64)(file, from, size / 2, at))
TRANSFER(read_, read, ssize_t, (int file, void* to, size_t size), (file, to, size),
         REAL(read)(file, to, size / 2))
TRANSFER(read_, pread, ssize_t, (int file, void* to, size_t size, off_t at), (file, to, size, at),
         REAL(pread)(file, to, size / 2, at))
TRANSFER(read_, pread64, ssize_t, (int file, void* to, size_t size, off64_t at), (file, to, size, at),
         REAL(pread64)(file, to, size / 2, at))

ssize_t writev(int file, const struct iovec* from, int count) {
  if (file != 2 && fails(write_)) {
    if (is_short && count > 0) return REAL(write)(file, from->iov_base, from->iov_len / 2);
    errno = ENOSPC;
    return -1;
  }
  return REAL(writev)(file, from, count);
}

#define CALL(kind, name, failure, parameters, arguments) \
  int name parameters {                                  \
    if (fails(kind)) {                                   \
      errno = failure;                                   \
      return -1;                                         \
    }                                                    \
    return REAL(name) arguments;                         \
  }

CALL(space, ftruncate, EIO, (int file, off_t size), (file, size))
CALL(space, ftruncate64, EIO, (int file, off64_t size), (file, size))
CALL(rename_, rename, EIO, (const char* from, const char* to), (from, to))

int posix_fallocate(int file, off_t at, off_t size) {
  return fails(space) ? ENOSPC : REAL(posix_fallocate)(file, at, size);
}
int posix_fallocate64(int file, off64_t at, off64_t size) {
  return fails(space) ? ENOSPC : REAL(posix_fallocate64)(file, at, size);
}

/// The file is closed all the same, as by Linux.
int close(int file) {
  const int result = REAL(close)(file);
  if (!fails(close_)) return result;
  errno = EIO;
  return -1;
}

#define OPEN(name)                             \
  int name(const char* path, int flags, ...) { \
    va_list rest;                              \
    va_start(rest, flags);                     \
    const mode_t mode = va_arg(rest, mode_t);  \
    va_end(rest);                              \
    if (fails(open_)) {                        \
      errno = EMFILE;                          \
      return -1;                               \
    }                                          \
    return REAL(name)(path, flags, mode);      \
  }
OPEN(open)
OPEN(open64)

FILE* fopen(const char* path, const char* mode) {
  if (!fails(open_)) return REAL(fopen)(path, mode);
  errno = EMFILE;
  return NULL;
}
FILE* fopen64(const char* path, const char* mode) {
  if (!fails(open_)) return REAL(fopen64)(path, mode);
  errno = EMFILE;
  return NULL;
}
int mkostemp(char* path, int flags) {
  if (!fails(open_)) return REAL(mkostemp)(path, flags);
  errno = EMFILE;
  return -1;
}

void* mmap(void* at, size_t size, int protection, int flags, int file, off_t offset) {
  if (file < 0 || !fails(map)) return REAL(mmap)(at, size, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
void* mmap64(void* at, size_t size, int protection, int flags, int file, off64_t offset) {
  if (file < 0 || !fails(map)) return REAL(mmap64)(at, size, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
