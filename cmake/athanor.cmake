# Helpers of the build: modules, kernel files per instruction set, the library, tests.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
find_package(Threads REQUIRED)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

# 3 needs gcc 12 or clang 15 with its C library; 2 is what older ones have.
set(ATH_FORTIFY 3)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 15)
    set(ATH_FORTIFY 2)
endif()

# Bits must not depend on the compiler: no contraction, no fast math anywhere.
add_library(ath_flags INTERFACE)
target_compile_definitions(ath_flags INTERFACE _GNU_SOURCE
    ATH__LIBDIR="${CMAKE_INSTALL_FULL_LIBDIR}") # where plug-ins are installed
target_compile_options(ath_flags INTERFACE
    -ffp-contract=off -fopenmp-simd -fno-math-errno -fno-trapping-math
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wno-sign-conversion)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ath_flags INTERFACE -Wno-psabi)
else()
    target_compile_options(ath_flags INTERFACE -Wno-pass-failed)
endif()
if(ATH_WERROR)
    target_compile_options(ath_flags INTERFACE -Werror)
endif()
if(ATH_SANITIZE)
    target_compile_options(ath_flags INTERFACE -fsanitize=${ATH_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(ath_flags INTERFACE -fsanitize=${ATH_SANITIZE})
endif()
target_include_directories(ath_flags INTERFACE
    ${CMAKE_CURRENT_SOURCE_DIR}/include ${CMAKE_CURRENT_SOURCE_DIR}/src)

# Hardening of everything that is not built with a sanitizer: checked library calls, canaries, stack
# pages touched in order, no code on the stack, branch targets, read-only relocations. None of it
# touches arithmetic. Kernels read no input and are left without what costs time in their loops.
add_library(ath_hardening INTERFACE)
if(NOT ATH_SANITIZE)
    target_compile_options(ath_hardening INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${ATH_FORTIFY}>
        -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow
        -fno-strict-aliasing -Wformat=2 -Wimplicit-fallthrough)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        target_compile_options(ath_hardening INTERFACE -fstack-clash-protection -fcf-protection=full)
    endif()
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(ath_hardening INTERFACE -ftrivial-auto-var-init=zero -Wtrampolines
                               -Wbidi-chars=any)
    endif()
    add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# Sanitizers take minutes over optimised vector code; the bits are the same without.
set(ATH_KERNEL_LEVEL -O3)
if(ATH_SANITIZE)
    set(ATH_KERNEL_LEVEL -O1)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(ath_flags INTERFACE -Wno-maybe-uninitialized) # false ones
    endif()
endif()

# Instruction sets of *_kernel.c files: name and flags. The first is the build's own baseline.
set(ATH_ISAS base)
set(ATH_ISA_FLAGS_base "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND ATH_ISAS v3 v4)
    set(ATH_ISA_FLAGS_v3 -march=x86-64-v3)
    set(ATH_ISA_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
    target_compile_definitions(ath_flags INTERFACE ATH__X86=1)
endif()

# ath_module(name): an object library of src/name/*.c and src/name/*/*.c, each *_kernel.c once per instruction set.
function(ath_module name)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*.c
         ${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*/*.c)
    set(kernels ${sources})
    list(FILTER kernels INCLUDE REGEX "_kernel\\.c$")
    list(FILTER sources EXCLUDE REGEX "_kernel\\.c$")
    set(objects)
    if(sources)
        add_library(ath_${name} OBJECT ${sources})
        target_link_libraries(ath_${name} PRIVATE ath_flags ath_hardening)
        list(APPEND objects $<TARGET_OBJECTS:ath_${name}>)
    endif()
    if(kernels)
        foreach(isa ${ATH_ISAS})
            add_library(ath_${name}_${isa} OBJECT ${kernels})
            target_link_libraries(ath_${name}_${isa} PRIVATE ath_flags)
            target_compile_definitions(ath_${name}_${isa} PRIVATE ATH__ISA=${isa})
            target_compile_options(ath_${name}_${isa} PRIVATE ${ATH_KERNEL_LEVEL}
                                   ${ATH_ISA_FLAGS_${isa}})
            list(APPEND objects $<TARGET_OBJECTS:ath_${name}_${isa}>)
        endforeach()
    endif()
    set_property(GLOBAL APPEND PROPERTY ATH_OBJECTS ${objects})
endfunction()

# The library: athanor (shared), athanor_static (static, also for tests, which see private names).
function(ath_library)
    get_property(objects GLOBAL PROPERTY ATH_OBJECTS)
    add_library(athanor SHARED ${objects})
    add_library(athanor_static STATIC ${objects})
    foreach(target athanor athanor_static)
        target_include_directories(${target} INTERFACE
            $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        target_link_libraries(${target} PUBLIC Threads::Threads m ${CMAKE_DL_LIBS})
        if(ATH_SANITIZE)
            target_link_options(${target} PUBLIC -fsanitize=${ATH_SANITIZE})
        endif()
        set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
    endforeach()
    set_target_properties(athanor PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
    set_target_properties(athanor_static PROPERTIES OUTPUT_NAME athanor)
    install(TARGETS athanor athanor_static EXPORT athanorTargets)
    install(DIRECTORY include/athanor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT athanorTargets NAMESPACE athanor::
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/athanor)
    configure_package_config_file(cmake/athanorConfig.cmake.in
        ${CMAKE_CURRENT_BINARY_DIR}/athanorConfig.cmake
        INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/athanor)
    write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/athanorConfigVersion.cmake
        COMPATIBILITY SameMinorVersion)
    # Relative to the .pc file, so that an install can be moved (cmake --install --prefix).
    file(RELATIVE_PATH ATH_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" ATH_PC_PREFIX "${ATH_PC_PREFIX}")
    configure_file(cmake/athanor.pc.in ${CMAKE_CURRENT_BINARY_DIR}/athanor.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/athanorConfig.cmake
                  ${CMAKE_CURRENT_BINARY_DIR}/athanorConfigVersion.cmake
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/athanor)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/athanor.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# ath_test(name SOURCES ... LABELS ... ARGS ...): a cmocka program against the static library.
function(ath_test name)
    cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LABELS;ARGS;LIBRARIES" ${ARGN})
    if(NOT T_SOURCES)
        set(T_SOURCES ${name}.c)
    endif()
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 300)
    endif()
    if(ATH_SANITIZE)
        math(EXPR T_TIMEOUT "4 * ${T_TIMEOUT}")
    endif()
    add_executable(${name} ${T_SOURCES} ${PROJECT_SOURCE_DIR}/tests/asserted.c)
    target_link_libraries(${name} PRIVATE ath_flags athanor_static ${T_LIBRARIES} cmocka)
    foreach(kind true int_equal int_not_equal string_equal memory_equal) # counted in asserted.c
        target_link_options(${name} PRIVATE -Wl,--wrap=_assert_${kind})
    endforeach()
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${name} PRIVATE
        ATH_REFERENCE_DATA="${ATH_REFERENCE_DATA}" ATH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
    set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT}
                         SKIP_RETURN_CODE 77)
endfunction()
