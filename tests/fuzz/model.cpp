// Any text is a network or a ModelError of two or three lines, and what model_text() writes of it reads
// back as the same. Any network compiles, for infinite and for finite width, or is refused in one line.
// Any text is a template of models that it stands for, or such an error.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/error.hpp"
#include "nngp/finite.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/model_template.hpp"

namespace {

const nngp::Registry& plugins() {
  static const nngp::Registry all(nngp::PluginSearch{{NNGP_FUZZ_PLUGIN}, {}});
  return all;
}

void check_message(const std::string& message) {
  const auto lines = 1 + std::count(message.begin(), message.end(), '\n');
  if (lines != 3 || message.size() > 2000) std::abort();
  for (const char c : message) {
    if (c != '\n' && static_cast<unsigned char>(c) < 0x20) std::abort();
  }
}

template <class Compile>
void compile(Compile make) {
  try {
    make();
  } catch (const nngp::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
}

void read(std::string_view model) {
  try {
    const nngp::Layer network = nngp::parse_model(model, plugins());
    const std::string text = nngp::model_text(network);
    if (text.size() < 1'000'000 && nngp::model_text(nngp::parse_model(text, plugins())) != text)
      std::abort();
    compile([&] { nngp::KernelFn kernel_fn(network); });
    compile([&] { nngp::FiniteNetwork finite(network, 3); });
  } catch (const nngp::ModelError& error) {
    check_message(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  try {
    constexpr std::size_t most = 20;
    const std::vector<nngp::ModelChoice> models = nngp::expand_model(text, most);
    if (models.empty() || models.size() > most) std::abort();
    if (models.size() > 1) read(models.back().text);
  } catch (const nngp::ModelError& error) {
    check_message(error.what());
  }
  return 0;
}
