import * as vscode from "vscode";
import { Client } from "./client";
import { registerCommands } from "./commands";
import { keepContextKeys } from "./contextKeys";
import { refreshLensesAgain } from "./lensRefresh";
import { tellFailedRuns } from "./messages";
import { showSetup } from "./setupView";
import { StatusBar } from "./statusBar";
import { Store } from "./store";
import { TaskFiles } from "./taskFiles";
import { WavesView } from "./wavesView";

let client: Client | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const store = new Store();
  client = new Client(context, store);
  const started = client;
  const restart = (): void => {
    void started.restart();
  };
  context.subscriptions.push(
    store,
    started,
    keepContextKeys(store),
    registerCommands(store, started),
    new StatusBar(store),
    new WavesView(store),
    showSetup(),
    new TaskFiles(store, context.extensionUri),
    tellFailedRuns(store),
    refreshLensesAgain(store, started),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("featureBuild.server.path")) restart();
    }),
    // With trust the workspace's own settings count: they may choose another program.
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
  );
  await started.restart();
}

/** Ends the server. Runs go on without it. */
export function deactivate(): Promise<void> | undefined {
  return client?.stop();
}
