# Installs the build NNGP_BUILD under FOLDER and builds and tests the project beside this file with it.
file(REMOVE_RECURSE ${FOLDER})
set(prefix "${FOLDER}/a prefix")
execute_process(COMMAND ${CMAKE_COMMAND} --install ${NNGP_BUILD} --prefix ${prefix}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
# Moved, as a package or an archive is.
file(RENAME ${prefix} "${FOLDER}/moved")
execute_process(
  COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_LIST_DIR} ${FOLDER}/build
    --build-generator ${GENERATOR} --build-options -DCMAKE_PREFIX_PATH=${FOLDER}/moved ${OPTIONS}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure
  COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${FOLDER})
