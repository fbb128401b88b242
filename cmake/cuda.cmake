# The CUDA plug-in: every .cu file beside its host twin, in one shared object that exports one symbol.
# No contraction of a * b + c, so that formulas give the bits of the host.

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90)
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
file(GLOB cuda_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*/*.cu)
add_library(athanor_cuda MODULE ${cuda_sources})
target_include_directories(athanor_cuda PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/include
                           ${CMAKE_CURRENT_SOURCE_DIR}/src)
target_compile_options(athanor_cuda PRIVATE -fmad=false --extra-device-vectorization
                       -Xcompiler=-Wall,-Wextra,-fvisibility=hidden)
set_target_properties(athanor_cuda PROPERTIES
    CUDA_VISIBILITY_PRESET hidden
    CUDA_RUNTIME_LIBRARY Static
    POSITION_INDEPENDENT_CODE ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
target_link_options(athanor_cuda PRIVATE -Wl,--no-undefined)
install(TARGETS athanor_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
