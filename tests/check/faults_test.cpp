// Every check finds the plugin that was broken for it, and finds no fault with the others.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "process.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string plugin(const std::string& name) { return NNGP_BROKEN_PLUGINS "/lib" + name + ".so"; }

/// What `nngp plugins check FILE --json` reports.
struct Report {
  explicit Report(const std::string& file, const std::vector<std::string>& options = {}) {
    std::vector<std::string> words = {"plugins", "check", file, "--json"};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome outcome = run_nngp(words);
    code = outcome.code;
    all = json::parse(outcome.out);
  }

  /// The names of the checks that ended so.
  std::set<std::string> with(const std::string& status) const {
    std::set<std::string> names;
    for (const json& finding : all["findings"])
      if (finding["status"] == status) names.insert(finding["check"]);
    return names;
  }
  std::string message(const std::string& check) const {
    for (const json& finding : all["findings"])
      if (finding["check"] == check) return finding["message"];
    return "no such finding";
  }

  int code;
  json all;
};

using Names = std::set<std::string>;

class Fault : public testing::TestWithParam<const char*> {};

TEST_P(Fault, IsFoundByItsCheckAlone) {
  const Report report(plugin(std::string("broken_") + GetParam()));
  EXPECT_EQ(report.with("failure"), Names{GetParam()}) << report.all.dump(1);
  EXPECT_EQ(report.with("warning"), Names{});
  EXPECT_EQ(report.code, 1);
}

INSTANTIATE_TEST_SUITE_P(Faults, Fault,
                         testing::Values("exports", "names", "texts", "load", "floating_point",
                                         "signals", "locale", "process", "table", "instances",
                                         "parameters", "environment", "stack", "leaks", "threads", "fn",
                                         "d_fn", "breakpoints", "nan", "nngp_fn", "d_nngp_fn", "slope",
                                         "diagonal", "boundary", "zero_variance", "symmetry",
                                         "cauchy_schwarz", "positive", "extremes", "tile_values",
                                         "tile_terms", "tile_shapes", "tile_in_place", "tile_bounds",
                                         "tile_output", "exit"),
                         [](const auto& info) { return std::string(info.param); });

/// Relatives of these: what they do, and which check finds them.
class Relative : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Relative, IsFoundByTheSameCheck) {
  const auto& [name, check] = GetParam();
  const Report report(plugin("broken_" + std::string(name)), {"--check", check, "--time-limit", "5"});
  EXPECT_EQ(report.with("failure"), Names{check}) << report.all.dump(1);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Relative,
    testing::Values(
        std::pair("process_prints", "process"), std::pair("table_late", "table"),
        std::pair("table_changed", "table"), std::pair("instances_global", "instances"),
        std::pair("instances_first", "instances"), std::pair("instances_history", "instances"),
        std::pair("environment_tile", "environment"),
        std::pair("environment_long_double", "environment"),
        std::pair("environment_signal", "environment"), std::pair("environment_prints", "environment"),
        std::pair("environment_files", "environment"), std::pair("environment_folder", "environment"),
        std::pair("environment_variable", "environment"),
        std::pair("environment_processors", "environment"),
        std::pair("environment_timer", "environment"), std::pair("environment_thread", "environment"),
        std::pair("leaks_tile", "leaks"), std::pair("leaks_d_nngp", "leaks"),
        std::pair("threads_tile", "threads"), std::pair("threads_fast", "threads"),
        std::pair("threads_static", "threads"), std::pair("threads_instance", "threads"),
        std::pair("threads_first", "threads"), std::pair("threads_deadlock", "threads"),
        std::pair("tile_values_row", "tile_values"), std::pair("tile_values_column", "tile_values"),
        std::pair("tile_shapes_corner", "tile_shapes"), std::pair("tile_values_stride", "tile_values"),
        std::pair("nngp_fn_large", "nngp_fn"), std::pair("diagonal_large", "diagonal"),
        std::pair("diagonal_small", "diagonal"), std::pair("unit_variance", "diagonal"),
        std::pair("nngp_fn_near_one", "nngp_fn"), std::pair("nngp_fn_nearer_one", "nngp_fn"),
        std::pair("d_nngp_fn_near_one", "d_nngp_fn"), std::pair("instances_many", "instances"),
        std::pair("threads_memo", "threads"), std::pair("leaks_thread", "leaks"),
        std::pair("environment_error", "environment"), std::pair("environment_log", "environment"),
        std::pair("environment_priority", "environment"),
        std::pair("environment_registers", "environment"), std::pair("tile_values_zero", "tile_values"),
        std::pair("tile_values_huge", "tile_values"), std::pair("breakpoints_reserved", "breakpoints"),
        std::pair("d_fn_kink", "d_fn"), std::pair("table_swapped", "table"),
        std::pair("tile_terms_scale", "tile_terms"), std::pair("tile_terms_first", "tile_terms"),
        std::pair("tile_shapes_long", "tile_shapes"), std::pair("tile_values_between", "tile_values"),
        std::pair("nngp_fn_between", "nngp_fn"), std::pair("diagonal_between", "diagonal"),
        std::pair("leaks_refusal", "leaks"), std::pair("instances_rounded", "instances"),
        std::pair("threads_large", "threads"), std::pair("threads_create", "threads"),
        std::pair("threads_shared", "threads"), std::pair("threads_positive", "threads"),
        std::pair("threads_restored", "threads"), std::pair("threads_tiles_deadlock", "threads"),
        std::pair("environment_extension", "environment"),
        std::pair("environment_refusal", "environment"),
        std::pair("environment_attributes", "environment")),
    [](const auto& info) { return std::string(info.param.first); });

TEST(Faults, EveryCheckHasABrokenPlugin) {
  const json checks = json::parse(run_nngp({"plugins", "check", "--list-checks", "--json"}).out);
  for (const json& check : checks) {
    const std::string name = check["name"];
    if (name == "file") continue;  // a file that is none has no plugin
    EXPECT_TRUE(std::filesystem::exists(plugin("broken_" + name))) << name;
  }
}

TEST(Faults, NoneAreFoundInASoundPlugin) {
  const Report report(plugin("broken_none"));
  EXPECT_EQ(report.with("failure"), Names{}) << report.all.dump(2);
  EXPECT_EQ(report.with("warning"), Names{});
  EXPECT_EQ(report.with("skipped"), Names{});
  EXPECT_EQ(report.code, 0);
}

TEST(Faults, InaccurateButUsableIsAWarning) {
  const Report report(plugin("broken_nngp_fn_inaccurate"));
  EXPECT_EQ(report.with("failure"), Names{});
  EXPECT_EQ(report.with("warning"), Names{"nngp_fn"});
  EXPECT_EQ(report.code, 0);
  EXPECT_THAT(report.message("nngp_fn"), HasSubstr("tolerance 1e-10"));
}

TEST(Faults, AParameterThatChangesNothingIsAWarning) {
  const Report report(plugin("broken_parameters_idle"), {"--check", "parameters"});
  EXPECT_EQ(report.with("warning"), Names{"parameters"});
  EXPECT_EQ(report.message("parameters"), "all values of scale give the same functions");
}

TEST(Faults, AParameterThatIsClampedInSilenceIsAWarning) {
  const Report report(plugin("broken_parameters_clamped"), {"--check", "parameters"});
  EXPECT_EQ(report.with("warning"), Names{"parameters"});
  EXPECT_EQ(report.message("parameters"),
            "Broken(scale=2.0) and Broken(scale=4.0) give the same functions");
}

TEST(Faults, AJumpThatIsNotDeclaredIsAWarningWhereItMatters) {
  const Report report(plugin("broken_breakpoints_jump"), {"--check", "breakpoints"});
  EXPECT_EQ(report.with("warning"), Names{"breakpoints"});
  EXPECT_THAT(report.message("breakpoints"), HasSubstr("its networks have no NTK"));
}

TEST(Faults, OfOtherKindsAreFoundToo) {
  EXPECT_EQ(Report(plugin("broken_texts_latin1"), {"--check", "texts"}).with("failure"),
            Names{"texts"});
  EXPECT_EQ(Report(plugin("broken_tile_values_f32")).with("failure"),
            (Names{"tile_values", "tile_terms"}));
  const Report silent(plugin("broken_parameters_message"), {"--check", "parameters"});
  EXPECT_THAT(silent.message("parameters"), HasSubstr("is refused without a message"));
}

// ---- Plugins that end their process

TEST(Faults, ACrashIsAFindingAndOtherChecksGoOn) {
  const Report report(plugin("broken_crash"));
  EXPECT_EQ(report.with("failure"), Names{"diagonal"});
  EXPECT_EQ(report.message("diagonal"), "crashed by segmentation fault (SIGSEGV)");
  EXPECT_TRUE(report.with("pass").count("tile_bounds"));
}

TEST(Faults, AnExitIsAFinding) {
  const Report report(plugin("broken_exit_in_call"), {"--check", "diagonal", "--check", "symmetry"});
  EXPECT_EQ(report.message("diagonal"), "ended the process with exit code 7");
  EXPECT_EQ(report.with("pass"), Names{"symmetry"});
}

TEST(Faults, ASignalToAllProcessesOfTheGroupReachesItsOwn) {
  const Report report(plugin("broken_kill"), {"--check", "diagonal", "--check", "symmetry"});
  EXPECT_EQ(report.message("diagonal"), "crashed by terminated (SIGTERM)");
  EXPECT_EQ(report.with("pass"), Names{"symmetry"});
}

TEST(Faults, TheNameOfAShippedActivationIsAWarning) {
  const Report report(plugin("broken_names_shipped"), {"--check", "names"});
  EXPECT_EQ(report.with("warning"), Names{"names"});
  EXPECT_EQ(report.message("names"),
            "the activation Relu that comes with nngp is not used beside this one, unless a model says "
            "relu:Relu");
  EXPECT_THAT(Report(plugin("broken_names")).message("names"),
              HasSubstr("models read 'Dense' as the layer of that name"));
}

TEST(Faults, TheNameOfAValueIsAFinding) {
  const Report report(plugin("broken_names_value"), {"--check", "names"});
  EXPECT_EQ(report.message("names"), "models read 'True' as a value; call the activation otherwise");
  EXPECT_EQ(report.code, 1);
}

// ---- Settings away from the defaults

TEST(Faults, NoneAreFoundAtTheEndsOfSoundParameters) {
  const Report report(plugin("parabola_none"));
  EXPECT_EQ(report.with("failure"), Names{}) << report.all.dump(2);
  EXPECT_EQ(report.with("warning"), Names{});
}

TEST(Faults, AWrongProductOfParametersIsAFinding) {
  const Report report(plugin("parabola_product"), {"--check", "nngp_fn"});
  EXPECT_EQ(report.with("failure"), Names{"nngp_fn"});
}

TEST(Faults, WhatIsWrongTowardsTheEndOfARangeIsAFinding) {
  const Report integer(plugin("parabola_integer"), {"--check", "nngp_fn"});
  EXPECT_THAT(integer.message("nngp_fn"), HasSubstr("Parabola(b=1.0, c=0.0, n="))
      << integer.all.dump(2);
  EXPECT_EQ(integer.with("failure"), Names{"nngp_fn"});
  const Report number(plugin("parabola_number"), {"--check", "nngp_fn"});
  EXPECT_THAT(number.message("nngp_fn"), HasSubstr("Parabola(b=7.3, c=0.0, n=1)"));
  EXPECT_EQ(number.with("failure"), Names{"nngp_fn"});
}

// ---- d_nngp_fn at variance 0

TEST(Faults, ADerivativeThatIsWrongAtVariance0IsAFinding) {
  for (const char* fault : {"nan", "wrong", "unknown"}) {
    const Report report(plugin(std::string("parabola_") + fault), {"--check", "zero_variance"});
    EXPECT_EQ(report.with("failure"), Names{"zero_variance"}) << fault;
    EXPECT_THAT(report.message("zero_variance"), HasSubstr("): d_nngp_fn: error ")) << fault;
  }
}

TEST(Faults, ADerivativeAloneIsAFindingAndOfNoUse) {
  const std::string file = plugin("parabola_derivative");
  const Report report(file, {"--check", "table"});
  EXPECT_EQ(report.message("table"), "Parabola: it offers neither fn nor nngp_fn");
  const Outcome shown = run_nngp({"plugins", "show", "Parabola", "--plugin", file});
  EXPECT_THAT(shown.out, HasSubstr("\n  nngp_fn    not offered\n"));
  EXPECT_THAT(shown.out, HasSubstr("\n  d_nngp_fn  written by the author, not used without nngp_fn\n"));
  const Outcome values = run_nngp(
      {"eval", "Parabola(b=2)", "--cov12", "0.5", "--var1", "1", "--var2", "1", "--plugin", file});
  EXPECT_EQ(values.code, 1);
  EXPECT_EQ(values.out, "");
  EXPECT_EQ(values.err,
            "nngp: Parabola(b=2.0, c=0.0, n=1) has neither fn nor nngp_fn: its plugin must "
            "offer one of them\n");
}

// ---- Exported symbols

TEST(Faults, ExportedSymbolsComeWithAdvice) {
  const auto message = [](const char* name) {
    return Report(plugin(name), {"--check", "exports"}).message("exports");
  };
  EXPECT_THAT(message("broken_exports"), testing::EndsWith("; compile with -fvisibility=hidden"));
  EXPECT_THAT(message("exports_cpp"),
              testing::EndsWith("; compile with -fvisibility=hidden -fvisibility-inlines-hidden"));
  EXPECT_THAT(message("exports_runtime"), testing::EndsWith("link with -Wl,--exclude-libs,ALL"));
}

TEST(Faults, NothingIsExportedWithTheFlagsOfPkgConfig) {
  const TemporaryFolder folder;
  const std::string library = (folder / "plugin.so").string();
  const auto flags = [](const std::string& name) {
    return "$(sed -n 's/^" + name + "=//p' " NNGP_TEST_SDK_FLAGS ")";
  };
  const Outcome built =
      Process({"/bin/sh", "-c",
               NNGP_TEST_CXX " " + flags("cxx_flags") + " -O0 " + flags("plugin_flags") +
                   " -I " NNGP_TEST_SDK " " NNGP_TEST_PLUGIN_SOURCE " -o " + library},
              {})
          .wait();
  ASSERT_EQ(built.code, 0) << built.err;
  EXPECT_EQ(Report(library, {"--check", "exports"}).message("exports"),
            "nothing but nngp_plugin_entry");
}

TEST(Faults, AHangIsAFinding) {
  const Report report(plugin("broken_hang"), {"--check", "diagonal", "--time-limit", "0.5"});
  EXPECT_EQ(report.message("diagonal"), "did not come to an end within 0.5 s");
  EXPECT_EQ(report.code, 1);
}

TEST(Faults, AStackOverflowIsAFinding) {
  const Report report(plugin("broken_stack_overflow"), {"--check", "diagonal"});
  EXPECT_THAT(report.message("diagonal"), HasSubstr("stack overflow"));
}

TEST(Faults, AnExceptionIsAFinding) {
  const Report report(plugin("throws"), {"--check", "parameters"});
  EXPECT_EQ(report.message("parameters"), "an exception left a function: no instance today");
  const Report kernel(plugin("throws_in_nngp_fn"));
  ASSERT_EQ(kernel.with("failure").count("environment"), 1u);
  for (const json& finding : kernel.all["findings"]) {
    if (finding["status"] != "failure") continue;
    EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("no kernel today")) << finding;
  }
}

TEST(Faults, CrashesWhileLoadingAreFindings) {
  EXPECT_EQ(Report(plugin("broken_load")).message("load"), "crashed by segmentation fault (SIGSEGV)");
  EXPECT_THAT(Report(plugin("broken_load_exit")).message("load"),
              HasSubstr("ended the process with exit code"));
  EXPECT_THAT(Report(plugin("broken_unload")).message("load"), HasSubstr("(SIGTERM)"));
}

TEST(Faults, MemoryIsLimited) {
  const Report report(plugin("broken_memory"), {"--check", "diagonal", "--memory-limit", "512"});
#ifdef NNGP_SANITIZED
  const char* const end = "ended the process";  // the sanitizer's malloc does
#else
  const char* const end = "(SIGABRT)";
#endif
  EXPECT_THAT(report.message("diagonal"), HasSubstr(end));
}

}  // namespace
