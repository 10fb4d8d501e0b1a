# The daily commands. `just` lists them.

_list:
    @just --list --unsorted

# Build the program
build:
    cargo build

# Run the pure tests, in seconds
quick *args:
    cargo test --lib {{ args }}

# Run the tests of one room, perhaps those whose names fit: just test run pause
test room *args:
    cargo test --test {{ room }} {{ args }}

# Run every test, as CI does
all:
    bash tests/all.sh

# Run every test in its long form, on new inputs
long:
    FEATURE_BUILD_TESTS=long bash tests/all.sh

# Format, lint and build the documentation, with warnings denied
lint:
    cargo fmt --all --check
    cargo clippy --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items

# Do what has to hold before a change lands
ci:
    .ci/run

# Try one file of VS Code's tests: just vscode shown
vscode file:
    FEATURE_BUILD_BIN=$PWD/target/debug/feature-build bash tests/editors/vscode.sh $PWD/tests/editors/vscode/{{ file }}.test.mjs

# Read changed snapshots
snapshots:
    cargo insta review

# Measure one thing: just bench scale
bench name:
    cargo bench --bench {{ name }}
