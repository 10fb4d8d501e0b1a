#!/usr/bin/env bash
# install-languageclient.sh: the package with which VS Code ends its language servers, for the fault tests. It lands in a
# cache folder of the user; a second call costs nothing.
set -euo pipefail

readonly VERSION=11.0.0 # as in editors/vscode/package.json
dest=${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/languageclient
[ -e "$dest/.done-$VERSION" ] && exit 0
mkdir -p "$dest"
npm install --prefix "$dest" --ignore-scripts --no-audit --no-fund --loglevel=error "vscode-languageclient@$VERSION" >/dev/null
touch "$dest/.done-$VERSION"
