# The Debian package: what is installed where, and CPack's description of it. scripts/package makes
# it. Manual pages and completion are made by the program itself.
set(made ${CMAKE_BINARY_DIR}/package-files)
set(made_files)
foreach(language en ja)
  file(MAKE_DIRECTORY ${made}/${language})
  add_custom_command(OUTPUT ${made}/${language}/sekimori.1.gz
    COMMAND sh -c "'$<TARGET_FILE:sekimori>' manual man --lang ${language} | gzip -9n >sekimori.1.gz"
    WORKING_DIRECTORY ${made}/${language} DEPENDS sekimori VERBATIM)
  list(APPEND made_files ${made}/${language}/sekimori.1.gz)
endforeach()
add_custom_command(OUTPUT ${made}/completion
  COMMAND sh -c "'$<TARGET_FILE:sekimori>' manual bash --lang en >'${made}/completion'"
  DEPENDS sekimori ${made}/en/sekimori.1.gz VERBATIM)
add_custom_target(package_files DEPENDS ${made_files} ${made}/completion)

set(from ${CMAKE_SOURCE_DIR}/packaging)
install(TARGETS sekimori RUNTIME DESTINATION bin)
install(FILES ${from}/systemd/sekimori.service ${from}/systemd/sekimori-helper.service
  DESTINATION lib/systemd/system)
install(FILES ${from}/sekimori.sysusers DESTINATION lib/sysusers.d RENAME sekimori.conf)
install(FILES ${from}/sekimori.tmpfiles DESTINATION lib/tmpfiles.d RENAME sekimori.conf)
install(FILES ${from}/sekimori.logrotate DESTINATION /etc/logrotate.d RENAME sekimori)
install(FILES ${from}/sekimori.example.toml ${CMAKE_SOURCE_DIR}/README.md
  ${CMAKE_SOURCE_DIR}/README.ja.md DESTINATION share/doc/sekimori)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/sekimori RENAME copyright)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/operate DESTINATION share/doc/sekimori)
install(FILES ${made}/en/sekimori.1.gz DESTINATION share/man/man1)
install(FILES ${made}/ja/sekimori.1.gz DESTINATION share/man/ja/man1)
install(FILES ${made}/completion DESTINATION share/bash-completion/completions RENAME sekimori)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sekimori)
set(CPACK_PACKAGE_CONTACT "Sekimori maintainers <maintainers@sekimori.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "guard against hijacked mailboxes for Postfix and Dovecot")
set(CPACK_PACKAGE_DESCRIPTION
  "Sees mailboxes that were taken over, stops what goes out of them, tells those concerned and walks \
the owner back. Begins by watching only; sekimori attach puts it in front of a running mail server.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# For sysusers and tmpfiles.
set(CPACK_DEBIAN_PACKAGE_DEPENDS systemd)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
  "postfix (>= 3.4), postfix-sqlite, dovecot-core (>= 1:2.3), dovecot-sqlite")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "geoipupdate, rsyslog")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${from}/debian/postinst;${from}/debian/prerm;\
${from}/debian/postrm;${from}/debian/conffiles")
include(CPack)
