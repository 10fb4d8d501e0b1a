import { watch, type FSWatcher } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import * as vscode from "vscode";
import { foreignLine } from "./foreign";
import { logPath, type PlacedTask, type Store } from "./store";
import { tell } from "./tell";
import { TerminalText } from "./terminalText";
import * as text from "./text";

/** Of a long log only the end is shown: what came before is in the file. */
const SHOWN_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Beside the watch on the log: watches run out, and network file systems have none. */
const LOOK_MS = 1000;

/** Opens a terminal that shows a task's output as it grows. */
export function followOutput(store: Store, placed: PlacedTask): void {
  const attempt = store.attempt(placed.root.root, placed.task);
  if (attempt?.log === undefined) {
    void tell(`${placed.task.id} has not run yet: there is no output to follow.`);
    return;
  }
  const pty = new LogTerminal(store, placed, logPath(placed.root.root, attempt.log));
  const name = foreignLine(`${placed.task.id} output`);
  vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon("output"), isTransient: true }).show(true);
}

/** A terminal without a process: it reads the log, and costs nothing once it is closed or the task has ended. */
class LogTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly onDidWrite = this.#write.event;
  readonly #text = new TerminalText();
  readonly #store: Store;
  readonly #placed: PlacedTask;
  readonly #path: string;
  readonly #disposables: { dispose(): unknown }[] = [];
  #offset = 0;
  #closed = false;
  /** Readings follow each other: two at once would show bytes twice. */
  #reading: Promise<void> = Promise.resolve();
  #wanted = false;

  constructor(store: Store, placed: PlacedTask, path: string) {
    this.#store = store;
    this.#placed = placed;
    this.#path = path;
  }

  open(): void {
    const timer = setInterval(() => {
      this.#look();
    }, LOOK_MS);
    const watcher = this.#watch();
    this.#disposables.push(
      {
        dispose: () => {
          clearInterval(timer);
        },
      },
      { dispose: () => watcher?.close() },
      this.#store.onRunEvent(() => {
        this.#endWithTask();
      }),
    );
    this.#look();
    this.#endWithTask();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#write.dispose();
  }

  #stop(): void {
    vscode.Disposable.from(...this.#disposables.splice(0)).dispose();
  }

  #watch(): FSWatcher | undefined {
    try {
      // The folder, not the file: a log that is replaced keeps its name.
      return watch(dirname(this.#path), { persistent: false }, () => {
        this.#look();
      }).on("error", () => undefined);
    } catch {
      return undefined;
    }
  }

  /** Reads what is new, once however often it is asked for meanwhile. */
  #look(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#reading = this.#reading.then(async () => {
      this.#wanted = false;
      await this.#read();
    });
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, "r");
      await this.#copy(file);
    } catch {
      // A task that has only just started has no log yet; the next look finds it.
    } finally {
      await file?.close();
    }
  }

  async #copy(file: FileHandle): Promise<void> {
    const { size } = await file.stat();
    if (size < this.#offset) this.#offset = 0;
    if (this.#offset === 0 && size > SHOWN_BYTES) {
      this.#offset = size - SHOWN_BYTES;
      this.#say(`${this.#offset} bytes before this are in the log`);
    }
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, this.#offset);
      if (bytesRead === 0 || this.#closed) return;
      this.#offset += bytesRead;
      this.#write.fire(this.#text.push(buffer.subarray(0, bytesRead)));
    }
  }

  /** When the task has ended: the rest of its output, how it ended, and nothing is watched any more. */
  #endWithTask(): void {
    const attempt = this.#store.attempt(this.#placed.root.root, this.#placed.task);
    if (attempt?.state !== "finished" || this.#disposables.length === 0) return;
    this.#stop();
    this.#look();
    this.#reading = this.#reading.then(() => {
      if (!this.#closed) this.#say(`${this.#placed.task.id} ${text.outcome(attempt)}`);
    });
  }

  #say(words: string): void {
    // Not dim: that is hardly seen in light themes.
    this.#write.fire(`\r\n\u001b[3m[${foreignLine(words)}]\u001b[0m\r\n`);
  }
}
