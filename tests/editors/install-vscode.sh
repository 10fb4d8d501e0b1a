#!/bin/bash
# install-vscode.sh [DEST]: the real VS Code for the tests, as code-server, with a headless browser to look at it.
#
# Everything lands in DEST (default: a cache folder of the user). Each finished step leaves a stamp, so a second call
# costs nothing and a broken one goes on where it stopped. Needs Node 20 with its headers, which code-server is built for.
set -euo pipefail

readonly CODE_SERVER=4.100.3
readonly PLAYWRIGHT=1.65.1
readonly PACKAGES=(build-essential python3 ripgrep chromium fonts-dejavu-core fonts-noto-color-emoji procps)

dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/vscode}
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
readonly dest
readonly vscode=$dest/node_modules/code-server/lib/vscode

export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_loglevel=error

die() {
  echo "install-vscode: $*" >&2
  exit 1
}

step() {
  local name=$1 log="$dest/$1.log" started=$SECONDS
  [ -e "$dest/.done-$name" ] && return 0
  # A subshell of its own keeps `set -e` alive inside: in the condition of an `if` bash would switch it off.
  set +e
  (set -e; "step_$name") >"$log" 2>&1
  local code=$?
  set -e
  if [ "$code" != 0 ]; then
    tail -15 "$log" >&2
    die "step '$name' failed, the whole output is in $log"
  fi
  touch "$dest/.done-$name"
  echo "install-vscode: $name ($((SECONDS - started)) s)"
}

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

check_packages() {
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -z "$missing" ] && return 0
  [ "$(id -u)" = 0 ] || die "these packages are missing, please install them: ${missing% }"
  rm -f "$dest/.done-packages" # somebody removed one since, or the list has grown
  step packages
}

step_packages() {
  apt-get update
  # shellcheck disable=SC2046  # one word a package
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(missing_packages)
}

step_download() {
  cd "$dest"
  [ -f package.json ] || echo '{ "private": true }' >package.json
  # Its own install scripts want a newer toolchain than is needed: the native parts are built below.
  npm install --ignore-scripts --save-exact "code-server@$CODE_SERVER" "playwright-core@$PLAYWRIGHT"
}

step_server() {
  cd "$vscode"
  npm install --omit=dev --ignore-scripts --force # --force: takes the modules that are for Windows only
}

step_extensions() {
  cd "$vscode/extensions"
  npm ci --ignore-scripts
}

build_native() {
  (cd "$1" && node "$gyp" rebuild --nodedir="$node_dir" --jobs=max)
}

step_native() {
  local module
  for module in node-pty @vscode/spdlog native-watchdog; do
    build_native "$vscode/node_modules/$module"
  done
  # Comes ready for most platforms.
  node -e "require('$vscode/node_modules/@parcel/watcher')" || build_native "$vscode/node_modules/@parcel/watcher"
}

step_password() {
  cd "$dest"
  npm_config_nodedir="$node_dir" npm rebuild argon2 --build-from-source
  node -e "require('$dest/node_modules/argon2')"
}

step_links() {
  mkdir -p "$vscode/node_modules/@vscode/ripgrep/bin"
  ln -sfn "$(command -v rg)" "$vscode/node_modules/@vscode/ripgrep/bin/rg"
  ln -sfn node_modules "$vscode/node_modules.asar"
}

step_start() {
  node "$dest/node_modules/code-server/out/node/entry.js" --version
}

[ -e "$dest/.done-start" ] && [ -z "$(missing_packages)" ] && exit 0

case $(node -p process.versions.node 2>/dev/null) in
  20.*) ;;
  *) die "Node 20 is wanted: code-server $CODE_SERVER is built for it" ;;
esac
node_dir=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
gyp=$(npm root -g 2>/dev/null)/npm/node_modules/node-gyp/bin/node-gyp.js
[ -f "$node_dir/include/node/common.gypi" ] || die "Node's headers are missing under $node_dir/include/node"
[ -f "$gyp" ] || die "npm's own node-gyp is missing at $gyp"

check_packages
step download
step server
step extensions
step native
step password
step links
step start
