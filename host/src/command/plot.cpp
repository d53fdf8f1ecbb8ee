#include "command/plot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/text.hpp"

extern char** environ;

namespace nngp::host {
namespace {

// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
constexpr std::array colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"};

/// A text of gnuplot in which nothing has a meaning.
std::string gnuplot_text(const std::string& text) {
  std::string out = "'";
  for (const char c : printable(text, 200)) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string number(double value) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

/// The ends of a pipe, closed at the end.
struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw Error(std::string("cannot start gnuplot: ") + std::strerror(errno));
  }
  ~Pipe() { close(0), close(1); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
};

std::string read_all(int descriptor) {
  std::string all;
  char buffer[1 << 16];
  for (ssize_t count; (count = ::read(descriptor, buffer, sizeof buffer)) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(std::string("cannot read from gnuplot: ") + std::strerror(errno));
    all.append(buffer, static_cast<std::size_t>(count));
  }
  return all;
}

/// What gnuplot prints for a script. The script comes from a file, so that neither side waits for the
/// other.
std::string run_gnuplot(const std::string& script) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  if (!file || std::fwrite(script.data(), 1, script.size(), file.get()) != script.size() ||
      std::fflush(file.get()) != 0)
    throw Error(std::string("cannot write the script of gnuplot: ") + std::strerror(errno));
  ::lseek(::fileno(file.get()), 0, SEEK_SET);

  Pipe pipe;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ::fileno(file.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string name = "gnuplot", no_user_settings = "-d";
  char* words[] = {name.data(), no_user_settings.data(), nullptr};
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, "gnuplot", &actions, nullptr, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT)
    throw Error(
        "pictures need gnuplot, which is not installed: install gnuplot-nox, or leave out --plot");
  if (error) throw Error(std::string("cannot start gnuplot: ") + std::strerror(error));
  pipe.close(1);
  std::string picture = read_all(pipe.ends[0]);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || picture.empty())
    throw Error("gnuplot could not draw the picture; is its version 5 or newer?");
  return picture;
}

bool is_svg(const std::string& path) {
  return lower_case(std::filesystem::path(path).extension().string()) == ".svg";
}

}  // namespace

std::string plot_path(const po::variables_map& arguments) {
  const std::string path = text_of(arguments, "plot");
  if (!path.empty() && !is_svg(path) &&
      lower_case(std::filesystem::path(path).extension().string()) != ".png")
    throw UsageError("--plot takes a name that ends in .svg or .png, not '" + printable(path) + "'");
  return path;
}

void Plot::add(const std::string& name, const std::string& style,
               const std::vector<const std::vector<double>*>& columns) {
  const std::string block = "$block" + std::to_string(blocks_++);
  data_ += block + " << END\n";
  for (std::size_t row = 0; row < columns.front()->size(); ++row) {
    for (const auto* column : columns) data_ += number((*column)[row]) + ' ';
    data_ += '\n';
  }
  data_ += "END\n";
  plots_ += (plots_.empty() ? "plot " : ", \\\n     ") + block + ' ' + style +
            (name.empty() ? " notitle" : " title " + gnuplot_text(name));
}

void Plot::band(const std::string& name, std::size_t colour, const std::vector<double>& x,
                const std::vector<double>& low, const std::vector<double>& high) {
  add(name,
      "using 1:2:3 with filledcurves fillstyle transparent solid 0.2 noborder linecolor rgb " +
          gnuplot_text(colours[colour % colours.size()]),
      {&x, &low, &high});
}

void Plot::line(const std::string& name, std::size_t colour, const std::vector<double>& x,
                const std::vector<double>& y) {
  add(name, "with lines linewidth 2 linecolor rgb " + gnuplot_text(colours[colour % colours.size()]),
      {&x, &y});
}

void Plot::points(const std::string& name, std::size_t colour, const std::vector<double>& x,
                  const std::vector<double>& y) {
  add(name,
      "with points pointtype 7 pointsize 0.7 linecolor rgb " +
          gnuplot_text(colours[colour % colours.size()]),
      {&x, &y});
}

void Plot::heat_map(const Matrix<double>& matrix) {
  constexpr Eigen::Index most = 100;
  const Eigen::Index down = (matrix.rows() + most - 1) / most,
                     across = (matrix.cols() + most - 1) / most;
  std::vector<double> x, y, value;
  for (Eigen::Index row = 0; row + down <= matrix.rows(); row += down)
    for (Eigen::Index col = 0; col + across <= matrix.cols(); col += across) {
      x.push_back(static_cast<double>(col) + 0.5 * static_cast<double>(across - 1));
      y.push_back(static_cast<double>(row) + 0.5 * static_cast<double>(down - 1));
      value.push_back(matrix.block(row, col, down, across).mean());
    }
  // Equal steps look equal, also in grey (viridis).
  settings_ +=
      "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 '#fde725')\n"
      "set yrange [] reverse\nset size ratio -1\nset autoscale xfix\nset autoscale yfix\n";
  add("", "using 1:2:3 with image pixels", {&x, &y, &value});
}

std::string Plot::script(bool svg) const {
  return std::string(svg ? "set terminal svg size 640,400 font 'sans-serif,13' background rgb 'white'\n"
                         : "set terminal pngcairo size 960,600 font 'sans-serif,11'\n") +
         "set xlabel " + gnuplot_text(x_label_) + " noenhanced\nset ylabel " + gnuplot_text(y_label_) +
         " noenhanced\nset key noenhanced\nset border 3\nset tics nomirror\nset grid linecolor rgb "
         "'#dddddd'\n" +
         settings_ + data_ + plots_ + '\n';
}

void Plot::write(const std::string& path) const { write_file(path, run_gnuplot(script(is_svg(path)))); }

}  // namespace nngp::host
