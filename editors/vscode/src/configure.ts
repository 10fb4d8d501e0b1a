import { join } from "node:path";
import * as vscode from "vscode";
import type { Store } from "./store";

const TEMPLATE = `# What runs a task: a list of arguments, never a shell.
# {id} {title} {file} {feature} {wave} {workspace} are filled in for each task.
run:
  command: [my-agent, --task, "{file}"]
`;

/** Opens the workspace's feature-build.yaml; where there is none, a draft of it that nothing has saved yet. */
export async function configure(store: Store): Promise<void> {
  const root = store.roots()[0]?.root ?? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (root === undefined) {
    void vscode.window.showInformationMessage("Open a folder first.");
    return;
  }
  const uri = vscode.Uri.file(join(root, "feature-build.yaml"));
  try {
    await vscode.window.showTextDocument(uri);
  } catch {
    // It is not there: the draft takes its name when the user saves it.
    const document = await vscode.workspace.openTextDocument(uri.with({ scheme: "untitled" }));
    const editor = await vscode.window.showTextDocument(document);
    await editor.edit((edit) => {
      edit.insert(new vscode.Position(0, 0), TEMPLATE);
    });
  }
}
