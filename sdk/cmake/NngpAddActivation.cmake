# nngp_clang_inlining(VARIABLE): what clang needs to inline all that is called for an instruction set, as GCC does by
# itself (nngp/detail/isa.hpp).
function(nngp_clang_inlining variable)
  set(${variable} "-mllvm -inline-threshold=1000000 -mllvm -inline-cold-callsite-threshold=1000000 \
-mllvm -locally-hot-callsite-threshold=1000000" PARENT_SCOPE)
endfunction()

# nngp_add_activation(NAME SOURCES file...)
#
# Builds the shared library libNAME.so with one or more activations: hidden visibility, and nothing linked but
# the runtime of its languages, which are C, C++ and, with a table in C, any that CMake compiles.
function(nngp_add_activation name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "nngp_add_activation(${name}): give SOURCES")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE nngp::sdk -lm)
  set_target_properties(${name} PROPERTIES
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  # Products and sums are fused only where the source says so: results then do not depend on how the
  # compiler arranged a loop, nor on which outputs were asked for.
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize" AND NOT NNGP_SANITIZE)  # instrumented, that would take minutes
    nngp_clang_inlining(inlining)
    target_compile_options(${name} PRIVATE
      "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-DNNGP_INLINED ${inlining}>")
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
endfunction()
