#include "data/scratch_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "data/positioned_io.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& folder, int error) {
  throw DataError(fmt::format("cannot {} scratch data in '{}': {}", what, printable(folder.string()),
                              lower_case(std::generic_category().message(error))));
}

}  // namespace

ScratchFile::ScratchFile(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::string path = (folder_ / "nngp-XXXXXX").string();
  file_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (file_ < 0) fail("write", folder_, errno);
  ::unlink(path.c_str());
}

ScratchFile::~ScratchFile() { ::close(file_); }

void ScratchFile::write(std::size_t offset, const void* data, std::size_t bytes) {
  if (const int error = write_at(file_, offset, {static_cast<const std::byte*>(data), bytes}))
    fail("write", folder_, error);
}

void ScratchFile::read(std::size_t offset, void* data, std::size_t bytes) const {
  if (const int error = read_at(file_, offset, {static_cast<std::byte*>(data), bytes}))
    fail("read", folder_, error);
}

}  // namespace nngp
