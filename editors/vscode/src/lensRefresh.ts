import * as vscode from "vscode";
import type { Client } from "./client";
import type { Store } from "./store";

/** Longer than VS Code waits itself before it asks for lenses again. */
const LATER_MS = 1000;

/**
 * Asks for the lenses once more a moment after a run went on.
 *
 * VS Code puts a refresh off for a quarter of a second, and drops it when the editor loses the focus meanwhile: who
 * clicks a lens and then the Waves view would see the old lens until the run's next event.
 */
export function refreshLensesAgain(store: Store, client: Client): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  const listener = store.onRunEvent(({ record }) => {
    if (record.event === "task-progress") return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      client.refreshLenses(vscode.window.visibleTextEditors.map((editor) => editor.document));
    }, LATER_MS);
  });
  return new vscode.Disposable(() => {
    clearTimeout(timer);
    listener.dispose();
  });
}
