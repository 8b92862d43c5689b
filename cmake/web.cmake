# generated/web_files.h: the files of src/web/ as bytes, each with a tag of its content.
# Included by the build for the rule below, and run by that rule with -DFILES and -DOUT.
if(CMAKE_SCRIPT_MODE_FILE)
  set(arrays "")
  set(rows "")
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} id)
    file(READ ${file} bytes HEX)
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 16 tag)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const unsigned char ${id}[] = {${bytes}};\n")
    string(APPEND rows "    {\"${name}\", {${id}, sizeof ${id}}, \"\\\"${tag}\\\"\"},\n")
  endforeach()
  file(WRITE ${OUT} "/* Made by cmake/web.cmake from src/web/. */
${arrays}
static const struct web_file web_files[] = {
${rows}};
")
  return()
endif()

file(GLOB WEB_FILES CONFIGURE_DEPENDS
     src/web/*.html src/web/*.css src/web/*.js src/web/*.svg)
set(WEB_FILES_HEADER ${CMAKE_BINARY_DIR}/generated/web_files.h)
add_custom_command(OUTPUT ${WEB_FILES_HEADER}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${WEB_FILES}" -DOUT=${WEB_FILES_HEADER}
          -P ${CMAKE_SOURCE_DIR}/cmake/web.cmake
  DEPENDS ${WEB_FILES} ${CMAKE_SOURCE_DIR}/cmake/web.cmake VERBATIM)
add_custom_target(web_files DEPENDS ${WEB_FILES_HEADER})
