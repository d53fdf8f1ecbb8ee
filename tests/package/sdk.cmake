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
function(build_and_check project library)
  run(${CMAKE_COMMAND} -S ${project} -B ${project}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix})
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
run(${CMAKE_COMMAND} -E compare_files ${ROOT}/sdk/examples/bump/test.c ${ROOT}/sdk/examples/quadratic/test.c)

file(REMOVE_RECURSE ${FOLDER})
set(prefix "${FOLDER}/a prefix")
foreach(package Boost Eigen3 fmt TBB nlohmann_json)
  list(APPEND without -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
run(${CMAKE_COMMAND} -S ${ROOT} -B ${FOLDER}/sdk -G ${GENERATOR} -DNNGP_SDK_ONLY=ON ${without})
run(${CMAKE_COMMAND} --install ${FOLDER}/sdk --component sdk --prefix ${FOLDER}/installed)
file(RENAME ${FOLDER}/installed ${prefix})  # moved, as a package or an archive is

file(COPY ${prefix}/share/doc/nngp/sdk/examples DESTINATION ${FOLDER})
foreach(example bump quadratic bessel)
  build_and_check(${FOLDER}/examples/${example} ${example})
endforeach()
run(${COMMAND_FILE} eval BesselJ0 --plugin ${FOLDER}/examples/bessel/build/libbessel.so
  --cov12 0 --var1 1 --var2 1)
# E[J0(x)] = exp(-1/4) I0(1/4), squared.
if(NOT output MATCHES "0,1,1,0\\.6257081507995")
  message(FATAL_ERROR "E[J0(x)]^2 = 0.62570815079957..., not:\n${output}")
endif()

# From nothing to a checked activation, by the commands that an author types. Names are whatever they like,
# even one that C sources use themselves.
file(WRITE ${FOLDER}/author.sh [[
set -eu
cd "$1"
nngp plugins new "$2" --lang "$3"
cd "$2"
cmake -B build && cmake --build build
nngp plugins check "build/lib$2.so"
ctest --test-dir build
]])
cmake_path(GET COMMAND_FILE PARENT_PATH bin)
set(ENV{PATH} "${bin}:$ENV{PATH}")
set(ENV{CMAKE_PREFIX_PATH} "${prefix}")
run(sh ${FOLDER}/author.sh ${FOLDER} Swish cpp)
run(sh ${FOLDER}/author.sh ${FOLDER} fn c)

set(ENV{PKG_CONFIG_PATH} "${prefix}/share/pkgconfig")
file(WRITE ${FOLDER}/build.sh [[
set -eu
cd "$1"
eval "cc $(pkg-config --cflags nngp-sdk) $(pkg-config --variable=plugin_flags nngp-sdk) \
  examples/quadratic/quadratic.c -o libquadratic.so $(pkg-config --variable=plugin_libs nngp-sdk)"
]])
run(sh ${FOLDER}/build.sh ${FOLDER})
run(${COMMAND_FILE} plugins check ${FOLDER}/libquadratic.so)
file(REMOVE_RECURSE ${FOLDER})
