// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The names that loading looks at, of libraries that it has to refuse.
extern "C" {

#ifdef LITERT_IS_tflite
int TfLiteInterpreterCreate() {
  return 1;
}
#else
int LiteRtCreateEnvironment() {
  return 1;
}
#endif
#ifdef LITERT_IS_lacking
int LiteRtCreateModelFromFd() {
  return 1;
}
#endif
}
