# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# The rooms of the house and what each may use. This table is the architecture: CMake builds from
# it, and tests/rooms checks every #include against it. The order is a DAG, top to bottom.

set(TESSERA_ROOMS
    core plan certificate milp cluster tensor graph numerics onnx litert keras data runtime
    network calibrate quantize compat refine evaluate profile noise placement optimize report cli kernels)
# Of these, what is a shared library of its own (cmake/<name>.cmake) and no part of the program.
set(TESSERA_LIBRARY_ROOMS kernels)

set(TESSERA_ROOM_core_USES)
set(TESSERA_ROOM_plan_USES core)
set(TESSERA_ROOM_certificate_USES core)
set(TESSERA_ROOM_milp_USES plan core)
set(TESSERA_ROOM_cluster_USES core)
set(TESSERA_ROOM_tensor_USES core)
set(TESSERA_ROOM_graph_USES tensor core)
set(TESSERA_ROOM_numerics_USES tensor core)
set(TESSERA_ROOM_onnx_USES graph tensor core)
set(TESSERA_ROOM_litert_USES graph tensor core)
set(TESSERA_ROOM_keras_USES onnx tensor core)
set(TESSERA_ROOM_data_USES tensor core)
set(TESSERA_ROOM_runtime_USES tensor core)
set(TESSERA_ROOM_network_USES data runtime onnx litert keras graph tensor core)
set(TESSERA_ROOM_calibrate_USES network data runtime numerics graph core)
set(TESSERA_ROOM_quantize_USES calibrate network runtime numerics onnx litert graph tensor core)
set(TESSERA_ROOM_compat_USES quantize calibrate network numerics onnx graph tensor core)
set(TESSERA_ROOM_refine_USES
    quantize calibrate network data runtime numerics onnx graph tensor core)
set(TESSERA_ROOM_evaluate_USES quantize calibrate network runtime data graph tensor core)
set(TESSERA_ROOM_profile_USES
    plan evaluate quantize calibrate network runtime data graph core)
set(TESSERA_ROOM_noise_USES
    plan evaluate quantize calibrate network runtime data keras onnx graph tensor core)
set(TESSERA_ROOM_placement_USES noise profile quantize graph milp certificate cluster plan core)
set(TESSERA_ROOM_optimize_USES
    noise profile evaluate refine quantize calibrate network runtime data graph core)
set(TESSERA_ROOM_report_USES placement cluster optimize noise profile evaluate graph core)
set(TESSERA_ROOM_cli_USES
    report optimize placement noise profile evaluate refine compat quantize calibrate network runtime
    data keras numerics graph tensor milp certificate cluster core)
set(TESSERA_ROOM_kernels_USES)

# Doors that hold records and what is computed from them alone: tests/rooms checks that they include
# nothing else but the rooms below, so that who plans by them parses no runtime and no file format.
set(TESSERA_RECORD_ROOMS core plan cluster tensor graph numerics)
set(TESSERA_RECORDS
    runtime/record.h runtime/fields.h calibrate/ranges.h quantize/scheme.h quantize/assignment.h
    quantize/recipe.h quantize/fields.h refine/report.h refine/fields.h evaluate/accuracy.h
    evaluate/race.h evaluate/measurement.h evaluate/fields.h profile/units.h
    profile/latency_model.h profile/record.h profile/fields.h profile/search.h profile/plan_costs.h noise/layer_set.h
    noise/sweep.h noise/observations.h noise/subset_file.h noise/scores.h noise/model.h
    noise/rank.h noise/fields.h optimize/record.h optimize/fields.h
    placement/record.h)

# Headers of third parties and who may include them: "<regex> <who>...", the first match counts.
# `who` is a room, `everywhere` (any .cc and private header), or `doors`: only those may stand in a
# door, since every user of the library has to parse what a door includes.
set(TESSERA_THIRD_PARTY
    "^tl/expected\\.hpp$ doors core kernels"
    "^fmt/core\\.h$ doors everywhere"
    "^nlohmann/json_fwd\\.hpp$ doors everywhere"
    "^fmt/ everywhere"
    "^nlohmann/ everywhere"
    "^openssl/ core"
    "^re2/ core runtime"
    "^zlib\\.h$ tensor"
    "^hwy/ tensor numerics kernels"
    "^Eigen/ profile noise quantize refine"
    "^onnx/ onnx"
    "^google/protobuf/ onnx"
    "^flatbuffers/ litert"
    "^litert_generated\\.h$ litert"
    "^(turbojpeg|jpeglib|png)\\.h$ data"
    "^onnxruntime runtime kernels"
    "^dlfcn\\.h$ core runtime milp kernels"
    "^CLI/ cli")

# Every room reachable from `room`, itself first.
function(tessera_room_closure room out)
  set(closure ${room})
  foreach(used IN LISTS TESSERA_ROOM_${room}_USES)
    tessera_room_closure(${used} deeper)
    list(APPEND closure ${deeper})
  endforeach()
  list(REMOVE_DUPLICATES closure)
  set(${out} ${closure} PARENT_SCOPE)
endfunction()

# The target that holds the objects of a room.
function(tessera_room_objects room out)
  set(${out} tessera_${room} PARENT_SCOPE)
  if(room IN_LIST TESSERA_LIBRARY_ROOMS)
    set(${out} tessera_${room}_objects PARENT_SCOPE)
  endif()
endfunction()

# tessera_room(<name> [PUBLIC libs...] [PRIVATE libs...])
#
# One OBJECT library per room from src/<name>/*.cc, its door from include/tessera/<name>/*.h.
# PUBLIC libraries appear in the door's headers, PRIVATE ones stay behind it.
function(tessera_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PUBLIC;PRIVATE")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)
    file(WRITE ${PROJECT_BINARY_DIR}/empty_room.cc "")
    set(sources ${PROJECT_BINARY_DIR}/empty_room.cc)
  endif()
  file(GLOB doors CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/tessera/${name}/*.h)
  tessera_room_objects(${name} objects)
  add_library(${objects} OBJECT ${sources})
  target_sources(${objects} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${doors})
  target_include_directories(${objects} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  foreach(used IN LISTS TESSERA_ROOM_${name}_USES)
    target_link_libraries(${objects} PUBLIC tessera_${used})
  endforeach()
  target_link_libraries(${objects} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} tessera_warnings)
  set_property(GLOBAL PROPERTY TESSERA_ROOM_${name}_LIBRARIES "${arg_PUBLIC};${arg_PRIVATE}")
  set_property(GLOBAL PROPERTY TESSERA_ROOM_${name}_DOORS "${doors}")
  tessera_room_test(${name})
endfunction()

# Objects and third-party libraries that a program needs to link the given rooms.
function(tessera_link_rooms target)
  foreach(room IN LISTS ARGN)
    tessera_room_objects(${room} objects)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    get_property(libraries GLOBAL PROPERTY TESSERA_ROOM_${room}_LIBRARIES)
    target_link_libraries(${target} PRIVATE ${objects} ${libraries})
  endforeach()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE tessera_warnings)
endfunction()

# tests/<name>/*_test.cc become one program, linked with the room and what it may use only.
function(tessera_room_test name)
  if(NOT TESSERA_BUILD_TESTS)
    return()
  endif()
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cc)
  if(NOT tests)
    return()
  endif()
  tessera_room_closure(${name} closure)
  add_executable(${name}_test ${tests})
  tessera_link_rooms(${name}_test ${closure})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name}_test PRIVATE
    TESSERA_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TESSERA_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${name}_test PRIVATE tessera_test_support)
  # A third less time to compile them, who do not compute much themselves.
  target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O1>)
  if(CMAKE_CROSSCOMPILING)
    target_compile_definitions(${name}_test PRIVATE TESSERA_EMULATED)
  endif()
  # Suites whose name ends in Slow (more than a second, or long at work in the runtime) carry the
  # label slow, all others the label fast.
  if(TESSERA_SANITIZE OR CMAKE_CROSSCOMPILING)
    # Starting a process is dear there: one for all fast tests of a room.
    add_test(NAME ${name}.fast COMMAND ${name}_test --gtest_brief=1 --gtest_filter=-*Slow.*)
    set_tests_properties(${name}.fast PROPERTIES LABELS fast TIMEOUT 1500)
    return()
  endif()
  foreach(label IN ITEMS fast slow)
    set(filter "-*Slow.*")
    if(label STREQUAL slow)
      set(filter "*Slow.*")
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_FILTER "${filter}"
      TEST_LIST ${name}_${label}_tests DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS ${label} TIMEOUT 300)
  endforeach()
endfunction()
