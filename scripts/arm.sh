#!/usr/bin/env bash
# arm.sh [armv7] [CARGO OPTION]...: builds for 64-bit ARM (aarch64), or for 32-bit ARM with hardware
# floating point (armv7), runs the tests that need no second program under emulation, and compares the
# results with those of this machine:
#
#   - embeddings of the demos' recordings agree within 1e-4 of the largest value, and the accuracies
#     of the exact heads on them are equal;
#   - `afield doctor` on either side finds no fault in a learner of the other side. It recomputes the
#     exact statistic from the examples and compares it to the bit;
#   - predictions of one learner agree within 1e-4, and its events on the same recordings are equal.
#
# Options go to cargo: `--no-default-features` omits tract, which takes longest to compile. On a
# Debian x86-64 machine, the script installs the cross compiler and the emulator if they are missing.
# Emulation shows that results are correct. It shows nothing about speed.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    armv7)
        shift
        target=armv7-unknown-linux-gnueabihf cross=arm-linux-gnueabihf package=armhf
        emulator=qemu-arm-static
        ;;
    *)
        target=aarch64-unknown-linux-gnu cross=aarch64-linux-gnu package=arm64
        emulator=qemu-aarch64-static
        ;;
esac
step() { printf '\n== %s\n' "$1"; }

step "tools"
if ! { command -v $emulator && command -v $cross-gcc; } >/dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends gcc-$cross g++-$cross libc6-dev-$package-cross \
        qemu-user-static
fi
eval "$(firmware-bridge/toolchain.sh $target)"
settings=CARGO_TARGET_$(tr a-z- A-Z_ <<<$target)
export "${settings}_LINKER=$cross-gcc" "${settings}_RUNNER=$emulator -L /usr/$cross"

step "build"
cargo build --release "$@"
cargo build --release --target $target "$@"
built=${CARGO_TARGET_DIR:-target}
here() { "$built/release/afield" "$@"; }
arm() { $emulator -L /usr/$cross "$built/$target/release/afield" "$@"; }
arm --version

step "tests under emulation"
cargo test --release --target $target -p firmware-bridge -p microhead
# What is left out solves thousands of times, which takes the emulator a quarter of an hour.
cargo test --release --target $target "$@" --no-fail-fast -p afield --lib
cargo test --release --target $target "$@" --no-fail-fast -p afield-cli --test it \
    -- backbone:: exactness:: frontend_golden:: \
    --skip a_deferred_solution_is_close_to_the_exact_one --skip any_order_partition_and_corrections

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quietly() { "$@" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }; }

# compare NAME BACKBONE FOLDER [OPTION OF TEACH]...: embeddings, learners and predictions.
compare() {
    local name=$1 backbone=$2 folder=$3 side other label clips
    shift 3
    step "$name: embeddings, by $backbone"
    for side in here arm; do
        quietly $side embed --backbone "$backbone" -o "$work/$side.npy" "$folder" >/dev/null
    done
    python3 - "$work/here.npy" "$work/arm.npy" <<'PYTHON'
import struct, sys

def rows(path):
    with open(path, "rb") as file:
        head = file.read(10)
        shape = file.read(struct.unpack("<H", head[8:])[0])
        data = file.read()
    return shape, struct.unpack(f"<{len(data) // 4}f", data)

(shape, here), (same, arm) = map(rows, sys.argv[1:])
assert shape == same, (shape, same)
apart, largest = max(abs(a - b) for a, b in zip(here, arm)), max(map(abs, here))
print(f"{len(here)} values, at most {apart:.1e} apart, {apart / largest:.1e} of the largest")
assert apart <= 1e-4 * largest
PYTHON
    step "$name: a learner"
    for side in here arm; do
        quietly $side init "$work/$name-$side" --backbone "$backbone"
        for label in "$folder"/*/; do
            find "$label" -type f | sort >"$work/clips"
            # A clip of each class is kept for predictions.
            mapfile -t clips < <(tail -n +2 "$work/clips" | head -12)
            quietly $side teach "$(basename "$label")" "${clips[@]}" "$@" --learner "$work/$name-$side"
        done
    done
    for side in here arm; do
        [ $side = here ] && other=arm || other=here
        printf 'taught by %s, checked by %s: ' $side $other
        quietly $other doctor "$work/$name-$side" >/dev/null
        echo sound
    done
    mapfile -t clips < <(for label in "$folder"/*/; do find "$label" -type f | sort | head -1; done)
    for side in here arm; do
        quietly $side predict "${clips[@]}" --learner "$work/$name-here" >"$work/$side.jsonl"
    done
    python3 - "$work/here.jsonl" "$work/arm.jsonl" <<'PYTHON'
import json, sys

here, arm = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
assert len(here) == len(arm) > 0
assert [e["label"] for e in here] == [e["label"] for e in arm]
apart = max(abs(a["confidence"] - b["confidence"]) for a, b in zip(here, arm))
print(f"{len(here)} predictions, the same labels, confidence at most {apart:.1e} apart")
assert apart <= 1e-4
PYTHON
}

step "backbone and recordings"
here model get speech-embedding
drums=$(here data get rock-kit)
# Subjects 8 to 10 are set aside.
watch=$(here data get watch)
exercises=$work/watch
mkdir "$exercises"
(cd "$watch" && find . -name '*-[1-7]-*.csv' -exec cp --parents -t "$exercises" {} +)
compare drums speech-embedding "$drums"
compare exercises imu "$exercises" --cut 3:1.5

step "demos, without the offline bound, whose fit takes the emulator more than ten minutes"
evaluate() {
    local name=$1 side
    shift
    for side in here arm; do
        quietly $side evaluate "$@" --json --head finetune,ncm,lda --no-upper-bound >"$work/$side.jsonl"
    done
    python3 - "$name" "$work/here.jsonl" "$work/arm.jsonl" <<'PYTHON'
import json, sys

def accuracies(path):
    return {h["head"]: round(h["final_accuracy"], 3) for h in json.load(open(path))["heads"]}

here, arm = map(accuracies, sys.argv[2:])
print(f"{sys.argv[1]}: here {here}\n{sys.argv[1]}: arm  {arm}")
exact = lambda of: {head: accuracy for head, accuracy in of.items() if head != "finetune"}
assert exact(here) == exact(arm)
PYTHON
}
evaluate drums --data "$drums" --backbone speech-embedding
evaluate exercises --data "$exercises" --backbone imu --cut 3:1.5 \
    --group-pattern '^[A-Z]+-([0-9]+)-' --test-groups 6,7
