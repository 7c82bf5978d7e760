# Build rules shared by every folder: one library a folder, tests and fuzzers beside the code.
#
#   sekimori_library(wire DEPS base LINKS Boost::json)
#
# takes every *.cc of the folder except *_test.cc, *_fuzz.cc and *_bench.cc, makes the library
# sekimori_wire, the test program wire_test from *_test.cc, and (with SEKIMORI_FUZZ) one fuzzer from
# each *_fuzz.cc. A folder links only what DEPS names, so a wrong include does not link;
# scripts/checks/layers.py holds the includes to the table in ARCHITECTURE.md.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS system json url container)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(libarchive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(maxminddb REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(nftables REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(gmime REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(crypt REQUIRED IMPORTED_TARGET libxcrypt)
find_path(SOCI_INCLUDE_DIR soci/soci.h REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE soci_sqlite3 REQUIRED)
find_library(SOCI_POSTGRESQL soci_postgresql REQUIRED)
find_library(SOCI_MYSQL soci_mysql REQUIRED)
add_library(soci INTERFACE)
target_include_directories(soci SYSTEM INTERFACE ${SOCI_INCLUDE_DIR} ${SOCI_INCLUDE_DIR}/soci)
target_link_libraries(soci INTERFACE
  ${SOCI_SQLITE} ${SOCI_POSTGRESQL} ${SOCI_MYSQL} ${SOCI_CORE} SQLite::SQLite3)

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(sekimori_options INTERFACE)
target_include_directories(sekimori_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sekimori_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Werror=return-type -Werror=unused-result -fno-omit-frame-pointer)
# g++ 12 warns of overlapping copies in "literal" + std::string, where there are none (GCC PR105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(sekimori_options INTERFACE -Wno-restrict)
endif()
# Assertions stay on in production: they guard against our own bugs and no wire byte can reach them.
target_compile_definitions(sekimori_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
if(SEKIMORI_SANITIZE)
  target_compile_options(sekimori_options INTERFACE
    -fsanitize=${SEKIMORI_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sekimori_options INTERFACE -fsanitize=${SEKIMORI_SANITIZE})
  if(SEKIMORI_SANITIZE MATCHES undefined)
    # SOCI's library keeps the type information of its classes to itself, which this check wants.
    target_compile_options(sekimori_options INTERFACE -fno-sanitize=vptr)
  endif()
endif()
if(SEKIMORI_FUZZ)
  # Coverage of the libraries, or the fuzzers would steer by their own few lines.
  target_compile_options(sekimori_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

if(SEKIMORI_TESTS)
  find_package(GTest REQUIRED)
  enable_testing()
  include(GoogleTest)
endif()

function(sekimori_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  file(GLOB benches CONFIGURE_DEPENDS *_bench.cc)
  if(tests OR fuzzers OR benches)
    list(REMOVE_ITEM sources ${tests} ${fuzzers} ${benches})
  endif()
  if(sources)
    add_library(sekimori_${name} STATIC ${sources})
    set(visibility PUBLIC)
  else()
    add_library(sekimori_${name} INTERFACE)
    set(visibility INTERFACE)
  endif()
  target_link_libraries(sekimori_${name} ${visibility} sekimori_options ${ARG_LINKS})
  foreach(dep ${ARG_DEPS})
    target_link_libraries(sekimori_${name} ${visibility} sekimori_${dep})
  endforeach()
  if(SEKIMORI_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE
      sekimori_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE SEKIMORI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${name}_test COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT ${SEKIMORI_TEST_TIMEOUT_S})
  endif()
  if(SEKIMORI_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(stem ${fuzzer} NAME_WE)
      add_executable(${name}_${stem} ${fuzzer})
      target_compile_options(${name}_${stem} PRIVATE -fsanitize=fuzzer)
      target_link_options(${name}_${stem} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(${name}_${stem} PRIVATE sekimori_${name})
    endforeach()
  endif()
endfunction()
