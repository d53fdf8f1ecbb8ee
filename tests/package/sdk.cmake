# Installs the SDK alone, configured without any other package, and builds with it, as projects of their own:
# the examples, what `nngp plugins new` writes, and one plugin through pkg-config. COMMAND_FILE is the
# nngp command, which checks all of them; ROOT the source, FOLDER where it is done, GENERATOR as CMake's.
function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# The project's own tests need no nngp command, but take it if it is installed.
function(build_and_check project library)  # and options of CMake's
  run(${CMAKE_COMMAND} -S ${project} -B ${project}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DPython3_EXECUTABLE=${PYTHON} -DRUSTC=${RUSTC} ${ARGN})
  run(${CMAKE_COMMAND} --build ${project}/build)
  run(${CMAKE_CTEST_COMMAND} --test-dir ${project}/build)
  run(${COMMAND_FILE} plugins check ${project}/build/lib${library}.so)
endfunction()

# What is written twice is the same.
file(READ ${ROOT}/sdk/README.md readme)
file(READ ${ROOT}/sdk/examples/bump/bump.cpp bump)
string(FIND "${readme}" "${bump}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "sdk/README.md does not show sdk/examples/bump/bump.cpp")
endif()
foreach(example quadratic cubic ripple logcosh)
  run(${CMAKE_COMMAND} -E compare_files ${ROOT}/sdk/examples/bump/test.c ${ROOT}/sdk/examples/${example}/test.c)
endforeach()

file(REMOVE_RECURSE ${FOLDER})
set(prefix "${FOLDER}/a prefix")
foreach(package Boost Eigen3 fmt TBB nlohmann_json)
  list(APPEND without -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
run(${CMAKE_COMMAND} -S ${ROOT} -B ${FOLDER}/sdk -G ${GENERATOR} -DNNGP_SDK_ONLY=ON ${without})
run(${CMAKE_COMMAND} --install ${FOLDER}/sdk --component sdk --prefix ${FOLDER}/installed)
file(RENAME ${FOLDER}/installed ${prefix})  # moved, as a package or an archive is

# Links between installed documents lead somewhere.
file(GLOB_RECURSE documents ${prefix}/share/doc/nngp/*.md)
foreach(document IN LISTS documents)
  cmake_path(GET document PARENT_PATH folder)
  file(READ ${document} text)
  string(REPLACE "](" "link(" text "${text}")  # brackets would hold list items together
  string(REGEX MATCHALL "link\\([^):#]+\\)" links "${text}")
  foreach(link IN LISTS links)
    string(REGEX REPLACE "^link.(.*).$" "\\1" link "${link}")
    if(NOT EXISTS ${folder}/${link})
      message(FATAL_ERROR "${document}: there is no ${link}")
    endif()
  endforeach()
endforeach()

file(COPY ${prefix}/share/doc/nngp/sdk/examples DESTINATION ${FOLDER})
foreach(example bump quadratic cubic ripple logcosh)
  build_and_check(${FOLDER}/examples/${example} ${example})
endforeach()
# clang inlines all that is called for an instruction set: no function of wide vectors is left but those that enter.
find_program(CLANG clang++)
if(CLANG)
  file(COPY ${prefix}/share/doc/nngp/sdk/examples/bump DESTINATION ${FOLDER}/clang)
  build_and_check(${FOLDER}/clang/bump bump -DCMAKE_CXX_COMPILER=${CLANG})
  run(nm --demangle ${FOLDER}/clang/bump/build/libbump.so)
  if(NOT output MATCHES "nngp::run_on<[^\n]*nngp::avx512" OR
     output MATCHES "nngp::(fma|operator.)\\(nngp::vec<")
    message(FATAL_ERROR "clang did not inline what computes with vectors:\n${output}")
  endif()
endif()
run(${COMMAND_FILE} eval Ripple --plugin ${FOLDER}/examples/ripple/build/libripple.so
  --cov12 0 --var1 1 --var2 1)
# E[J0(x)] = exp(-1/4) I0(1/4), squared.
if(NOT output MATCHES "0,1,1,0\\.6257081507995")
  message(FATAL_ERROR "E[J0(x)]^2 = 0.62570815079957..., not:\n${output}")
endif()

# From nothing to a checked activation, by the commands that an author types. Names are whatever they like,
# even one that C sources or linkers use themselves.
file(WRITE ${FOLDER}/author.sh [[
set -eu
cd "$FOLDER"
nngp plugins new "$@"
cd "$1"
cmake -B build "-DPython3_EXECUTABLE=$PYTHON" "-DRUSTC=$RUSTC" && cmake --build build
nngp plugins check "build/lib$1.so"
ctest --test-dir build
]])
cmake_path(GET COMMAND_FILE PARENT_PATH bin)
set(ENV{PATH} "${bin}:$ENV{PATH}")
set(ENV{CMAKE_PREFIX_PATH} "${prefix}")
set(ENV{FOLDER} ${FOLDER})
set(ENV{PYTHON} ${PYTHON})
set(ENV{RUSTC} ${RUSTC})
run(sh ${FOLDER}/author.sh dl --lang cpp)
run(sh ${FOLDER}/author.sh fn --lang c)
run(sh ${FOLDER}/author.sh Crab --lang rust)
run(sh ${FOLDER}/author.sh Old --lang fortran)
run(sh ${FOLDER}/author.sh snake_case --lang numba)

# Of formulas; core_formula_source_test compares many more.
run(sh ${FOLDER}/author.sh Steep --fn "a * erf(b * x)" --nngp-fn
  "a**2 * 2/pi * arcsin(2*b**2*cov12 / sqrt((1 + 2*b**2*var1) * (1 + 2*b**2*var2)))"
  --parameter a=1.5 --parameter b=0.7)
run(sh ${FOLDER}/author.sh Leaky --fn "where(x > 0, x, slope * x)" --parameter slope=0.25)
run(sh ${FOLDER}/author.sh Ramp --nngp-fn
  "(sqrt(var1*var2 - cov12**2) + (pi - arccos(cov12 / sqrt(var1*var2))) * cov12) / (2*pi)" --fn "relu(x)")

set(ENV{PKG_CONFIG_PATH} "${prefix}/share/pkgconfig")
file(WRITE ${FOLDER}/build.sh [[
set -eu
cd "$1"
eval "cc $(pkg-config --cflags nngp-sdk) $(pkg-config --variable=plugin_flags nngp-sdk) \
  examples/quadratic/quadratic.c -o libquadratic.so $(pkg-config --variable=plugin_libs nngp-sdk)"
eval "c++ $(pkg-config --cflags nngp-sdk) $(pkg-config --variable=cxx_flags nngp-sdk) \
  $(pkg-config --variable=plugin_flags nngp-sdk) \
  examples/bump/bump.cpp -o libbump.so $(pkg-config --variable=plugin_libs nngp-sdk)"
]])
run(sh ${FOLDER}/build.sh ${FOLDER})
run(${COMMAND_FILE} plugins check ${FOLDER}/libquadratic.so)
run(${COMMAND_FILE} plugins check ${FOLDER}/libbump.so)
file(REMOVE_RECURSE ${FOLDER})
