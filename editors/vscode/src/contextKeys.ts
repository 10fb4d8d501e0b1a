import * as vscode from "vscode";
import type { Store } from "./store";

/** Keeps the keys that `when` clauses ask for as the store has them. */
export function keepContextKeys(store: Store): vscode.Disposable {
  const set = new Map<string, unknown>();
  const keep = (key: string, value: unknown): void => {
    // Each key is a message to another process; most changes change none of them.
    if (set.get(key) === value) return;
    set.set(key, value);
    void vscode.commands.executeCommand("setContext", `featureBuild.${key}`, value);
  };
  const update = (): void => {
    keep("state", store.state);
    keep("hasTasks", store.hasTasks());
    keep(
      "configured",
      store.roots().some((root) => root.configured),
    );
    keep("missing", missing(store));
    keep("running", store.runs.live().length > 0);
    keep("failures", store.failures().length > 0);
    keep("ran", store.runs.lastFinished() !== undefined);
  };
  update();
  return vscode.Disposable.from(store.onDidChange(update), vscode.workspace.onDidGrantWorkspaceTrust(update));
}

/** What is missing before a task that is there can run. */
function missing(store: Store): "trust" | "configuration" | "nothing" {
  if (!store.hasTasks()) return "nothing";
  if (!vscode.workspace.isTrusted) return "trust";
  return store.unconfigured() === undefined ? "nothing" : "configuration";
}
