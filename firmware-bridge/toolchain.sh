#!/usr/bin/env bash
# toolchain.sh [TARGET]: makes this machine able to build for TARGET, a Cortex-M4F
# (thumbv7em-none-eabihf) unless said, and prints the shell lines that make cargo use
# it: eval "$(firmware-bridge/toolchain.sh)".
#
# Where rustup can fetch the target, it does, and nothing is printed. Elsewhere `core`
# (`std` where there is an operating system) is built from Debian's rust-src (of the
# installed rustc's version) into a copy of the toolchain under the cache; about two
# minutes, once. A linker for TARGET is not installed.
# RUST_SRC_DEB may name a folder that holds rust-src_VERSION*.deb already.
set -euo pipefail

target=${1:-thumbv7em-none-eabihf}
case $target in
    *-none-*) crates=core features=-Zbuild-std-features=compiler-builtins-mem ;;
    *) crates=std,panic_abort,test features= ;;
esac
sysroot=$(rustc --print sysroot)
version=$(rustc -V | cut -d' ' -f2)
has_target() { compgen -G "$1/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null; }
say() { echo "toolchain: $*" >&2; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/afield-firmware
copy=$cache/rust-$version
use_copy() {
    echo "export PATH='$copy/bin':\"\$PATH\""
    echo "unset RUSTUP_TOOLCHAIN"
    exit 0
}

has_target "$sysroot" && exit 0
has_target "$copy" && use_copy
if [ -n "${AFIELD_NO_FETCH:-}" ]; then
    say "$target is not installed; hint: run firmware-bridge/toolchain.sh"
    exit 1
fi
timeout 60 rustup target add "$target" >/dev/null 2>&1 && has_target "$sysroot" && exit 0

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apt with the two Debian suites that have this version, beside the system's own.
download() {
    local mirror suite
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
    mkdir -p "$work"/apt/{lists/partial,cache/archives/partial,state}
    : >"$work/apt/status"
    for suite in trixie-backports trixie; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main"
    done >"$work/apt/sources.list"
    local options=(-qq -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status"
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache"
        -o Acquire::Languages=none -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    local found
    found=$(apt-cache "${options[@]}" madison rust-src | tr -d ' ' | cut -d'|' -f2 | grep -m1 "^$version[+-]") ||
        { say "Debian has no rust-src $version; hint: rustup target add $target"; exit 1; }
    (cd "$work" && apt-get "${options[@]}" download rust-src="$found")
}

sources=$copy/lib/rustlib/src/rust
if [ ! -f "$sources/library/Cargo.lock" ]; then
    deb=$(ls "${RUST_SRC_DEB:-$cache}"/rust-src_"$version"*.deb 2>/dev/null | head -1 || true)
    if [ -z "$deb" ]; then
        say "fetching rust-src $version from Debian"
        download
        deb=$(ls "$work"/rust-src_*.deb)
    fi
    rm -rf "$copy"
    cp -al "$sysroot" "$copy" 2>/dev/null || { rm -rf "$copy"; cp -a "$sysroot" "$copy"; }
    mkdir -p "$sources"
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$sources" --strip-components=4 "./usr/src/rustc-$version/library"
fi
if ! has_target "$copy"; then
    say "building ${crates%%,*} for $target"
    mkdir -p "$work/core/src"
    echo '#![no_std]' >"$work/core/src/lib.rs"
    printf '%s\n' 'cargo-features = ["profile-rustflags"]' '[package]' 'name = "nothing"' \
        'version = "0.0.0"' 'edition = "2024"' '[workspace]' \
        '[profile.release.package.panic_abort]' \
        'rustflags = ["-Cembed-bitcode=yes", "-Cpanic=abort"]' >"$work/core/Cargo.toml"
    (cd "$work/core" && env -u RUSTUP_TOOLCHAIN -u CARGO_TARGET_DIR PATH="$copy/bin:$PATH" \
        RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes cargo build -q --release --target "$target" \
        -Zbuild-std=$crates $features >&2)
    rm -rf "$copy/lib/rustlib/$target"
    mkdir -p "$copy/lib/rustlib/$target/lib"
    rm -f "$work/core/target/$target"/release/deps/libnothing*
    cp "$work/core/target/$target"/release/deps/lib*.rlib "$copy/lib/rustlib/$target/lib/"
fi
use_copy
