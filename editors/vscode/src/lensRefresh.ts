import * as vscode from "vscode";
import type { Client } from "./client";
import type { Store } from "./store";

/** Longer than VS Code waits itself before it asks for lenses again: that is more on a busy machine. */
const LATER_MS = [1000, 3000, 10_000];

/**
 * Asks for the lenses again some moments after a run went on.
 *
 * VS Code puts a refresh off for a quarter of a second, and drops it when the editor loses the focus meanwhile: who
 * clicks a lens and then the Waves view would see the old lens until the run's next event.
 */
export function refreshLensesAgain(store: Store, client: Client): vscode.Disposable {
  let timers: NodeJS.Timeout[] = [];
  const stop = (): void => {
    timers.forEach(clearTimeout);
  };
  const refresh = (): void => {
    client.refreshLenses(vscode.window.visibleTextEditors.map((editor) => editor.document));
  };
  const listener = store.onRunEvent(({ record }) => {
    if (record.event === "task-progress") return;
    stop();
    timers = LATER_MS.map((later) => setTimeout(refresh, later));
  });
  return new vscode.Disposable(() => {
    stop();
    listener.dispose();
  });
}
