import { join } from "node:path";
import * as vscode from "vscode";
import { ServerCommand } from "./protocol";
import type { Store } from "./store";
import { tell } from "./tell";

const TEMPLATE = `# What runs a task: a list of arguments, never a shell.
# {id} {title} {file} {feature} {wave} {workspace} are filled in for each task.
run:
  command: [my-agent, --task, "{file}"]
`;

const AGENT = "An agent that is installed…";
const OWN = "A command of my own";

/** Opens the workspace's feature-build.yaml; where there is none, asks what shall stand in it. */
export async function configure(store: Store): Promise<void> {
  const root = (store.unconfigured() ?? store.roots()[0])?.root ?? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (root === undefined) {
    void tell("Open a folder first.");
    return;
  }
  const uri = vscode.Uri.file(join(root, "feature-build.yaml"));
  if (await exists(uri)) {
    await vscode.window.showTextDocument(uri);
    return;
  }
  // The server knows the agents and looks for them; without one there is only the draft.
  const choice = store.state === "ready" ? await choose() : OWN;
  if (choice === AGENT) await vscode.commands.executeCommand(ServerCommand.init, { root });
  if (choice === OWN) await draft(uri);
}

async function choose(): Promise<string | undefined> {
  const choices = [
    { label: AGENT, detail: "Looks for coding agents and writes the one that you choose into feature-build.yaml" },
    { label: OWN, detail: "Drafts a feature-build.yaml that you complete" },
  ];
  return (await vscode.window.showQuickPick(choices, { title: "What runs these tasks?" }))?.label;
}

/** Nothing is saved: the draft takes its name when the user saves it. */
async function draft(uri: vscode.Uri): Promise<void> {
  const document = await vscode.workspace.openTextDocument(uri.with({ scheme: "untitled" }));
  const editor = await vscode.window.showTextDocument(document);
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(0, 0), TEMPLATE);
  });
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
