"""Sets up the peers in the user's cache folder, from what the package registries offer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "feature-build/peers"
PYTHON = {"rumdl": "rumdl", "just": "rust-just", "task": "go-task-bin"}
NODE = {"turbo": ".bin/turbo", "vscode-markdown-languageserver": "vscode-markdown-languageserver/out/node/main.js"}
DEBIAN = {"parallel": "parallel"}
# Offered as source: the first build takes minutes. One that the system has already will do.
SOURCE = ["iwes", "cargo-nextest"]
OF_THE_SYSTEM = ["make", "xargs"]
# Measured where somebody has installed it.
NOT_OFFERED = {"markdown-oxide": "no package registry offers it"}


def set_up() -> dict[str, Path]:
    """The programs that are there, by name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    python, node, debian, built = CACHE / "venv/bin", CACHE / "npm/node_modules", CACHE / "apt/usr/bin", CACHE / "cargo/bin"
    places = {name: python / name for name in PYTHON}
    places |= {name: node / place for name, place in NODE.items()}
    places |= {name: debian / name for name in DEBIAN}
    places |= {name: Path(shutil.which(name) or built / name) for name in SOURCE}
    missing = [name for name, place in places.items() if not place.exists()]
    for name in missing:
        if name in PYTHON:
            attempt([sys.executable, "-m", "venv", CACHE / "venv"])
            attempt([python / "pip", "-q", "install", PYTHON[name]])
        elif name in NODE:
            attempt(["npm", "install", "--no-audit", "--no-fund", "--prefix", CACHE / "npm", name])
        elif name in SOURCE:
            attempt(["cargo", "install", "--locked", "--root", CACHE / "cargo", name])
        else:
            (CACHE / "apt").mkdir(exist_ok=True)
            attempt(["apt-get", "download", DEBIAN[name]], CACHE / "apt")
            for package in (CACHE / "apt").glob("*.deb"):
                attempt(["dpkg", "-x", package, CACHE / "apt"])
    found = {name: place for name, place in places.items() if place.exists()}
    for name in [*NOT_OFFERED, *OF_THE_SYSTEM]:
        if path := shutil.which(name):
            found[name] = Path(path)
    return found


def why_missing(name: str) -> str:
    return NOT_OFFERED.get(name, "its package could not be installed")


def attempt(command: list, cwd: Path | None = None):
    """A peer that cannot be set up is named in the table; it does not stop the others."""
    print("setting up:", *command)
    try:
        subprocess.run([str(part) for part in command], cwd=cwd, check=False)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
