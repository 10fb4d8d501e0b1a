"""Language servers over their real framing, on the same folder of task files."""

import itertools
import json
import subprocess
import threading
import time
from pathlib import Path
from queue import Queue

import peers
from measure import Cell, high_water, in_turns

EDITS = 50
# A server that takes seconds for each is not asked so often: in seconds.
ENOUGH = 20.0
LONGEST = 60.0
# Who has not worked for so long rests, in seconds. A fifth of a core is work; less is somebody who looks at a clock.
RESTS = 0.3
STEP = 0.005
WORK = STEP / 5


class Server:
    """A language server that was started, and the editor's side of the conversation."""

    def __init__(self, command: list, root: Path, settings: dict):
        self.root, self.settings, self.ids, self.version = root, settings, itertools.count(1), 1
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.answers: Queue = Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while line := self.process.stdout.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = self.process.stdout.readline()
            message = json.loads(self.process.stdout.read(length))
            if "method" not in message:
                self.answers.put(message)
            elif "id" in message:
                self.send({"id": message["id"], "result": self.answer_to(message)})

    def answer_to(self, message: dict):
        if message["method"] == "workspace/configuration":
            return [self.settings for _ in message["params"]["items"]]
        # The one server that leaves reading the disk to its client.
        if message["method"] == "markdown/findMarkdownFilesInWorkspace":
            return [path.as_uri() for path in self.root.rglob("*.md")]
        if message["method"] == "markdown/fs/readFile":
            return list(Path(message["params"]["uri"].removeprefix("file://")).read_bytes())
        return None

    def send(self, message: dict):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def tell(self, method: str, params):
        self.send({"method": method, "params": params})

    def ask(self, method: str, params):
        number = next(self.ids)
        self.send({"id": number, "method": method, "params": params})
        while (message := self.answers.get(timeout=LONGEST)).get("id") != number:
            pass
        return message.get("result")

    def initialize(self):
        uri = self.root.as_uri()
        self.ask("initialize", {
            "processId": None,
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": "tasks"}],
            "capabilities": {"textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}},
            "initializationOptions": {"markdownFileExtensions": ["md"]},
        })
        self.tell("initialized", {})

    def end(self):
        try:
            self.ask("shutdown", None)
            self.tell("exit", None)
            self.process.wait(5)
        except Exception:  # a server that does not end well is still measured
            self.process.kill()
            self.process.wait()


def measure(program: Path, found: dict[str, Path], corpus: Path, rounds: int):
    commands = {"feature-build": ([program, "lsp"], "textDocument/codeLens")}
    symbols = "textDocument/documentSymbol"
    if "rumdl" in found:
        commands["rumdl"] = ([found["rumdl"], "server"], "textDocument/codeAction")
    if "vscode-markdown-languageserver" in found:
        commands["vscode-markdown-languageserver"] = (["node", found["vscode-markdown-languageserver"], "--stdio"], symbols)
    for name in ["markdown-oxide", "iwes"]:
        if name in found:
            commands[name] = ([found[name]], symbols)
    works = {name: (lambda command=command, question=question: converse(command, question, corpus)) for name, (command, question) in commands.items()}
    values = in_turns(works, rounds)
    rows = [
        {
            "language server": name,
            "start to `initialize` answered": Cell(of["initialized"], "ms"),
            "to the first answer about a file": Cell(of["answered"], "ms"),
            "until it rests": Cell(of["rested"], "ms"),
            "edit to answer": Cell(of["edit"], "ms"),
            "99 of 100 below": Cell(of["late"], "ms"),
            "peak memory": Cell([max(of["memory"])], "MiB"),
            "asked for": commands[name][1].removeprefix("textDocument/"),
        }
        for name, of in values.items()
    ]
    wanted = ["rumdl", "markdown-oxide", "vscode-markdown-languageserver", "iwes"]
    return rows, {name: peers.why_missing(name) for name in wanted if name not in found}


def converse(command: list, question: str, corpus: Path) -> dict[str, float]:
    """One life of a server: started, one file opened and edited, ended."""
    file = sorted((corpus / "tasks/backlog").rglob("TASK-*.md"))[0]
    text, document = file.read_text(), {"uri": file.as_uri()}
    place = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 0}}
    params = {"textDocument": document, "range": place, "context": {"diagnostics": []}}
    start = time.perf_counter()
    server = Server(command, corpus, {})
    try:
        server.initialize()
        initialized = time.perf_counter() - start
        server.tell("textDocument/didOpen", {"textDocument": {**document, "languageId": "markdown", "version": 1, "text": text}})
        server.ask(question, params)
        answered = time.perf_counter() - start
        rested = rest(server.process.pid) - start
        edits: list[float] = []
        while len(edits) < EDITS and sum(edits) < ENOUGH:
            edits.append(edit(server, document, text, question, params, len(edits)))
        edits.sort()
        memory = high_water(server.process.pid) / 1024
    finally:
        server.end()
    milli = 1_000
    return {
        "initialized": initialized * milli,
        "answered": answered * milli,
        "rested": rested * milli,
        "edit": edits[len(edits) // 2] * milli,
        "late": edits[len(edits) * 99 // 100] * milli,
        "memory": memory,
    }


def rest(pid: int) -> float:
    """When a server stopped working: no two say in the same way that their index is built, but all work on it till then."""
    begin = last = now = time.perf_counter()
    before: dict[str, int] = {}
    while now - last < RESTS and now - begin < LONGEST:
        times = processor_times(pid)
        # Thread by thread: in a sum, one that ended would hide what the others do.
        worked = sum(time - before.get(thread, 0) for thread, time in times.items()) / 1e9
        if worked > WORK:
            last = now
        before = times
        time.sleep(STEP)
        now = time.perf_counter()
    return last


def processor_times(pid: int) -> dict[str, int]:
    """Of each of its threads, in nanoseconds (/proc/pid/task/tid/schedstat)."""
    times = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            times[thread.name] = int((thread / "schedstat").read_text().split()[0])
        except OSError:  # it ended meanwhile
            pass
    return times


def edit(server: Server, document: dict, text: str, question: str, params: dict, number: int) -> float:
    changed = text.replace("title: ", f"title: {'x' * (number % 9 + 1)} ", 1)
    server.version += 1
    start = time.perf_counter()
    server.tell("textDocument/didChange", {"textDocument": {**document, "version": server.version}, "contentChanges": [{"text": changed}]})
    server.ask(question, params)
    return time.perf_counter() - start
