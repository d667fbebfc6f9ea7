# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D BUILD= -D WORK= -D CONSUMER= -D MODEL= -D COMPILER= -D FLAGS= -D LIBDIR= -D VERSION=
#       -P consumer_test.cmake

cmake_minimum_required(VERSION 3.25)

function(run out)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(failed)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nfailed with ${failed}:\n${text}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

function(expect_file path)
  if(NOT EXISTS ${prefix}/${path})
    message(FATAL_ERROR "${path} was not installed")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
run(ignored ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
foreach(path IN ITEMS bin/tessera bin/tessera-check-plan ${LIBDIR}/libtessera.a ${LIBDIR}/libtessera_kernels.so
        include/tessera/onnx/model.h include/tessera/kernels/library.h
        ${LIBDIR}/cmake/tessera/tesseraConfig.cmake ${LIBDIR}/cmake/tessera/tesseraConfigVersion.cmake
        ${LIBDIR}/pkgconfig/tessera.pc share/man/man1/tessera.1
        share/bash-completion/completions/tessera share/zsh/site-functions/_tessera
        share/fish/vendor_completions.d/tessera.fish)
  expect_file(${path})
endforeach()
file(GLOB_RECURSE private ${prefix}/include/*_internal.h ${prefix}/include/*.cc)
if(private)
  message(FATAL_ERROR "private files were installed: ${private}")
endif()

# What the consumer must answer, from the installed program.
run(document ${prefix}/bin/tessera inspect ${MODEL} --json)
string(JSON nodes GET "${document}" result nodes)
set(expected "tessera ${VERSION}: ${nodes} ops\n")

run(ignored ${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/consumer
  -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D "CMAKE_CXX_FLAGS=${FLAGS}")
run(ignored ${CMAKE_COMMAND} --build ${WORK}/consumer)
run(answer ${WORK}/consumer/consumer ${MODEL})
if(NOT answer STREQUAL expected)
  message(FATAL_ERROR "by find_package: '${answer}'; '${expected}' was expected")
endif()

# A minor version ahead of the installed one must be refused: the API may have changed.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/newer
  -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D WANTED=0.999
  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE text)
if(NOT failed OR NOT text MATCHES "0\\.999")
  message(FATAL_ERROR "find_package(tessera 0.999) was accepted:\n${text}")
endif()

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(flags pkg-config --define-variable=prefix=${prefix} --cflags --libs tessera)
separate_arguments(flags UNIX_COMMAND "${FLAGS} ${flags}")
run(ignored ${COMPILER} ${CONSUMER}/consumer.cc -o ${WORK}/by_pkg_config ${flags})
run(answer ${WORK}/by_pkg_config ${MODEL})
if(NOT answer STREQUAL expected)
  message(FATAL_ERROR "by pkg-config: '${answer}'; '${expected}' was expected")
endif()

# The installed program finds the installed libraries, wherever it was moved to.
file(RENAME ${prefix} ${WORK}/moved)
set(model ${CONSUMER}/../../fixtures/compat/cases/026_concat_branches_qop_u8s8/model.onnx)
run(ignored ${CMAKE_COMMAND} -E env --unset=TESSERA_KERNELS
  ${WORK}/moved/bin/tessera quantize ${model} --data random:2 --kernels tessera -o ${WORK}/kernels.onnx)
run(text ${CMAKE_COMMAND} -E env --unset=TESSERA_ONNXRUNTIME
  ${WORK}/moved/bin/tessera doctor --json)
if(EXISTS ${WORK}/moved/lib/tessera/libonnxruntime.so
   AND NOT text MATCHES "moved/(bin/\\.\\./)?lib/tessera/libonnxruntime")
  message(FATAL_ERROR "the moved program does not find its runtime:\n${text}")
endif()
file(REMOVE_RECURSE ${WORK})
