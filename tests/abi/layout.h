/* The layout of ABI 1.1 on 64-bit machines, for C and C++: the offset of every field and the size of
 * every structure that must not grow. A change here breaks every plugin there is. Fields may only be
 * added behind these. */
#include <nngp/activation.h>

#define CHANGED                                                                                    \
  "this breaks every plugin there is: undo it. Add new fields behind all others, new meanings as " \
  "extensions; sdk/README.md, 'The C interface', says how"
#ifdef __cplusplus
#define CHECK(condition) static_assert(condition, CHANGED)
#else
#define CHECK(condition) _Static_assert(condition, CHANGED)
#endif
#define FIELD(type, field, offset) CHECK(offsetof(type, field) == (offset))

CHECK(NNGP_ABI_MAJOR == 1);
CHECK(NNGP_MAGIC == 0x50474E4E);

CHECK(NNGP_NUMBER == 0 && NNGP_INTEGER == 1 && NNGP_BOOLEAN == 2 && NNGP_LIST == 3);
CHECK(NNGP_MINIMUM_EXCLUDED == 1 && NNGP_MAXIMUM_EXCLUDED == 2);
CHECK(NNGP_DERIVATIVE_ABSENT == 0 && NNGP_DERIVATIVE_HANDWRITTEN == 1 &&
      NNGP_DERIVATIVE_AUTOMATIC == 2);

FIELD(nngp_parameter, struct_size, 0);
FIELD(nngp_parameter, kind, 4);
FIELD(nngp_parameter, name, 8);
FIELD(nngp_parameter, summary, 16);
FIELD(nngp_parameter, default_value, 24);
FIELD(nngp_parameter, default_count, 32);
FIELD(nngp_parameter, minimum, 40);
FIELD(nngp_parameter, maximum, 48);
FIELD(nngp_parameter, flags, 56);
FIELD(nngp_parameter, reserved, 60);
CHECK(sizeof(nngp_parameter) >= 64);

FIELD(nngp_value, data, 0);
FIELD(nngp_value, count, 8);
CHECK(sizeof(nngp_value) == 16);

FIELD(nngp_breakpoint, x, 0);
FIELD(nngp_breakpoint, order, 8);
FIELD(nngp_breakpoint, reserved, 12);
CHECK(sizeof(nngp_breakpoint) == 16);

FIELD(nngp_tile_f64, struct_size, 0);
FIELD(nngp_tile_f64, rows, 8);
FIELD(nngp_tile_f64, cols, 16);
FIELD(nngp_tile_f64, cov12, 24);
FIELD(nngp_tile_f64, cov12_ld, 32);
FIELD(nngp_tile_f64, var1, 40);
FIELD(nngp_tile_f64, var2, 48);
FIELD(nngp_tile_f64, nngp, 56);
FIELD(nngp_tile_f64, nngp_ld, 64);
FIELD(nngp_tile_f64, d_nngp, 72);
FIELD(nngp_tile_f64, d_nngp_ld, 80);
FIELD(nngp_tile_f64, ntk, 88);
FIELD(nngp_tile_f64, ntk_ld, 96);
FIELD(nngp_tile_f64, cov_scale, 104);
FIELD(nngp_tile_f64, cov_shift, 112);
FIELD(nngp_tile_f64, ntk_cov, 120);
FIELD(nngp_tile_f64, ntk_scale, 128);
FIELD(nngp_tile_f64, ntk_shift, 136);
CHECK(sizeof(nngp_tile_f64) >= 144);

FIELD(nngp_tile_f32, struct_size, 0);
FIELD(nngp_tile_f32, rows, 8);
FIELD(nngp_tile_f32, cols, 16);
FIELD(nngp_tile_f32, cov12, 24);
FIELD(nngp_tile_f32, cov12_ld, 32);
FIELD(nngp_tile_f32, var1, 40);
FIELD(nngp_tile_f32, var2, 48);
FIELD(nngp_tile_f32, nngp, 56);
FIELD(nngp_tile_f32, nngp_ld, 64);
FIELD(nngp_tile_f32, d_nngp, 72);
FIELD(nngp_tile_f32, d_nngp_ld, 80);
FIELD(nngp_tile_f32, ntk, 88);
FIELD(nngp_tile_f32, ntk_ld, 96);
FIELD(nngp_tile_f32, cov_scale, 104);
FIELD(nngp_tile_f32, cov_shift, 108);
FIELD(nngp_tile_f32, ntk_cov, 112);
FIELD(nngp_tile_f32, ntk_scale, 116);
FIELD(nngp_tile_f32, ntk_shift, 120);
CHECK(sizeof(nngp_tile_f32) >= 128);

FIELD(nngp_tile_f64, output, 144); /* since 1.1 */
FIELD(nngp_output_f64, struct_size, 0);
FIELD(nngp_output_f64, nngp, 8);
FIELD(nngp_output_f64, ntk, 16);
FIELD(nngp_output_f64, ld, 24);
FIELD(nngp_output_f64, cov_scale, 32);
FIELD(nngp_output_f64, cov_shift, 40);
FIELD(nngp_output_f64, ntk_cov, 48);
FIELD(nngp_output_f64, ntk_scale, 56);
FIELD(nngp_output_f64, ntk_shift, 64);
FIELD(nngp_output_f64, taken, 72);
FIELD(nngp_output_f64, not_finite, 76);
CHECK(sizeof(nngp_output_f64) >= 80);

FIELD(nngp_tile_f32, output, 128); /* since 1.1 */
FIELD(nngp_output_f32, struct_size, 0);
FIELD(nngp_output_f32, nngp, 8);
FIELD(nngp_output_f32, ntk, 16);
FIELD(nngp_output_f32, ld, 24);
FIELD(nngp_output_f32, cov_scale, 32);
FIELD(nngp_output_f32, cov_shift, 36);
FIELD(nngp_output_f32, ntk_cov, 40);
FIELD(nngp_output_f32, ntk_scale, 44);
FIELD(nngp_output_f32, ntk_shift, 48);
FIELD(nngp_output_f32, taken, 52);
FIELD(nngp_output_f32, not_finite, 56);
CHECK(sizeof(nngp_output_f32) >= 64);

FIELD(nngp_activation, struct_size, 0);
FIELD(nngp_activation, derivative, 4);
FIELD(nngp_activation, required_features, 8);
FIELD(nngp_activation, name, 16);
FIELD(nngp_activation, summary, 24);
FIELD(nngp_activation, formula, 32);
FIELD(nngp_activation, version, 40);
FIELD(nngp_activation, author, 48);
FIELD(nngp_activation, license, 56);
FIELD(nngp_activation, reference, 64);
FIELD(nngp_activation, parameters, 72);
FIELD(nngp_activation, parameter_count, 80);
FIELD(nngp_activation, create, 88);
FIELD(nngp_activation, destroy, 96);
FIELD(nngp_activation, fn, 104);
FIELD(nngp_activation, nngp_fn, 112);
FIELD(nngp_activation, d_nngp_fn, 120);
FIELD(nngp_activation, d_fn, 128);
FIELD(nngp_activation, breakpoints, 136);
FIELD(nngp_activation, tile_f64, 144);
FIELD(nngp_activation, tile_f32, 152);
FIELD(nngp_activation, get_extension, 160);
CHECK(sizeof(nngp_activation) >= 168);

FIELD(nngp_plugin, magic, 0);
FIELD(nngp_plugin, struct_size, 4);
FIELD(nngp_plugin, abi_major, 8);
FIELD(nngp_plugin, abi_minor, 12);
FIELD(nngp_plugin, required_features, 16);
FIELD(nngp_plugin, name, 24);
FIELD(nngp_plugin, version, 32);
FIELD(nngp_plugin, activations, 40);
FIELD(nngp_plugin, activation_count, 48);
CHECK(sizeof(nngp_plugin) >= 56);
