# Warnings, hardening and sanitizers for every target.
add_compile_definitions(_POSIX_C_SOURCE=200809L)
# MAP_ANONYMOUS, madvise, cpu_supports: glibc hides them from strict POSIX.
add_compile_definitions(_DEFAULT_SOURCE)
add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
  -Wmissing-prototypes 
  -Wcast-qual
  -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2
  -Wundef -fno-common -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-format-truncation) # clang does not know it
endif()
if(AIDETECT_WERROR)
  add_compile_options(-Werror)
endif()
add_link_options(-Wl,-z,relro,-z,now)
if(AIDETECT_SANITIZE)
  add_compile_options(-fsanitize=${AIDETECT_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${AIDETECT_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(AIDETECT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
