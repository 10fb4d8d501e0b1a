#!/usr/bin/env bash
# Runs every test: `bash tests/all.sh`. Installs what it needs where it can, and says what to install where it cannot.
#
# FEATURE_BUILD_TESTS=long   slow suites in their long form, VS Code's too; laws are tried on new inputs, and on many;
#                            mutants (tests/mutants.sh)
# FEATURE_BUILD_CORPUS=DIR   task files that people really wrote; those tests are skipped where there are none
# CI=true                    a test whose tool is missing fails instead of being skipped
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'tests/all.sh: %s\n' "$*"; }

# Installs Debian packages that are missing; without root says so and goes on: the tests that need them are skipped.
packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "not installed: ${missing[*]}; for all tests run: sudo apt-get install ${missing[*]}"
        return 0
    fi
    say "installing ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

packages gcc libc6-dev git libfaketime procps python3 python3-venv tmux util-linux valgrind
packages neovim emacs-nox elpa-eglot elpa-lsp-mode elpa-markdown-mode vim vim-ale
if [ "${FEATURE_BUILD_TESTS:-short}" = long ]; then
    packages kate xvfb xdotool dbus at-spi2-core gir1.2-atspi-2.0 python3-gi
fi
bash tests/editors/install-neovim.sh || say "no Neovim: its tests are skipped"
bash tests/faults/install-languageclient.sh || say "no npm, or no network: how VS Code ends a server is not tried"

# In the short form laws are tried on the same inputs each time: what it says of a change is the change's doing. Only the
# long form looks for inputs that nobody has tried, and prints what repeats them.
if [ "${FEATURE_BUILD_TESTS:-short}" = long ]; then
    export PROPTEST_CASES=${PROPTEST_CASES:-2560}
else
    export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1} FEATURE_BUILD_SEED=${FEATURE_BUILD_SEED:-1}
fi
cargo test --all-targets --no-fail-fast "$@"
cargo test --doc

if [ "${FEATURE_BUILD_TESTS:-short}" = long ]; then
    cargo bench --bench instructions
    bash tests/deny.sh
    bash tests/msrv.sh
    bash tests/mutants.sh
fi
# Wants Node 20. The first time VS Code is built, into ~/.cache/feature-build: 4 minutes.
# The tests have built the program; a build of the program alone would build its dependencies anew, with other features.
FEATURE_BUILD_BIN=${FEATURE_BUILD_BIN:-$PWD/target/debug/feature-build} bash tests/editors/vscode.sh
