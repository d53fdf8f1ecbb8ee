#include "nngp/registry.hpp"
#include "nngp/plugin_file.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <thread>

#include "expect_error.hpp"
#include "nngp/model.hpp"
#include "temporary_folder.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

const fs::path shipped = NNGP_TEST_PLUGINS;
const fs::path arcsin_erf = shipped / "libarcsin_erf.so";

// Sets an environment variable, or unsets it, for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

bool is_loaded(const fs::path& file) {
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (handle) ::dlclose(handle);
  return handle;
}

TEST(PluginSearch, FollowsTheStandardOrder) {
  const Environment path("NNGP_PLUGIN_PATH", "/first:/second::");
  const Environment home("HOME", "/home/someone");
  const Environment data("XDG_DATA_HOME", "/data");
  const PluginSearch search = PluginSearch::standard({"named.so"}, "/installed");
  EXPECT_EQ(search.named, (std::vector<fs::path>{"named.so"}));
  EXPECT_EQ(search.folders, (std::vector<fs::path>{"/first", "/second"}));
  EXPECT_EQ(search.user, "/data/nngp/plugins");
  EXPECT_EQ(search.installed, "/installed");
}

TEST(PluginSearch, ReadsColonsThatAreEscaped) {
  const Environment path("NNGP_PLUGIN_PATH", R"(/a\:b:/c\\d:/e\f:/g\\\:h\)");
  EXPECT_EQ(PluginSearch::standard({}, "").folders,
            (std::vector<fs::path>{"/a:b", R"(/c\d)", R"(/e\f)", R"(/g\:h\)"}));
}

/// Libraries that plugins need may lie beside them, under such names too.
TEST(PluginSearch, TakesPluginsWithAVersionInTheirNames) {
  const TemporaryFolder folder;
  fs::copy_file(fs::path(NNGP_TEST_PLUGINS) / "librelu.so", folder / "libwave.so.1");
  fs::create_symlink("libwave.so.1", folder / "libwave.so.1.2");
  folder.write("libother.so.1", "no plugin at all");
  folder.write("notes.so.old", "no library");
  const Registry registry(PluginSearch{{}, {folder.path()}});
  EXPECT_NO_THROW(registry.find("Relu"));
  EXPECT_THAT(registry.warnings(), testing::IsEmpty());
}

TEST(PluginSearch, FindsTheUsersDataFolder) {
  const Environment path("NNGP_PLUGIN_PATH", std::nullopt);
  const auto folder = [](const std::optional<std::string>& data,
                         const std::optional<std::string>& home) {
    const Environment set_data("XDG_DATA_HOME", data), set_home("HOME", home);
    return PluginSearch::standard({}, "").user;
  };
  const fs::path in_home = "/home/someone/.local/share/nngp/plugins";
  EXPECT_EQ(folder(std::nullopt, "/home/someone"), in_home);
  EXPECT_EQ(folder("", "/home/someone"), in_home);
  EXPECT_EQ(folder("not/absolute", "/home/someone"), in_home);  // as the XDG specification has it
  EXPECT_TRUE(folder(std::nullopt, std::nullopt).empty());
}

TEST(Registry, LoadsAnActivationWrittenInC) {
  const Registry plugins(PluginSearch{{}, {shipped}});
  const Activation erf = plugins.activation("ArcsinErf");
  EXPECT_EQ(erf.text(), "ArcsinErf()");
  EXPECT_DOUBLE_EQ(erf.fn(0.5), std::erf(0.5));
  EXPECT_DOUBLE_EQ(erf.nngp_fn(0.3, 1.2, 0.7), 2 / M_PI * std::asin(0.6 / std::sqrt(3.4 * 2.4)));
  EXPECT_EQ(erf.derivative(), Derivative::numerical);
  EXPECT_TRUE(erf.breakpoints()->empty());
}

TEST(Registry, DescribesWhatItFinds) {
  const Registry plugins(PluginSearch{{arcsin_erf}, {}});
  ASSERT_EQ(plugins.activations().size(), 1u);
  const ActivationInfo& info = plugins.activations()[0];
  EXPECT_EQ(info.name, "ArcsinErf");
  EXPECT_EQ(info.summary, "Error function, kernel by the arcsine formula");
  EXPECT_EQ(info.version, "1.0.0");
  EXPECT_EQ(info.library, "arcsin_erf");
  EXPECT_EQ(info.file, arcsin_erf);
  EXPECT_EQ(info.source, PluginSource::named);
  EXPECT_EQ(info.abi, "1.1");
  EXPECT_TRUE(info.shadowed_by.empty());
  EXPECT_EQ(&plugins.find("ArcsinErf"), &info);
  EXPECT_EQ(&plugins.find("arcsin_erf:ArcsinErf"), &info);
  EXPECT_STREQ(plugins.descriptor(info)->formula, "erf(x)");
}

TEST(Registry, PrefersTheEarlierPlace) {
  const TemporaryFolder earlier, later;
  for (const TemporaryFolder* folder : {&earlier, &later})
    fs::copy_file(arcsin_erf, *folder / "erf.so");
  const auto first_of = [](PluginSearch search) {
    const Registry registry(std::move(search));
    EXPECT_EQ(registry.activations().size(), 2u);
    EXPECT_TRUE(registry.activations()[0].shadowed_by.empty());
    EXPECT_EQ(registry.activations()[1].shadowed_by, registry.activations()[0].file);
    EXPECT_EQ(&registry.find("ArcsinErf"), &registry.activations()[0]);
    return registry.activations()[0].file;
  };
  EXPECT_EQ(first_of({{}, {earlier.path(), later.path()}}), earlier / "erf.so");
  EXPECT_EQ(first_of({{}, {later.path(), earlier.path()}}), later / "erf.so");
  EXPECT_EQ(first_of({{later.path()}, {earlier.path()}}), later / "erf.so");
  EXPECT_EQ(first_of({{later / "erf.so"}, {earlier.path()}}), later / "erf.so");
  EXPECT_EQ(first_of({{later / "erf.so", earlier.path()}, {}}), later / "erf.so");
}

TEST(Registry, PicksTheLibraryExplicitly) {
  const Registry plugins(PluginSearch{{NNGP_TEST_STUBS}, {shipped}});
  EXPECT_EQ(plugins.activation("Erf").fn(0), 2);  // the stub: a + b + c
  EXPECT_EQ(plugins.activation("stubs:Erf").fn(0), 2);
  EXPECT_EQ(plugins.activation("erf:Erf").fn(0), 0);
}

TEST(Registry, SeesAFileOnceOnWhateverPath) {
  const TemporaryFolder folder;
  fs::copy_file(arcsin_erf, folder / "erf.so");
  fs::create_symlink(folder / "erf.so", folder / "same.so");
  fs::create_directory_symlink(folder.path(), folder / "again");
  const Registry plugins(
      PluginSearch{{folder / "erf.so"}, {folder.path(), folder / "again", folder.path()}});
  EXPECT_EQ(plugins.activations().size(), 1u);
}

TEST(Registry, SuggestsNamesAndSaysWhereItLooked) {
  const Registry plugins(PluginSearch{{arcsin_erf}, {}});
  expect_error<ModelError>([&] { plugins.activation("ArcsinErv"); },
                           "no activation is called 'ArcsinErv'; did you mean 'ArcsinErf'?");
  expect_error<ModelError>(
      [&] { plugins.activation("arcsin:ArcsinErf"); },
      "no activation is called 'arcsin:ArcsinErf'; did you mean 'arcsin_erf:ArcsinErf'?");
  for (const char* name : {"", ":", "ArcsinErf:", ":ArcsinErf", "arcsin_erf:ArcsinErf:"}) {
    expect_error<ModelError>([&] { plugins.activation(name); }, "no activation is called '");
  }
  const TemporaryFolder empty;
  const Registry none(PluginSearch{{empty.path()}, {"/no/such/folder"}});
  expect_error<ModelError>([&] { none.activation("Relu"); },
                           "no activation is called 'Relu'; no plugins were found in " +
                               empty.path().string() + " /no/such/folder");
  expect_error<ModelError>([&] { parse_model("serial(Relu())", none); }, "no plugins were found in ");
}

TEST(Registry, KeepsALibraryOpenForItsInstancesOnly) {
  const TemporaryFolder folder;
  const fs::path file = folder / "erf.so";
  fs::copy_file(arcsin_erf, file);
  std::optional<Activation> erf;
  {
    const Registry plugins(PluginSearch{{file}, {}});
    EXPECT_FALSE(is_loaded(file));
    erf = plugins.activation("ArcsinErf");
    EXPECT_TRUE(is_loaded(file));
  }
  std::optional<Activation> copy = erf;
  erf.reset();
  EXPECT_TRUE(is_loaded(file));
  EXPECT_EQ(copy->fn(0), 0);
  copy.reset();
  EXPECT_FALSE(is_loaded(file));
}

TEST(Registry, ClosesALibraryWithTheLastNetworkThatUsesIt) {
  const Registry plugins(PluginSearch{{arcsin_erf}, {}});
  {
    const Layer network = parse_model("serial(Dense(1), ArcsinErf(), Dense(1))", plugins);
    EXPECT_TRUE(is_loaded(arcsin_erf));
  }
  EXPECT_FALSE(is_loaded(arcsin_erf));
}

TEST(Registry, LoadsAndUnloadsManyTimes) {
  const Registry plugins(PluginSearch{{arcsin_erf}, {}});
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(plugins.activation("ArcsinErf").fn(0), 0);
    ASSERT_FALSE(is_loaded(arcsin_erf));
  }
}

TEST(Registry, RunsNothingToScan) {
  const TemporaryFolder folder;
  const fs::path noisy = folder / "noisy.so";
  fs::copy_file(NNGP_TEST_NOISY, noisy);
  for (const PluginSearch& search : {PluginSearch{{noisy}, {}}, PluginSearch{{}, {folder.path()}}}) {
    ::unsetenv("NNGP_TEST_NOISY_RAN");
    const Registry plugins(search);
    EXPECT_EQ(plugins.find("Noisy").version, "7");
    EXPECT_EQ(std::getenv("NNGP_TEST_NOISY_RAN"), nullptr);
    EXPECT_EQ(plugins.activation("Noisy").fn(3), 3);
    EXPECT_STREQ(std::getenv("NNGP_TEST_NOISY_RAN"), "1");
  }
  ::unsetenv("NNGP_TEST_NOISY_RAN");
}

TEST(Registry, TellsEverythingThatLoadingTells) {
  // Read from the files and from the loaded libraries: the same tables, in whatever language.
  const Registry plugins(PluginSearch{{NNGP_TEST_STUBS, shipped}, {}});
  ASSERT_GT(plugins.activations().size(), 40u);
  for (const ActivationInfo& info : plugins.activations()) {
    SCOPED_TRACE(info.name);
    const auto loaded = plugins.descriptor(info);
    const PluginFile file(info.file);
    EXPECT_EQ(file.tables().name(), info.library);
    const auto& all = file.tables().activations();
    const auto read = std::find_if(all.begin(), all.end(),
                                   [&](const Descriptor& one) { return one->name == info.name; });
    ASSERT_NE(read, all.end());
    const nngp_activation &x = **read, &y = *loaded;
    for (const auto text :
         {&nngp_activation::summary, &nngp_activation::formula, &nngp_activation::version,
          &nngp_activation::author, &nngp_activation::license, &nngp_activation::reference})
      EXPECT_STREQ(x.*text, y.*text);
    EXPECT_EQ(!x.fn, !y.fn);
    EXPECT_EQ(!x.nngp_fn, !y.nngp_fn);
    EXPECT_EQ(!x.d_nngp_fn, !y.d_nngp_fn);
    EXPECT_EQ(!x.breakpoints, !y.breakpoints);
    EXPECT_EQ(!x.tile_f32, !y.tile_f32);
    EXPECT_EQ(x.derivative, y.derivative);
    ASSERT_EQ(x.parameter_count, y.parameter_count);
    for (std::size_t i = 0; i < x.parameter_count; ++i) {
      const nngp_parameter &p = *x.parameters[i], &q = *y.parameters[i];
      EXPECT_STREQ(p.name, q.name);
      EXPECT_STREQ(p.summary, q.summary);
      EXPECT_EQ(p.minimum, q.minimum);
      EXPECT_EQ(p.flags, q.flags);
      ASSERT_EQ(!p.default_value, !q.default_value);
      ASSERT_EQ(p.default_count, q.default_count);
      if (p.default_value) {
        EXPECT_EQ(*p.default_value, *q.default_value);
      }
    }
  }
}

// Whatever stands in a file, reading it ends with its tables or with an error.
TEST(Registry, BelievesNothingThatAFileSays) {
  const std::string whole = read_text(arcsin_erf);
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += 13) {
    std::string changed = whole;
    changed[at] = static_cast<char>(0xFF);
    try {
      EXPECT_FALSE(
          PluginFile(std::make_unique<std::istringstream>(changed)).tables().activations().empty());
    } catch (const PluginError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

TEST(Registry, RefusesAPluginThatMustBeRunToBeRead) {
  const TemporaryFolder folder;
  const fs::path file = folder / "made_late.so";
  fs::copy_file(NNGP_TEST_MADE_LATE, file);
  const Registry scanned(PluginSearch{{}, {folder.path()}});
  EXPECT_TRUE(scanned.activations().empty());
  ASSERT_EQ(scanned.warnings().size(), 1u);
  const std::string message =
      file.string() +
      ": its tables are not constants in the file but filled in by code when it is loaded; declare "
      "them const (in C++ constexpr or constinit) with constant initialisers";
  EXPECT_EQ(scanned.warnings()[0], message);
  expect_error<PluginError>([&] { Registry(PluginSearch{{file}, {}}); }, message);
}

// ---- Plugins that the program makes itself ----

// A plugin with one activation, fn(x) = factor x, whose tables and texts are made at run time.
class OwnPlugin {
 public:
  explicit OwnPlugin(std::string name, double factor, std::string library = "own")
      : name_(std::move(name)), library_(std::move(library)) {
    activation.struct_size = sizeof activation;
    activation.name = name_.c_str();
    activation.summary = activation.formula = activation.version = activation.author =
        activation.license = "1";
    activation.create = [](const nngp_value*, size_t, char*, size_t) -> void* { return new double(0); };
    activation.destroy = [](void* instance) { delete static_cast<double*>(instance); };
    activation.fn = factor == 2 ? [](const void*, double x) { return 2 * x; }
                                : [](const void*, double x) { return 3 * x; };
    plugin = {
        NNGP_MAGIC, sizeof plugin, NNGP_ABI_MAJOR, NNGP_ABI_MINOR, 0, library_.c_str(), "1", &pointer_,
        1};
  }
  OwnPlugin(const OwnPlugin&) = delete;
  OwnPlugin& operator=(const OwnPlugin&) = delete;

  nngp_activation activation = {};
  nngp_plugin plugin = {};

 private:
  std::string name_, library_;
  const nngp_activation* pointer_ = &activation;
};

TEST(Registry, TakesThePluginsOfTheProgram) {
  Registry plugins(PluginSearch{{arcsin_erf}, {}});
  const auto own = std::make_shared<const OwnPlugin>("Twice", 2);
  plugins.add(&own->plugin, own);
  ASSERT_EQ(plugins.activations().size(), 2u);
  const ActivationInfo& info = plugins.activations()[0];
  EXPECT_EQ(info.name, "Twice");
  EXPECT_EQ(info.library, "own");
  EXPECT_TRUE(info.file.empty());
  EXPECT_EQ(info.source, PluginSource::program);
  EXPECT_STREQ(name_of(info.source), "program");
  EXPECT_EQ(info.place(), "the program's own library own");
  EXPECT_EQ(info.abi, "1.1");
  EXPECT_EQ(&plugins.find("own:Twice"), &info);
  EXPECT_STREQ(plugins.descriptor(info)->name, "Twice");
  EXPECT_EQ(plugins.activation("Twice").fn(5), 10);
  EXPECT_EQ(model_text(parse_model("serial(Dense(1), own:Twice())", plugins)),
            "serial(Dense(1, W_std=1.0, b_std=None), Twice())");
  EXPECT_EQ(plugins.activation("ArcsinErf").fn(0), 0);
}

TEST(Registry, PrefersThePluginsOfTheProgramAndTheLatestOfThem) {
  Registry plugins(PluginSearch{{arcsin_erf}, {}});
  const OwnPlugin first("ArcsinErf", 2), second("ArcsinErf", 3, "later");
  plugins.add(&first.plugin, nullptr);
  EXPECT_EQ(plugins.activation("ArcsinErf").fn(5), 10);
  plugins.add(&second.plugin, nullptr);
  EXPECT_EQ(plugins.activation("ArcsinErf").fn(5), 15);
  EXPECT_EQ(plugins.activation("own:ArcsinErf").fn(5), 10);
  EXPECT_EQ(plugins.activation("arcsin_erf:ArcsinErf").fn(0), 0);
  ASSERT_EQ(plugins.activations().size(), 3u);
  EXPECT_EQ(plugins.activations()[0].shadowed_by, "");
  for (const std::size_t shadowed : {1u, 2u})
    EXPECT_EQ(plugins.activations()[shadowed].shadowed_by, "the program's own library later");
}

TEST(Registry, KeepsTheOwnerOfAProgramsPluginForRegistriesAndInstances) {
  std::weak_ptr<const OwnPlugin> watched;
  std::optional<Activation> twice;
  {
    std::optional<Registry> copy;
    {
      Registry plugins;
      const auto own = std::make_shared<const OwnPlugin>("Twice", 2);
      watched = own;
      plugins.add(&own->plugin, own);
      copy = plugins;
    }
    EXPECT_FALSE(watched.expired());
    twice = copy->activation("Twice");
  }
  ASSERT_FALSE(watched.expired());
  EXPECT_EQ(twice->fn(1), 2);
  EXPECT_EQ(twice->text(), "Twice()");
  twice.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(Registry, ChecksAProgramsPluginAsAFiles) {
  Registry plugins;
  const auto refused = [&](const nngp_plugin* plugin, const std::string& reason) {
    expect_error<PluginError>([&] { plugins.add(plugin, nullptr); }, "a plugin in memory: " + reason);
    EXPECT_TRUE(plugins.activations().empty());
  };
  refused(nullptr, "the pointer to its tables is null");
  OwnPlugin own("Twice", 2);
  nngp_plugin changed = own.plugin;
  changed.magic = 0;
  refused(&changed, "not a plugin: its nngp_plugin_entry does not begin with NNGP_MAGIC");
  changed = own.plugin;
  changed.abi_major = 7;
  refused(&changed, "built for plugin ABI 7.1, but this nngp has ABI 1.1; install a newer nngp");
  changed = own.plugin;
  changed.name = "no name";
  refused(&changed, "damaged plugin table: the library's name is no C identifier");
  own.activation.destroy = nullptr;
  refused(&own.plugin, "activation Twice has no create or no destroy function");
}

// ---- What others could have written ----

void expect_only_when_named(const fs::path& file, const std::string& reason) {
  SCOPED_TRACE(reason);
  const Registry scanned(PluginSearch{{}, {file.parent_path()}});
  EXPECT_TRUE(scanned.activations().empty());
  ASSERT_EQ(scanned.warnings().size(), 1u);
  EXPECT_EQ(scanned.warnings()[0],
            file.string() + ": not used, because " + reason + ", or name the file itself as a plugin");
  EXPECT_EQ(Registry(PluginSearch{{file}, {}}).activations().size(), 1u);
  EXPECT_EQ(Registry(PluginSearch{{file.parent_path()}, {}}).activations().size(), 1u);
}

TEST(Registry, LeavesWhatOthersCanChange) {
  const TemporaryFolder folder, another;
  const fs::path file = folder / "plugin.so";
  fs::copy_file(arcsin_erf, file);
  const auto allow = [](const fs::path& path, fs::perms who) {
    fs::permissions(path, who, fs::perm_options::add);
  };
  const auto forbid = [](const fs::path& path, fs::perms who) {
    fs::permissions(path, who, fs::perm_options::remove);
  };
  allow(file, fs::perms::others_write);
  expect_only_when_named(file, "it can be changed by everyone; chmod o-w '" + file.string() + "'");
  forbid(file, fs::perms::others_write);
  EXPECT_EQ(Registry(PluginSearch{{}, {folder.path()}}).activations().size(), 1u);

  allow(folder.path(), fs::perms::others_write);
  expect_only_when_named(
      file, "its folder can be changed by everyone; chmod o-w '" + folder.path().string() + "'");
  forbid(folder.path(), fs::perms::others_write);

  // A link to a safe place's file is as safe as the place it leads to.
  fs::copy_file(arcsin_erf, another / "target");
  fs::remove(file);
  fs::create_symlink(another / "target", file);
  EXPECT_EQ(Registry(PluginSearch{{}, {folder.path()}}).activations().size(), 1u);
  allow(another.path(), fs::perms::others_write);
  expect_only_when_named(
      file, "its folder can be changed by everyone; chmod o-w '" + another.path().string() + "'");
}

TEST(Registry, LeavesTheCurrentFolderUnlessNamed) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  fs::copy_file(arcsin_erf, "plugin.so");
  for (const char* relative : {".", "./", "../"}) {
    const Registry scanned(PluginSearch{{}, {relative}});
    EXPECT_TRUE(scanned.activations().empty());
    ASSERT_EQ(scanned.warnings().size(), 1u);
    EXPECT_EQ(scanned.warnings()[0],
              std::string(relative) +
                  ": not searched for plugins, since a relative folder depends on where nngp is "
                  "started; give the whole path, or name it as a plugin");
  }
  EXPECT_EQ(Registry(PluginSearch{{"."}, {}}).activations().size(), 1u);

  // By whatever path; elsewhere the same path is searched.
  const TemporaryFolder elsewhere;
  fs::create_directory(elsewhere / "sub");
  fs::create_directory_symlink(folder.path(), elsewhere / "link");
  for (const fs::path& path : {folder.path(), elsewhere / "link", elsewhere / "sub/../link/."}) {
    fs::current_path(folder.path());
    const Registry here(PluginSearch{{}, {path}});
    EXPECT_TRUE(here.activations().empty());
    ASSERT_EQ(here.warnings().size(), 1u);
    EXPECT_EQ(here.warnings()[0],
              path.string() +
                  ": not searched for plugins, since it is the current folder; name it as a "
                  "plugin, or start nngp elsewhere");
    EXPECT_EQ(Registry(PluginSearch{{path}, {}}).activations().size(), 1u);
    fs::current_path(elsewhere.path());
    EXPECT_EQ(Registry(PluginSearch{{}, {path}}).activations().size(), 1u);
  }
  // Folders with a fixed meaning stay what they are.
  fs::current_path(folder.path());
  EXPECT_EQ(Registry(PluginSearch{{}, {}, folder.path(), {}}).activations().size(), 1u);
  fs::current_path(before);
}

TEST(Registry, MayBeUsedByManyThreads) {
  const Registry plugins(PluginSearch{{}, {shipped}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        EXPECT_EQ(plugins.activation("ArcsinErf").fn(0), 0);
        EXPECT_EQ(Registry(PluginSearch{{arcsin_erf}, {}}).activations().size(), 1u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Registry, SaysThatAFileWasChangedOrRemoved) {
  const TemporaryFolder folder;
  const fs::path file = folder / "plugin.so";
  fs::copy_file(arcsin_erf, file);
  const Registry plugins(PluginSearch{{file}, {}});
  fs::remove(file);
  expect_error<PluginError>([&] { plugins.activation("ArcsinErf"); },
                            file.string() + ": cannot be read: No such file or directory");
  fs::copy_file(NNGP_TEST_STUBS, file);
  expect_error<PluginError>([&] { plugins.activation("ArcsinErf"); },
                            file.string() + ": no longer offers ArcsinErf");
  folder.write("plugin.so", "no library");
  expect_error<PluginError>([&] { plugins.activation("ArcsinErf"); },
                            file.string() + ": not a shared library");
}

TEST(Registry, TakesNamesOfFilesAsTheyAre) {
  // Relative, with blanks and other characters; never looked up among the system's libraries.
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  fs::copy_file(arcsin_erf, "a b\xC3\xA9'.so");
  EXPECT_EQ(Registry(PluginSearch{{"a b\xC3\xA9'.so"}, {}}).activation("ArcsinErf").fn(0), 0);
  EXPECT_EQ(Registry(PluginSearch{{"."}, {}}).activations().size(), 1u);
  expect_error<PluginError>(
      [] {
        Registry(PluginSearch{{"libm.so.6"}, {}});
      },
      "libm.so.6: no such file or folder");
  fs::current_path(before);
}

}  // namespace
}  // namespace nngp
