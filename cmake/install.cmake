# make install and packagers: program, library, header, pkg-config file, model.
configure_file(cmake/aidetect.pc.in aidetect.pc @ONLY)
install(TARGETS aidetect RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS aidetect_static aidetect_shared DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES src/detect/detect.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/aidetect)
install(FILES ${CMAKE_BINARY_DIR}/aidetect.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/aidetect/models)
