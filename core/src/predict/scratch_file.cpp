#include "predict/scratch_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& folder, int error) {
  throw DataError(fmt::format("cannot {} scratch data in '{}': {}", what, printable(folder.string()),
                              lower_case(std::generic_category().message(error))));
}

/// Calls pread or pwrite until all bytes are through.
template <class Call, class Byte>
void transfer(Call call, int file, Byte* data, std::size_t bytes, std::size_t offset, const char* what,
              const std::filesystem::path& folder) {
  while (bytes > 0) {
    const ssize_t done = call(file, data, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail(what, folder, done < 0 ? errno : EIO);
    data += done;
    offset += static_cast<std::size_t>(done);
    bytes -= static_cast<std::size_t>(done);
  }
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
  transfer(::pwrite, file_, static_cast<const char*>(data), bytes, offset, "write", folder_);
}

void ScratchFile::read(std::size_t offset, void* data, std::size_t bytes) const {
  transfer(::pread, file_, static_cast<char*>(data), bytes, offset, "read", folder_);
}

}  // namespace nngp
