# What .ci/run does, step by step, and shortcuts for the day. Needs `just`; nothing
# else in the project does.

# Forgetting, and how not to, on real recordings.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

test *ARGS:
    cargo test --release {{ARGS}}

# With microphones: on Debian it needs libasound2-dev.
test-mic *ARGS:
    cargo test --release -p afield-cli --features mic --test it microphone:: {{ARGS}}

fmt:
    cargo fmt --all

lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    cargo clippy --release -p afield-cli --features mic --bin afield --test it -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps
    cargo deny --all-features check bans licenses sources

# The same as the continuous integration.
ci:
    bash .ci/run

bench *ARGS:
    cargo bench {{ARGS}}

# The binary that is shipped: fat LTO, stripped; 8 minutes on two cores.
dist:
    cargo build --profile dist
