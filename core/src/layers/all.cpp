#include "layers/all.hpp"

namespace nngp {

extern const LayerEntry serial_entry, parallel_entry, repeat_entry;
extern const LayerEntry dense_entry;
extern const LayerEntry elementwise_entry, elementwise_numerical_entry;
extern const LayerEntry identity_entry;
extern const LayerEntry conv_entry, conv_local_entry, conv_transpose_entry;
extern const LayerEntry avg_pool_entry, sum_pool_entry, global_avg_pool_entry, global_sum_pool_entry;
extern const LayerEntry flatten_entry;
extern const LayerEntry image_resize_entry;
extern const LayerEntry index_entry;
extern const LayerEntry attention_entry;
extern const LayerEntry layer_norm_entry;
extern const LayerEntry dropout_entry;
extern const LayerEntry fan_out_entry;
extern const LayerEntry fan_in_sum_entry, fan_in_prod_entry, fan_in_concat_entry;

std::span<const LayerEntry* const> all_layers() {
  static constexpr const LayerEntry* all[] = {&serial_entry,
                                              &repeat_entry,
                                              &dense_entry,
                                              &elementwise_entry,
                                              &elementwise_numerical_entry,
                                              &conv_entry,
                                              &conv_local_entry,
                                              &conv_transpose_entry,
                                              &avg_pool_entry,
                                              &sum_pool_entry,
                                              &global_avg_pool_entry,
                                              &global_sum_pool_entry,
                                              &flatten_entry,
                                              &image_resize_entry,
                                              &index_entry,
                                              &attention_entry,
                                              &identity_entry,
                                              &layer_norm_entry,
                                              &dropout_entry,
                                              &fan_out_entry,
                                              &parallel_entry,
                                              &fan_in_sum_entry,
                                              &fan_in_prod_entry,
                                              &fan_in_concat_entry};
  return all;
}

const LayerEntry* find_layer(std::string_view name) {
  for (const LayerEntry* entry : all_layers())
    if (entry->name == name) return entry;
  return nullptr;
}

}  // namespace nngp
