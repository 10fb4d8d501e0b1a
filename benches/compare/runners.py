"""1,000 times `true`, 8 at a time."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import peers
from measure import Cell, in_turns, run

COUNT, LIMIT = 1_000, 8
# Longer by itself than all others together.
COUNT_OF_TURBO = 100

LOOP = f"""
import os
running, true = 0, "/bin/true"
for number in range({COUNT}):
    if running == {LIMIT}:
        os.wait()
        running -= 1
    os.posix_spawn(true, [true], os.environ)
    running += 1
for _ in range(running):
    os.wait()
"""
GATHER = f"""
import asyncio
async def one(limit):
    async with limit:
        await (await asyncio.create_subprocess_exec("true")).wait()
async def main():
    limit = asyncio.Semaphore({LIMIT})
    await asyncio.gather(*(one(limit) for _ in range({COUNT})))
asyncio.run(main())
"""


BARE = """
import os, sys
count, command = int(sys.argv[1]), sys.argv[2:]
for number in range(count):
    output = os.open(f"{number}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, output, 1)])
    os.close(output)
for number in range(count):
    os.wait()
"""
# What it is, how many tasks, all at once, and their command.
WAVES = [
    ("100 times `sleep 0.5`", 100, ["/bin/sleep", "0.5"]),
    ("8 times 200 MB of output", 8, ["/usr/bin/head", "-c", "200000000", "/dev/zero"]),
]


def waves(program: Path, rounds: int):
    """Waves of which all tasks run at once, beside the same processes without a runner, writing straight to files."""
    rows = []
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        for what, count, command in WAVES:
            root = ours(Path(folder) / str(count), range(count), command, count)
            works = {
                "ours": lambda root=root: run([str(program), "run", "--redo", "--trust"], root),
                "bare": lambda count=count, command=command: run([sys.executable, "-c", BARE, str(count), *command], Path(folder)),
            }
            values = in_turns(works, rounds)
            wall, bare = Cell(values["ours"]["wall"], "s"), Cell(values["bare"]["wall"], "s")
            rows.append({"wave": what, "feature-build": wall, "bare": bare, "ratio": f"{wall.median / bare.median:.2f}"})
    return rows


def measure(program: Path, found: dict[str, Path], rounds: int):
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        works = {}
        for name, (command, cwd) in commands(program, found, Path(folder)).items():
            works[name] = lambda command=command, cwd=cwd: run([str(part) for part in command], cwd)
        values = in_turns(works, rounds)
    floor = Cell(values["bare spawn loop (floor)"]["wall"], "s").median
    rows = []
    for name, of in sorted(values.items(), key=lambda item: Cell(item[1]["wall"], "s").median):
        wall = Cell(of["wall"], "s")
        keeps = KEEPS.get(name, ("no", "no"))
        rows.append({
            "runner": name,
            "wall": wall,
            "of the floor": f"{wall.median / floor:.2f}",
            "peak memory of the runner": Cell([max(of["memory"])], "MiB"),
            "keeps a log a task": keeps[0],
            "survives kill -9": keeps[1],
        })
    names = ["make", "xargs", "just", "task", "parallel", "turbo", "cargo-nextest"]
    return rows, {name: peers.why_missing(name) for name in names if name not in found}


KEEPS = {
    "feature-build": ("yes", "yes"),
    "GNU parallel": ("can", "no"),
    "cargo-nextest": ("in memory", "no"),
    f"turborepo ({COUNT_OF_TURBO} tasks)": ("yes", "no"),
}


def commands(program: Path, found: dict[str, Path], folder: Path) -> dict[str, tuple[list, Path]]:
    """The command of each runner and the folder that it works in."""
    numbers = range(1, COUNT + 1)
    all_commands = {
        "bare spawn loop (floor)": ([sys.executable, "-c", LOOP], folder),
        "asyncio.gather": ([sys.executable, "-c", GATHER], folder),
        "feature-build": ([program, "run", "--redo", "--trust"], ours(folder / "ours", numbers, ["true"], LIMIT)),
    }
    if "make" in found:
        targets = " ".join(f"t{number}" for number in numbers)
        write(folder / "Makefile", f"all: {targets}\n.PHONY: all {targets}\n{targets}:\n\t@/bin/true\n")
        all_commands["make"] = ([found["make"], f"-j{LIMIT}", "-s"], folder)
    if "xargs" in found:
        write(folder / "numbers", "\n".join(map(str, numbers)) + "\n")
        all_commands["xargs"] = ([found["xargs"], "-a", "numbers", "-n1", f"-P{LIMIT}", "/bin/true"], folder)
    if "just" in found:
        recipes = "".join(f"t{number}:\n    @true\n" for number in numbers)
        groups = [list(numbers)[at : at + LIMIT] for at in range(0, COUNT, LIMIT)]
        waves = "".join(f"[parallel]\nw{at}: {' '.join(f't{n}' for n in group)}\n" for at, group in enumerate(groups))
        write(folder / "justfile", f"all: {' '.join(f'w{at}' for at in range(len(groups)))}\n{waves}{recipes}")
        all_commands["just"] = ([found["just"], "all"], folder)
    if "task" in found:
        tasks = "".join(f"  t{number}:\n    cmds: [/bin/true]\n" for number in numbers)
        deps = ", ".join(f"t{number}" for number in numbers)
        head = f"version: '3'\nsilent: true\ntasks:\n  default:\n    deps: [{deps}]\n"
        write(folder / "Taskfile.yml", head + tasks)
        all_commands["go-task"] = ([found["task"], "--concurrency", LIMIT], folder)
    if "parallel" in found:
        write(folder / "lines", "true\n" * COUNT)
        all_commands["GNU parallel"] = (["/usr/bin/env", "perl", found["parallel"], "--will-cite", f"-j{LIMIT}", "-a", "lines"], folder)
    if "cargo-nextest" in found:
        command = [found["cargo-nextest"], "nextest", "run", "--offline", f"--test-threads={LIMIT}"]
        all_commands["cargo-nextest"] = (command, crate_of_tests(folder / "crate", numbers))
    if "turbo" in found:
        all_commands[f"turborepo ({COUNT_OF_TURBO} tasks)"] = (turbo(found["turbo"]), repo_of_turbo(folder / "turbo"))
    return all_commands


def ours(root: Path, numbers: range, command: list[str], limit: int) -> Path:
    write(root / "feature-build.yaml", f"run:\n  command: {json.dumps(command)}\nmax_parallel: {limit}\n")
    for number in numbers:
        text = f"---\nid: T-{number}\ntitle: One of many\nstatus: backlog\nwave: 1\n---\n"
        write(root / f"tasks/backlog/swarm/T-{number}.md", text)
    return root


def crate_of_tests(root: Path, numbers: range) -> Path:
    """A crate whose one test binary has a test that does nothing for each number; built here, so outside of what is timed."""
    # A workspace of its own: the cache may lie within another one.
    write(root / "Cargo.toml", '[package]\nname = "many"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n')
    write(root / "src/lib.rs", "")
    write(root / "tests/many.rs", "".join(f"#[test]\nfn t{number}() {{}}\n" for number in numbers))
    subprocess.run(["cargo", "test", "--quiet", "--offline", "--no-run"], cwd=root, check=True)
    return root


def turbo(program: Path) -> list:
    return [program, "run", "one", f"--concurrency={LIMIT}", "--no-daemon", "--force"]


def repo_of_turbo(root: Path) -> Path:
    write(root / "turbo.json", '{ "tasks": { "one": { "cache": false } } }')
    write(root / "package.json", '{ "name": "many", "private": true, "packageManager": "npm@10.0.0", "workspaces": ["p/*"] }')
    for number in range(COUNT_OF_TURBO):
        write(root / f"p/{number}/package.json", f'{{ "name": "p{number}", "version": "1.0.0", "scripts": {{ "one": "true" }} }}')
    entries = ",".join(f'"p/{n}": {{ "name": "p{n}", "version": "1.0.0" }}' for n in range(COUNT_OF_TURBO))
    write(root / "package-lock.json", f'{{ "name": "many", "lockfileVersion": 3, "packages": {{ "": {{ "name": "many", "workspaces": ["p/*"] }}, {entries} }} }}')
    return root


def write(path: Path, text: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
