#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

@test "an archive that unpacks to 600 MB costs what is asked of it" {
  cd "$BATS_TEST_TMPDIR"
  python3 "$TESSERA_SOURCE/tests/cli/data_files.py" points p.onnx
  python3 "$TESSERA_SOURCE/tests/cli/data_files.py" zeros big.npz 18750000 8
  [[ $(stat -c %s big.npz) -lt 800000 ]]
  for samples in 1 3; do
    peak=$(python3 "$TESSERA_SOURCE/tests/cli/large_model.py" peak "$TESSERA" calibrate p.onnx \
      --data big.npz --samples $samples -o r.json --force)
    echo "peak $peak MiB"
    [[ $peak -lt 300 ]]
  done
}
