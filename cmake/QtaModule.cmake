# What every target is built with, and the functions that the folders' CMakeLists.txt use.

add_library(qta_options INTERFACE)
target_compile_definitions(qta_options INTERFACE _GNU_SOURCE)
target_compile_options(qta_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wnull-dereference
  -Wdouble-promotion -Wimplicit-fallthrough -Wno-format-truncation
  -fstack-protector-strong -fstack-clash-protection -fno-common
  $<$<BOOL:${QTA_WARNINGS_AS_ERRORS}>:-Werror>)
# gcc sees null dereferences in sanitized code that are not there
if(QTA_SANITIZE)
  target_compile_options(qta_options INTERFACE -Wno-null-dereference)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
  target_compile_options(qta_options INTERFACE -fcf-protection)
endif()
if(NOT QTA_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(qta_options INTERFACE _FORTIFY_SOURCE=2)
endif()
if(QTA_SANITIZE)
  add_compile_options(-fsanitize=${QTA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${QTA_SANITIZE})
endif()
if(QTA_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-Wl,-z,relro,-z,now)

# qta_module(NAME SOURCES file... [USES module...] [LINKS library...])
# One folder: an object library that sees the public headers, its own folder and those it USES.
function(qta_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LINKS" ${ARGN})
  set(target qta_${name})
  add_library(${target} OBJECT ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
  target_include_directories(${target} PUBLIC
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE qta_options)
  foreach(library IN LISTS arg_LINKS)
    target_link_libraries(${target} PRIVATE ${library})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY QTA_MODULES ${target})
  set_property(GLOBAL APPEND PROPERTY QTA_LINKS ${arg_LINKS})
endfunction()

# The library of all modules, shared (libqta.so) and static (libqta.a).
function(qta_library)
  get_property(modules GLOBAL PROPERTY QTA_MODULES)
  get_property(links GLOBAL PROPERTY QTA_LINKS)
  list(REMOVE_DUPLICATES links)
  set(objects "")
  foreach(module IN LISTS modules)
    list(APPEND objects $<TARGET_OBJECTS:${module}>)
  endforeach()
  foreach(kind shared static)
    string(TOUPPER ${kind} upper)
    set(target qta_${kind})
    add_library(${target} ${upper} ${objects})
    add_library(qta::${target} ALIAS ${target})
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    set_target_properties(${target} PROPERTIES
      OUTPUT_NAME qta VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
      LINKER_LANGUAGE C)
    foreach(library IN LISTS links)
      target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}>)
    endforeach()
    target_link_libraries(${target} PRIVATE Threads::Threads m)
  endforeach()
endfunction()

# qta_program(NAME SOURCES file...): a program that links the shared library as a stranger would,
# and shares with the others what tools/ has for command lines.
function(qta_program name)
  cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
  add_executable(${name} ${arg_SOURCES}
    ${PROJECT_SOURCE_DIR}/tools/log_repeats.c
    ${PROJECT_SOURCE_DIR}/tools/option_table.c
    ${PROJECT_SOURCE_DIR}/tools/program.c
    ${PROJECT_SOURCE_DIR}/tools/service_manager.c)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE qta_shared qta_options Threads::Threads)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin INSTALL_RPATH "$ORIGIN/${up}")
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# Headers, libraries, pkg-config file, CMake package, manual pages, configurations.
function(qta_install)
  include(CMakePackageConfigHelpers)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/qta DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
  install(TARGETS qta_shared qta_static EXPORT qta-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT qta-targets NAMESPACE qta:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qta)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/qta-config.cmake.in
    ${PROJECT_BINARY_DIR}/qta-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qta)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/qta-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/qta-config.cmake ${PROJECT_BINARY_DIR}/qta-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qta)
  file(RELATIVE_PATH QTA_PREFIX_FROM_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
    ${CMAKE_INSTALL_PREFIX})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/qta.pc.in ${PROJECT_BINARY_DIR}/qta.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/qta.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/man/*.[1-9])
  foreach(page IN LISTS pages)
    get_filename_component(section ${page} LAST_EXT)
    string(SUBSTRING ${section} 1 1 section)
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endforeach()
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/ DESTINATION ${CMAKE_INSTALL_DATADIR}/qta/config
    FILES_MATCHING PATTERN "*.yaml" PATTERN "grafana-dashboard.json")
  # Where systemd looks, whatever the distribution calls its library folder.
  configure_file(${PROJECT_SOURCE_DIR}/config/qta-record@.service.in
    ${PROJECT_BINARY_DIR}/qta-record@.service @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/qta-record@.service DESTINATION lib/systemd/system)
  install(FILES ${PROJECT_SOURCE_DIR}/config/qta.sysusers DESTINATION lib/sysusers.d
    RENAME qta.conf)
endfunction()

# Sets variable, if it is not set, to so many seconds; sanitized programs get ten times as long.
function(qta_timeout variable seconds)
  if(NOT ${variable})
    set(${variable} ${seconds})
  endif()
  if(QTA_SANITIZE)
    math(EXPR ${variable} "${${variable}} * 10")
  endif()
  set(${variable} ${${variable}} PARENT_SCOPE)
endfunction()

# qta_test(NAME SOURCES file... [LINKS library...] [TIMEOUT seconds])
# A cmocka program that may reach inside the library.
function(qta_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE qta_static qta_options PkgConfig::CMOCKA ${arg_LINKS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests-bin)
  add_test(NAME ${name} COMMAND ${name})
  qta_timeout(arg_TIMEOUT 120)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "QTA_SOURCE_DIR=${PROJECT_SOURCE_DIR};QTA_BINARY_DIR=${PROJECT_BINARY_DIR}")
endfunction()

# qta_script_test(NAME COMMAND command... [TIMEOUT seconds])
# A script that exits 0 when it passes and 77 when it has to be skipped; it finds the programs in
# $QTA_BINARY_DIR/bin and the sources in $QTA_SOURCE_DIR.
function(qta_script_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  qta_timeout(arg_TIMEOUT 300)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "QTA_SOURCE_DIR=${PROJECT_SOURCE_DIR};QTA_BINARY_DIR=${PROJECT_BINARY_DIR}")
endfunction()

# qta_bench(NAME SOURCES file... [LINKS library...])
# A benchmark that may reach inside the library; the tests run it with --quick to see that it works.
function(qta_bench name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE qta_static qta_options ${arg_LINKS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench-bin)
  add_test(NAME ${name} COMMAND ${name} --quick)
  set_tests_properties(${name} PROPERTIES TIMEOUT 120
    ENVIRONMENT "QTA_SOURCE_DIR=${PROJECT_SOURCE_DIR};QTA_BINARY_DIR=${PROJECT_BINARY_DIR}")
endfunction()
