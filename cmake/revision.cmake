# generated/revision.h holds the git revision; rewritten only when it changes.
set(REVISION_SCRIPT ${CMAKE_BINARY_DIR}/revision_script.cmake)
file(WRITE ${REVISION_SCRIPT} "
execute_process(COMMAND git describe --always --dirty --abbrev=12
                WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE REVISION
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT \"${AIDETECT_REVISION}\" STREQUAL \"\")
  set(REVISION \"${AIDETECT_REVISION}\")
endif()
if(NOT REVISION)
  set(REVISION unknown)
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/revision.h CONTENT
\"#define AIDETECT_VERSION \\\"${PROJECT_VERSION}\\\"\\n#define AIDETECT_REVISION \\\"\${REVISION}\\\"\\n\")
")
add_custom_target(revision BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/revision.h
                  COMMAND ${CMAKE_COMMAND} -P ${REVISION_SCRIPT})
