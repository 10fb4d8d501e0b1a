import * as vscode from "vscode";
import { ServerCommand } from "./protocol";
import type { RunView } from "./runs";
import type { Store } from "./store";
import { tellError } from "./tell";

/** Tells when a run has ended and some task of it did not pass, with what one wants to do then. */
export function tellFailedRuns(store: Store): vscode.Disposable {
  const since = Date.now();
  const told = new Set<string>();
  return store.onRunEvent(({ run, record }) => {
    if (record.event !== "run-finished" || run.finished === undefined) return;
    // A server that starts anew tells old runs again; their end is no news.
    const key = JSON.stringify([run.root, run.id]);
    if (run.finished.at < since || told.has(key)) return;
    told.add(key);
    if (run.finished.outcome !== "failed") {
      void hideOld(run);
      return;
    }
    if (!vscode.workspace.getConfiguration("featureBuild").get<boolean>("notifyOnFailure", true)) return;
    void tell(run);
  });
}

const SHOW = "Show failures";
const RERUN = "Re-run failed";

/** How many messages about a feature stand, by its root and id. */
const standing = new Map<string, number>();

async function tell(run: RunView): Promise<void> {
  const key = keyOf(run);
  standing.set(key, (standing.get(key) ?? 0) + 1);
  // The same words for each run of a feature: VS Code replaces a message by one that says the same. How many tasks did not
  // pass is in the status bar, which is told about the newest run, too.
  const message = `${run.title}: tasks of its last run did not pass.`;
  const choice = await tellError(message, SHOW, RERUN);
  standing.set(key, (standing.get(key) ?? 1) - 1);
  if (choice === SHOW) await vscode.commands.executeCommand("workbench.actions.view.problems");
  if (choice === RERUN) {
    await vscode.commands.executeCommand(ServerCommand.rerunFailed, { root: run.root, run: run.id });
  }
}

/** A message that is not so any more leaves the sight; VS Code keeps what it hides in its list. */
async function hideOld(run: RunView): Promise<void> {
  if ((standing.get(keyOf(run)) ?? 0) > 0) await vscode.commands.executeCommand("notifications.hideToasts");
}

function keyOf(run: RunView): string {
  return JSON.stringify([run.root, run.feature]);
}
