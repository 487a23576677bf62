#!/usr/bin/env bash
# build.sh [ELF]: builds the firmware, copies it to ELF, and says how much flash and
# RAM it takes. Exit code 3: no compiler for the processor on this machine (with
# AFIELD_NO_FETCH set, none is fetched).
set -euo pipefail
cd "$(dirname "$0")"
lines=$(../toolchain.sh) || exit 3
eval "$lines"
cargo build --release --locked
elf=${CARGO_TARGET_DIR:-target}/thumbv7em-none-eabihf/release/firmware
[ $# -eq 0 ] || cp "$elf" "$1"
size "$elf" | awk 'NR == 2 { printf "flash %d bytes, RAM %d bytes and the stack\n", $1 + $2, $2 + $3 }'
