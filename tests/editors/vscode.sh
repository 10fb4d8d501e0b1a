#!/bin/bash
# vscode.sh [TEST...]: the extension in the real VS Code, looked at through a browser; each scenario is one test.
# Without names: the seven scenarios, and what a hostile workspace tries; in the long form everything else, too, and what lenses cost beside their floor.
#
#   FEATURE_BUILD_TESTS=long   the long form
#   FEATURE_BUILD_BIN          the program to test (default: a debug build of this repository)
#   FEATURE_BUILD_SCREENSHOTS  the folder for the screenshots (default: target/screenshots)
#   CI=true                    missing tools are a failure instead of a message
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
extension=$top/editors/vscode
export FEATURE_BUILD_VSCODE=${FEATURE_BUILD_VSCODE:-${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/vscode}
export FEATURE_BUILD_SCREENSHOTS=${FEATURE_BUILD_SCREENSHOTS:-$top/target/screenshots}

# The tests are named from where this was called.
for test in "$@"; do
  shift
  set -- "$@" "$(realpath -- "$test")"
done

cannot() {
  echo "vscode.sh: $*" >&2
  [ "${CI:-}" != true ] || exit 1
  echo "vscode.sh: the tests in VS Code are skipped" >&2
  exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || cannot "node and npm are missing"
"$here/install-vscode.sh" "$FEATURE_BUILD_VSCODE" || cannot "there is no VS Code to test in"

cd "$extension"
# The lock file decides: installed again only where it is newer than what is installed.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund || cannot "the extension's dependencies could not be installed"
fi

if [ -z "${FEATURE_BUILD_BIN:-}" ]; then
  (cd "$top" && cargo build --locked)
  FEATURE_BUILD_BIN=$top/target/debug/feature-build
fi
# Debug symbols would make the package a hundred times larger.
mkdir -p "$top/target/vscode"
stripped=$top/target/vscode/feature-build
strip -o "$stripped" "$FEATURE_BUILD_BIN"
export FEATURE_BUILD_BIN=$stripped

npm run check
npm test
npm run package
mkdir -p "$FEATURE_BUILD_SCREENSHOTS"

if [ $# = 0 ] && [ "${FEATURE_BUILD_TESTS:-short}" = long ]; then
  set -- "$here"/vscode/*.test.mjs
elif [ $# = 0 ]; then
  set -- "$here"/vscode/{main,survival,trust,foreign,settings,large}.test.mjs
fi
exec node --test --test-concurrency=1 --test-reporter=spec "$@"
