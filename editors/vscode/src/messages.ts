import * as vscode from "vscode";
import { ServerCommand } from "./protocol";
import type { RunView } from "./runs";
import type { Store } from "./store";
import { tellError } from "./tell";
import * as text from "./text";

/** Tells when a run has ended and some task of it did not pass, with what one wants to do then. */
export function tellFailedRuns(store: Store): vscode.Disposable {
  const since = Date.now();
  return store.onRunEvent(({ run, record }) => {
    if (record.event !== "run-finished" || run.finished?.exitCode !== 1) return;
    // A server that starts anew tells old runs again; their end is no news.
    if (run.finished.at < since) return;
    if (!vscode.workspace.getConfiguration("featureBuild").get<boolean>("notifyOnFailure", true)) return;
    void tell(run);
  });
}

const SHOW = "Show failures";
const RERUN = "Re-run failed";

async function tell(run: RunView): Promise<void> {
  const message = `${run.title}: ${text.counts(run.finished?.summary ?? {})}.`;
  const choice = await tellError(message, SHOW, RERUN);
  if (choice === SHOW) await vscode.commands.executeCommand("workbench.actions.view.problems");
  if (choice === RERUN) {
    await vscode.commands.executeCommand(ServerCommand.rerunFailed, { root: run.root, run: run.id });
  }
}
