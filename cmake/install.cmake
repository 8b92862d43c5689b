# make install and packagers: program, library, headers, pkg-config file, model, manual page,
# completion.
configure_file(cmake/aidetect.pc.in aidetect.pc @ONLY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/aidetect.1 ${CMAKE_BINARY_DIR}/aidetect.bash
  COMMAND aidetect --man > ${CMAKE_BINARY_DIR}/aidetect.1
  COMMAND aidetect --completion > ${CMAKE_BINARY_DIR}/aidetect.bash
  DEPENDS aidetect VERBATIM)
add_custom_target(manual ALL
  DEPENDS ${CMAKE_BINARY_DIR}/aidetect.1 ${CMAKE_BINARY_DIR}/aidetect.bash)

install(TARGETS aidetect RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS aidetect_static aidetect_shared DESTINATION ${CMAKE_INSTALL_LIBDIR})
# What detect.h needs and nothing else; programs write #include "detect/detect.h".
install(FILES src/detect/detect.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/aidetect/detect)
install(FILES src/base/base.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/aidetect/base)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/aidetect/models OPTIONAL)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME aidetect)
