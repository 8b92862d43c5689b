# make install and packagers: program, library, headers, pkg-config file, model, manual page,
# completion.
configure_file(cmake/aidetect.pc.in aidetect.pc @ONLY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/aidetect.1 ${CMAKE_BINARY_DIR}/aidetect.bash
  COMMAND aidetect --man > ${CMAKE_BINARY_DIR}/aidetect.1
  COMMAND aidetect --completion > ${CMAKE_BINARY_DIR}/aidetect.bash
  DEPENDS aidetect VERBATIM)
add_custom_target(manual ALL
  DEPENDS ${CMAKE_BINARY_DIR}/aidetect.1 ${CMAKE_BINARY_DIR}/aidetect.bash)

# Components: "runtime" is the program and what it reads, the default one is for other programs.
# DESTDIR goes before everything; CMAKE_INSTALL_PREFIX is /usr/local unless told.
install(TARGETS aidetect RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(TARGETS aidetect_static aidetect_shared DESTINATION ${CMAKE_INSTALL_LIBDIR})
# The boundary and what its headers need; programs write #include "detect/detect.h".
install(FILES src/detect/detect.h src/detect/explain.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/aidetect/detect)
install(FILES src/base/base.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/aidetect/base)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/aidetect/models COMPONENT runtime
        OPTIONAL)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.bash COMPONENT runtime
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME aidetect)
