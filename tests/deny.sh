#!/usr/bin/env bash
# tests/deny.sh: licences, duplicate versions and sources of all dependencies, and known advisories, as deny.toml wants it.
#
# Builds cargo-deny where it is missing: four minutes of processor time, once a user. Where no advisories can be fetched it
# says so, and looks at those that were fetched before.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=0.20.2
dest=${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/cargo-deny-$VERSION
deny=$(command -v cargo-deny || echo "$dest/bin/cargo-deny")
[ -x "$deny" ] || cargo install --quiet --locked --root "$dest" "cargo-deny@$VERSION"

"$deny" --offline check --hide-inclusion-graph licenses bans sources
if ! fetched=$("$deny" fetch db 2>&1); then
    echo "tests/deny.sh: no newer advisories can be fetched: ${fetched##*$'\n'}"
    compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/.git" >/dev/null || exit 0
fi
"$deny" --offline check --hide-inclusion-graph advisories
