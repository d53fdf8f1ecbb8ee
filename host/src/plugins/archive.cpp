#include "plugins/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_library = std::int64_t{256} << 20;
constexpr std::int64_t max_text = std::int64_t{1} << 20;
constexpr int max_entries = 100;
constexpr const char* not_one =
    "neither a shared library nor a plain tar archive; unpack one that is compressed first";

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;
using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

/// Why an entry is refused, or nothing.
std::string check_entry(archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  if (!path || !*path) return "an entry has no name";
  const std::string shown = "'" + printable(path, 200) + "'";
  if (archive_entry_hardlink(entry) || archive_entry_symlink(entry)) return shown + " is a link";
  if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)
    return shown + " is neither a file nor a folder";
  const fs::path parts(path);
  if (parts.is_absolute() || std::find(parts.begin(), parts.end(), "..") != parts.end())
    return shown + " leaves the archive's folder";
  return "";
}

/// Whether the entry just read is a file or a folder by the letter of its own header, behind extended
/// ones: libarchive takes an unknown kind for a file.
bool is_known_kind(archive* reader, std::span<const std::byte> bytes) {
  constexpr std::size_t block = 512;
  auto place = static_cast<std::size_t>(archive_read_header_position(reader));
  while (place + block <= bytes.size()) {
    const char* header = reinterpret_cast<const char*>(bytes.data()) + place;
    const char kind = header[156];
    if (std::strchr("xgXLKVN", kind) == nullptr || kind == '\0')
      return kind == '\0' || kind == '0' || kind == '5' || kind == '7';
    const std::string size(header + 124, 12);
    place += block + (std::strtoull(size.c_str(), nullptr, 8) + block - 1) / block * block;
  }
  return false;
}

std::string read_contents(archive* reader, archive_entry* entry, std::int64_t largest) {
  const std::int64_t size = archive_entry_size(entry);
  const std::string shown = "'" + printable(archive_entry_pathname(entry), 200) + "'";
  if (size < 0 || size > largest)
    throw PluginError(shown + " is larger than " + std::to_string(largest >> 20) + " MiB");
  std::string contents;
  char part[65536];
  // What is there is counted, not what the entry says.
  while (static_cast<std::int64_t>(contents.size()) <= largest) {
    const la_ssize_t count = archive_read_data(reader, part, sizeof part);
    if (count < 0) throw PluginError(shown + " is damaged; fetch the archive again");
    if (count == 0) return contents;
    contents.append(part, static_cast<std::size_t>(count));
  }
  throw PluginError(shown + " is larger than " + std::to_string(largest >> 20) + " MiB");
}

Archive read(std::span<const std::byte> bytes) {
  const Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    throw PluginError(not_one);

  Archive result;
  std::set<std::string> seen;
  for (archive_entry* entry = nullptr;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN && seen.empty()) throw PluginError(not_one);
    if (status < ARCHIVE_WARN) throw PluginError("a damaged archive; fetch it again");
    if (const auto wrong = check_entry(entry); !wrong.empty()) throw PluginError(wrong);
    if (!is_known_kind(reader.get(), bytes))
      throw PluginError("'" + printable(archive_entry_pathname(entry), 200) +
                        "' is of a kind that is neither file nor folder");
    const fs::path path = fs::path(archive_entry_pathname(entry)).lexically_normal();
    if (!seen.insert(path.string()).second)
      throw PluginError("'" + printable(path.string(), 200) + "' comes twice");
    if (seen.size() > max_entries)
      throw PluginError("more than " + std::to_string(max_entries) + " files");
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    if (path.filename() == "plugin.json") {
      if (!result.metadata.empty()) throw PluginError("two files plugin.json");
      result.metadata = read_contents(reader.get(), entry, max_text);
    } else if (path.extension() == ".so") {
      if (!result.library.empty()) throw PluginError("two libraries; a plugin is one");
      result.library = read_contents(reader.get(), entry, max_library);
    }
  }
  if (result.library.empty()) throw PluginError("no library in it; a plugin is a .so file");
  if (result.metadata.empty())
    throw PluginError("no plugin.json in it; make the archive with 'nngp plugins pack'");
  return result;
}

void add_entry(archive* writer, const std::string& path, const std::string& contents, int mode) {
  const Entry entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), path.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), static_cast<mode_t>(mode));
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(contents.size()));
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK ||
      archive_write_data(writer, contents.data(), contents.size()) !=
          static_cast<la_ssize_t>(contents.size()))
    throw PluginError("cannot be packed: " + std::string(archive_error_string(writer)));
}

la_ssize_t append(archive*, void* to, const void* bytes, std::size_t count) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

}  // namespace

Archive read_archive(std::span<const std::byte> bytes, const std::string& name) try {
  return read(bytes);
} catch (const PluginError& error) {
  throw PluginError(printable(name, 300) + ": " + error.what());
}

std::string write_archive(const Archive& contents, const std::string& folder, const std::string& file) {
  std::string bytes;
  const Writer writer(archive_write_new(), archive_write_free);
  archive_write_set_format_ustar(writer.get());
  if (archive_write_open(writer.get(), &bytes, nullptr, append, nullptr) != ARCHIVE_OK)
    throw PluginError("cannot be packed: " + std::string(archive_error_string(writer.get())));
  add_entry(writer.get(), folder + "/plugin.json", contents.metadata, 0644);
  add_entry(writer.get(), folder + "/" + file, contents.library, 0755);
  archive_write_close(writer.get());
  return bytes;
}

}  // namespace nngp::host
