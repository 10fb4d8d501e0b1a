import * as vscode from "vscode";
import { Client } from "./client";
import { registerCommands } from "./commands";
import { keepContextKeys } from "./contextKeys";
import { IgnoredSettings, serverPath } from "./ignoredSetting";
import { refreshLensesAgain } from "./lensRefresh";
import { LogDocuments } from "./logDocuments";
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
  let path = serverPath();
  context.subscriptions.push(
    store,
    started,
    keepContextKeys(store),
    registerCommands(store, started),
    new StatusBar(store),
    new WavesView(store),
    showSetup(),
    new LogDocuments(),
    new TaskFiles(store, context.extensionUri),
    tellFailedRuns(store),
    refreshLensesAgain(store, started),
    new IgnoredSettings(context.workspaceState),
    vscode.workspace.onDidChangeConfiguration(() => {
      // What a workspace says changes nothing.
      if (serverPath() === path) return;
      path = serverPath();
      void started.restart();
    }),
  );
  await started.restart();
}

/** Ends the server. Runs go on without it. */
export function deactivate(): Promise<void> | undefined {
  return client?.stop();
}
