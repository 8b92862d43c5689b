# generated/libraries.h: what the program is built against, for `aidetect version`.
find_file(DNNL_VERSION_HEADER oneapi/dnnl/dnnl_version.h)
set(ONEDNN_VERSION unknown)
if(DNNL_VERSION_HEADER)
  file(STRINGS ${DNNL_VERSION_HEADER} lines REGEX "#define DNNL_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
  string(REPLACE ";" "." ONEDNN_VERSION "${numbers}")
endif()
set(LIBRARY_ROWS "    {\"onednn\", \"${ONEDNN_VERSION}\"},\n")
foreach(row libjpeg=JPEG libpng=PNG libwebp=WEBP_libwebp jansson=JANSSON libyaml=YAML
            libcrypto=CRYPTO libmicrohttpd=MICROHTTPD libcurl=CURL sqlite=SQLITE libpq=POSTGRES)
  string(REGEX REPLACE "=.*" "" name ${row})
  string(REGEX REPLACE ".*=" "" variable ${row})
  string(APPEND LIBRARY_ROWS "    {\"${name}\", \"${${variable}_VERSION}\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/libraries.h CONTENT
"/* Made by cmake/libraries.cmake. */
static const struct {
    const char *name, *version;
} libraries[] = {
${LIBRARY_ROWS}};
")
