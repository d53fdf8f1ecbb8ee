#include "simd/instruction_set.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "nngp/error.hpp"
#include "nngp/instruction_set.hpp"
#include "nngp/kernel.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

struct Entry {
  const char* name;
  bool supported, preferred;
};

template <class... Isa>
std::array<Entry, sizeof...(Isa)> entries_of(instruction_set_list<Isa...>) {
  return {Entry{Isa::name, supported<Isa>(), preferred<Isa>()}...};
}
const auto& entries() {
  static const auto table = entries_of(instruction_sets_here());
  return table;
}

/// The quickest of this machine.
std::size_t best() {
  std::size_t index = entries().size() - 1;
  while (!entries()[index].preferred) --index;
  return index;
}

std::size_t find(std::string_view name) {
  bool known = false;
  std::string all;
  for (std::size_t i = 0; i < entries().size(); ++i) {
    const Entry& entry = entries()[i];
    if (name == entry.name && entry.supported) return i;
    known = known || name == entry.name;
    if (entry.supported) all += (all.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error("this machine has no instruction set '" + printable(std::string(name)) + "'" +
              (known ? "" : ", nor is there one of that name") + "; it has " + all);
}

std::size_t of_environment() {
  const char* name = std::getenv("NNGP_ISA");
  if (!name || !*name) return best();
  try {
    return find(name);
  } catch (const Error& error) {
    throw Error(std::string("NNGP_ISA: ") + error.what());
  }
}

constexpr std::size_t undecided = ~std::size_t{0};
std::atomic<std::size_t> in_use = undecided;

}  // namespace

std::size_t instruction_set_index() {
  std::size_t index = in_use.load(std::memory_order_relaxed);
  if (index == undecided) {
    const std::size_t first = of_environment();
    if (in_use.compare_exchange_strong(index, first)) index = first;
  }
  return index;
}

bool is_instruction_set_forced() { return instruction_set_index() != best(); }

const char* instruction_set_name(std::size_t index) { return entries()[index].name; }

std::vector<std::string_view> instruction_sets() {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries())
    if (entry.supported) names.push_back(entry.name);
  return names;
}

const char* instruction_set() { return instruction_set_name(instruction_set_index()); }

void use_instruction_set(std::string_view name) { in_use = find(name); }

}  // namespace nngp
