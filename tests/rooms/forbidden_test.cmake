# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D WORK=<scratch folder> -P forbidden_test.cmake
#
# Small source trees with one forbidden construction each: it must be named with its line, and what
# only looks like one must pass.

cmake_minimum_required(VERSION 3.25)

set(checker ${CMAKE_CURRENT_LIST_DIR}/forbidden.cmake)
function(prepare)
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/lines_test.cmake)

expect_found(src/noise/a.cc "const std::regex pattern(text);")
expect_found(src/noise/a.cc "#include <regex>")
expect_found(include/tessera/core/a.h "std::smatch match = f(std::sregex_iterator());")
expect_found(src/calibrate/a.cc "data = json.dump();")
expect_found(src/calibrate/a.cc "data = json->dump(2);")
expect_found(src/calibrate/a.cc "if (json[key].is_number_integer()) {")
expect_found(src/graph/a.cc "__builtin_mul_overflow(a, b, &c);")
expect_found(src/quantize/a.cc "return std::get<float>(*value);")
expect_found(src/quantize/a.cc "return std::get<std::vector<std::int64_t>>(*value);")
expect_found(src/core/a.cc "::umask(0);")
expect_found(src/core/a.cc "::mkostemp(name, O_CLOEXEC);")
expect_found(src/report/a.cc "fmt::print(stderr, text);")
expect_found(src/report/a.cc "std::cout << text;")

expect_passed(src/noise/a.cc "// std::regex would recurse")
expect_passed(src/core/json.cc "return json.dump(2);")
expect_passed(src/cli/a.cc "fmt::print(stderr, text);")
expect_passed(src/quantize/a.cc "std::get_if<float>(&*value); std::get<0>(pair); fmt::format(text);")
expect_passed(include/tessera/core/checked.h "__builtin_add_overflow(a, b, &c);")

file(REMOVE_RECURSE ${WORK})
run_check(failed text)
if(NOT failed)
  message(FATAL_ERROR "a tree without code passed: nothing was checked")
endif()
