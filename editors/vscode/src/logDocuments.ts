import { open, stat } from "node:fs/promises";
import * as vscode from "vscode";
import { plainLog } from "./plainLog";

/** The server names logs by this scheme: they are shown as texts, not as the files that they are. */
const SCHEME = "feature-build-log";
/** Of a longer log the end is shown: all of it is in the file. */
const SHOWN_BYTES = 8 * 1024 * 1024;
/** How often a log that is open is looked at. */
const LOOK_MS = 1000;

/** Shows logs without the control sequences that are in them, and keeps those that are open as the files are. */
export class LogDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #sizes = new Map<string, number>();
  readonly #registered: vscode.Disposable;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#registered = vscode.Disposable.from(
      this.#changed,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#sizes.delete(uri.toString())),
    );
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#registered.dispose();
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const file = await open(uri.path, "r");
    try {
      const { size } = await file.stat();
      this.#sizes.set(uri.toString(), size);
      const from = Math.max(0, size - SHOWN_BYTES);
      const bytes = new Uint8Array(size - from);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      const shown = plainLog(new TextDecoder().decode(bytes.subarray(0, bytesRead)));
      return from === 0 ? shown : `[${from} bytes before this are in ${uri.path}]\n${shown}`;
    } finally {
      await file.close();
    }
  }

  /** Tells of the open logs that have grown. */
  async #look(): Promise<void> {
    for (const [name, known] of this.#sizes) {
      const uri = vscode.Uri.parse(name);
      const now = await stat(uri.path).catch(() => undefined); // a log that was removed stays as it was shown
      if (now !== undefined && now.size !== known) this.#changed.fire(uri);
    }
  }
}
