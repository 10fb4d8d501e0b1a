"""Times and memory of processes, taken in turns."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cell:
    """Values of one thing, shown as their median with the middle half."""

    values: list[float]
    unit: str

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        if len(self.values) < 4:
            return f"{self.median:.3g} {self.unit}"
        low, _, high = statistics.quantiles(self.values, n=4)
        return f"{self.median:.3g} {self.unit} ({low:.3g} to {high:.3g})"


def in_turns(works: dict[str, Callable[[], dict[str, float]]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Calls each work once a round, so that a machine that slows down slows all; the first round only warms up."""
    values: dict[str, dict[str, list[float]]] = {name: {} for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            for what, value in work().items():
                if number:
                    values[name].setdefault(what, []).append(value)
    return values


def run(command: list[str], cwd: Path) -> dict[str, float]:
    """Wall time in seconds and the peak memory of the process itself in MiB; its output goes nowhere."""
    start = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
    here = os.getcwd()
    os.chdir(cwd)
    try:
        child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    finally:
        os.chdir(here)
        os.close(null)
    peak = 0
    while True:
        # Of this process alone: the kernel's own number counts the largest of its children, too.
        peak = max(peak, high_water(child))
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.002)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return {"wall": time.perf_counter() - start, "memory": peak / 1024}


def high_water(process: int) -> int:
    """The most memory that a process had at once, in KiB; 0 where it is gone."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
