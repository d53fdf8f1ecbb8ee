/* nngp/activation.h: the C ABI between the nngp host and activation plugins, version 1.1.
 *
 * A plugin is a shared library with one exported symbol, the constant `nngp_plugin_entry` of type
 * `nngp_plugin`. Everything else is reached from it. Pure C99; no other part of nngp is needed.
 *
 * What an activation offers
 *   fn(x)                          the scalar non-linearity                          (optional)
 *   nngp_fn(cov12, var1, var2)     E[fn(x1) fn(x2)],   (x1, x2) ~ N(0, [[var1, cov12], [cov12, var2]])
 *   d_nngp_fn(cov12, var1, var2)   E[fn'(x1) fn'(x2)], the derivative of nngp_fn in cov12 where fn has
 *                                  no jumps; at a jump fn' is the almost-everywhere derivative
 * Each of the three may be a null pointer. Tile entries compute the latter two for a whole block.
 *
 * Rules of growth
 *   1. Every structure that may grow starts with `struct_size`, the size its author compiled with.
 *      A reader uses a field only if it lies within that size (NNGP_HAS_FIELD) and treats fields
 *      beyond it as null or zero. Arrays of structures that may grow are arrays of pointers.
 *   2. A minor version only appends fields, constants or extensions; a null pointer, a zero or an
 *      unknown constant is always allowed and means "not offered". A new field starts at or behind the
 *      former sizeof, never in its padding. Nothing is retyped, reordered, renamed or given another
 *      meaning: that takes a new major version.
 *   3. A host of version 1.x loads every plugin of major version 1, older and newer: of a newer one it
 *      uses what it knows. It refuses another major version, and any bit of `required_features` it
 *      does not know.
 *   4. Capabilities are found by asking: by null pointers, and by `get_extension(id)`, which returns
 *      null for an id it does not know. An id reads "nngp.NAME/REVISION".
 * Policy and change log: sdk/README.md.
 *
 * Contract for all functions
 *   [any thread]   may be called by any number of threads at once, on the same instance too.
 *   [one thread]   the host makes one such call at a time per library.
 *   No exception may leave a function, no function may change the floating-point environment, the
 *   locale or signal handlers, and none may keep state outside its instance. Strings are UTF-8,
 *   zero-terminated, and live as long as the library. Loading the library must not run anything
 *   beyond what its language needs.
 */
#ifndef NNGP_ACTIVATION_H
#define NNGP_ACTIVATION_H
/* clang-format off */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NNGP_ABI_MAJOR 1u
#define NNGP_ABI_MINOR 1u

/* First word of the entry structure: "NNGP" read as a little-endian number. */
#define NNGP_MAGIC UINT32_C(0x50474E4E)

/* The name of the exported symbol. */
#define NNGP_ENTRY_SYMBOL "nngp_plugin_entry"

/* Puts the entry symbol, and nothing else, into the dynamic symbol table (with -fvisibility=hidden). */
#if defined(_WIN32)
#define NNGP_EXPORT __declspec(dllexport)
#else
#define NNGP_EXPORT __attribute__((visibility("default")))
#endif

/* True when the structure `p` points to is large enough to hold `field`. */
#define NNGP_HAS_FIELD(type, p, field) \
  ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field))

/* ---- Parameters --------------------------------------------------------------------------------- */

enum {
  NNGP_NUMBER = 0,  /* one double */
  NNGP_INTEGER = 1, /* one double with an integral value */
  NNGP_BOOLEAN = 2, /* one double, 0 or 1 */
  NNGP_LIST = 3     /* any positive number of doubles */
};

enum {
  NNGP_MINIMUM_EXCLUDED = 1, /* the range is open at `minimum` */
  NNGP_MAXIMUM_EXCLUDED = 2  /* the range is open at `maximum` */
};

/* One parameter of an activation. The host checks kind and range before it calls `create`. */
typedef struct nngp_parameter {
  uint32_t struct_size;
  uint32_t kind;               /* NNGP_NUMBER ... NNGP_LIST */
  const char* name;            /* as written in a model: Erf(a=1.0) */
  const char* summary;         /* its meaning, one line */
  const double* default_value; /* `default_count` doubles; null: the user must give a value */
  size_t default_count;
  double minimum;              /* of each value; -INFINITY, INFINITY: no bound. Values are finite. */
  double maximum;
  uint32_t flags;              /* NNGP_MINIMUM_EXCLUDED, ... */
  uint32_t reserved;           /* zero */
} nngp_parameter;

/* The value of one parameter. Owned by the host, valid during the call. Never grows. */
typedef struct nngp_value {
  const double* data;
  size_t count; /* 1 unless the parameter is a list */
} nngp_value;

/* ---- Points where fn is not smooth --------------------------------------------------------------- */

/* fn is analytic between break points. `order` is that of the lowest derivative that jumps at x:
 * 0 for a jump of fn itself (Sign), 1 for a kink (Relu), 2 for a jump of curvature (Elu(1)), ...
 * Never grows. */
typedef struct nngp_breakpoint {
  double x;
  uint32_t order;
  uint32_t reserved; /* zero */
} nngp_breakpoint;

/* ---- Tiles ---------------------------------------------------------------------------------------- */

/* Where the results of a network go, offered with the tile of its last hidden layer: a plugin that
 * writes them there, past the caches, while it computes, hides the time that writing takes. With y and
 * t what the tile's nngp and ntk (see below) would get, and the last Dense layer in these numbers,
 *
 *   nngp[i * ld + j] = cov_scale * y + cov_shift                            if nngp is not null
 *   ntk[i * ld + j]  = ntk_cov * y + (ntk_scale * t + ntk_shift)            if ntk is not null
 *
 * A plugin that takes the offer writes all of it, sets `taken`, sets `not_finite` if a result is NaN or
 * infinite, and may leave anything in the tile's nngp and ntk. One that does not leaves all this alone,
 * fills the tile, and the host writes. */
#define NNGP_DECLARE_OUTPUT(name, real)                                                     \
  typedef struct name {                                                                     \
    size_t struct_size;                                                                     \
    real* nngp; /* or null */                                                               \
    real* ntk;  /* or null, as is the tile's then */                                        \
    size_t ld;                                                                              \
    real cov_scale, cov_shift;                                                              \
    real ntk_cov, ntk_scale, ntk_shift;                                                     \
    uint32_t taken;      /* the host sets it to 0, the plugin to 1 */                       \
    uint32_t not_finite; /* the same */                                                     \
  } name
NNGP_DECLARE_OUTPUT(nngp_output_f64, double);
NNGP_DECLARE_OUTPUT(nngp_output_f32, float);

/* One block of a hidden layer, a Dense layer and the activation behind it in one pass. For every
 * i < rows and j < cols, with k = cov12[i * cov12_ld + j],
 *
 *   c  = cov_scale * k + cov_shift               the Dense layer, applied to covariances and
 *   v1 = cov_scale * var1[i] + cov_shift         variances by the same arithmetic, so that c, v1, v2
 *   v2 = cov_scale * var2[j] + cov_shift         of equal inputs are equal to the last bit
 *   nngp[i * nngp_ld + j]     = nngp_fn(c, v1, v2)
 *   d_nngp[i * d_nngp_ld + j] = d_nngp_fn(c, v1, v2)                          if d_nngp is not null
 *   t = &ntk[i * ntk_ld + j]
 *   *t = d_nngp_fn(c, v1, v2) * (ntk_cov * k + ntk_scale * *t + ntk_shift)    if ntk is not null
 *
 * cov_scale = 1, cov_shift = 0 passes covariances and variances through unchanged.
 * Leading dimensions count elements and are >= cols. Any alignment to the element size.
 * nngp and d_nngp may each be the very array cov12 (same pointer and leading dimension); otherwise no
 * array overlaps another. Nothing outside the rows x cols entries of an output is written.
 * An entry's result depends on its own inputs only, never on its place in a tile or the tile's shape.
 * The host never passes NaN or infinity, nor a negative variance; |c| may exceed sqrt(v1 v2) by
 * rounding and then counts as on the boundary. */
#define NNGP_DECLARE_TILE(name, real, output_type)                                          \
  typedef struct name {                                                                     \
    size_t struct_size;                                                                     \
    size_t rows, cols;                                                                      \
    const real* cov12;                                                                      \
    size_t cov12_ld;                                                                        \
    const real* var1; /* rows */                                                            \
    const real* var2; /* cols */                                                            \
    real* nngp;                                                                             \
    size_t nngp_ld;                                                                         \
    real* d_nngp; /* or null */                                                             \
    size_t d_nngp_ld;                                                                       \
    real* ntk; /* or null; read and written */                                              \
    size_t ntk_ld;                                                                          \
    real cov_scale, cov_shift;                                                              \
    real ntk_cov, ntk_scale, ntk_shift;                                                     \
    output_type* output; /* or null; since 1.1 */                                           \
  } name
NNGP_DECLARE_TILE(nngp_tile_f64, double, nngp_output_f64);
NNGP_DECLARE_TILE(nngp_tile_f32, float, nngp_output_f32);

/* ---- Activations ---------------------------------------------------------------------------------- */

/* Where d_nngp_fn comes from, for the user's information. */
enum {
  NNGP_DERIVATIVE_ABSENT = 0,      /* d_nngp_fn is null; the host differentiates nngp_fn */
  NNGP_DERIVATIVE_HANDWRITTEN = 1, /* the author's own formula */
  NNGP_DERIVATIVE_AUTOMATIC = 2    /* derived from the author's nngp_fn by automatic differentiation */
};

/* One activation of a library: constant data that lives as long as the library.
 * `instance` is what `create` returned. */
typedef struct nngp_activation {
  uint32_t struct_size;
  uint32_t derivative;        /* NNGP_DERIVATIVE_... */
  uint64_t required_features; /* bits the host must know, else it refuses; none are defined in 1.0 */
  const char* name;           /* a C identifier, the name used in models */
  const char* summary;        /* one line */
  const char* formula;        /* of fn, one line of text */
  const char* version;        /* of this activation, the author's own numbering */
  const char* author;
  const char* license;        /* SPDX identifier */
  const char* reference;      /* where the closed form comes from; may be null */
  const nngp_parameter* const* parameters; /* parameter_count pointers; the order is that of positional use */
  size_t parameter_count;

  /* Makes an instance from one value per parameter, in table order; the values are copied by the
   * callee if it needs them. Returns null on failure after writing a one-line reason to `error`
   * (at most error_size bytes, zero-terminated). The host passes the instance to `destroy` exactly
   * once, after all other calls on it. [any thread] */
  void* (*create)(const nngp_value* values, size_t count, char* error, size_t error_size);
  void (*destroy)(void* instance);

  /* The scalar functions; null means not offered. One of fn and nngp_fn is needed: without nngp_fn the
   * host integrates fn, and does not ask for d_nngp_fn. A finite argument must give a finite result
   * where the true one is representable; NaN gives NaN. [any thread] */
  double (*fn)(const void* instance, double x);
  double (*nngp_fn)(const void* instance, double cov12, double var1, double var2);
  double (*d_nngp_fn)(const void* instance, double cov12, double var1, double var2);

  /* The almost-everywhere derivative fn'(x), for sampled networks; null: the host differentiates
   * fn numerically. [any thread] */
  double (*d_fn)(const void* instance, double x);

  /* Writes at most `capacity` break points of fn in increasing order of x, returns how many there
   * are. Null means "not declared", which differs from none. [any thread] */
  size_t (*breakpoints)(const void* instance, nngp_breakpoint* out, size_t capacity);

  /* Tile entries; null means the host loops over the scalar functions. They must agree with these
   * to rounding. An entry that is offered also fills d_nngp and ntk, unless d_nngp_fn is null:
   * then the host never asks for them. [any thread] */
  void (*tile_f64)(const void* instance, const nngp_tile_f64* tile);
  void (*tile_f32)(const void* instance, const nngp_tile_f32* tile);

  /* Further capabilities by id; null, or returning null, means not offered. [any thread] */
  const void* (*get_extension)(const char* id);
} nngp_activation;

/* ---- Extensions ------------------------------------------------------------------------------------ */

/* All compiled versions of the tile entries, for tests and for a host that forces an instruction set.
 * get_extension(NNGP_EXT_TILE_VARIANTS) returns a const nngp_tile_variants*. tile_f64 and tile_f32 of
 * the activation are the fastest ones that run on this machine. */
#define NNGP_EXT_TILE_VARIANTS "nngp.tile_variants/1"

typedef struct nngp_tile_variant {
  const char* instruction_set; /* "sse2", "avx2", "avx512", "avx512-wide", "neon", "generic" */
  int (*supported)(void);      /* nonzero if this machine can run it. [any thread] */
  void (*tile_f64)(const void* instance, const nngp_tile_f64* tile);
  void (*tile_f32)(const void* instance, const nngp_tile_f32* tile);
} nngp_tile_variant;

typedef struct nngp_tile_variants {
  uint32_t struct_size;
  uint32_t count;
  const nngp_tile_variant* variants; /* the structure never grows within revision 1 */
} nngp_tile_variants;

/* ---- The library ---------------------------------------------------------------------------------- */

typedef struct nngp_plugin {
  uint32_t magic; /* NNGP_MAGIC */
  uint32_t struct_size;
  uint32_t abi_major; /* NNGP_ABI_MAJOR, NNGP_ABI_MINOR of the header compiled with */
  uint32_t abi_minor;
  uint64_t required_features; /* as in nngp_activation, for the whole library */
  const char* name;           /* of the library, a C identifier: `name:Activation` picks explicitly */
  const char* version;
  const nngp_activation* const* activations; /* activation_count pointers */
  size_t activation_count;
} nngp_plugin;

/* The one exported symbol:
 *   NNGP_EXPORT const nngp_plugin nngp_plugin_entry = { NNGP_MAGIC, sizeof(nngp_plugin), ... }; */
extern NNGP_EXPORT const nngp_plugin nngp_plugin_entry;

#ifdef __cplusplus
}
#endif

#endif
