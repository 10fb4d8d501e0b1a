import { basename } from "node:path";
import * as vscode from "vscode";
import { canonical } from "./documents";
import type { Store } from "./store";

/**
 * Saves the task files and configurations that have unsaved changes: a run reads the disk, and the server refuses one
 * whose tasks look different in the editor. Other files are the user's own business.
 *
 * Answers the name of a file that could not be saved.
 */
export async function saveTaskFiles(store: Store): Promise<string | undefined> {
  if (!vscode.workspace.getConfiguration("featureBuild").get<boolean>("saveBeforeRun", true)) return undefined;
  for (const document of vscode.workspace.textDocuments) {
    if (!document.isDirty || document.uri.scheme !== "file") continue;
    if (!(await concerns(store, document.uri.fsPath))) continue;
    if (!(await document.save())) return vscode.workspace.asRelativePath(document.uri);
  }
  return undefined;
}

async function concerns(store: Store, path: string): Promise<boolean> {
  if (basename(path) === "feature-build.yaml" || path.includes("/.guardkit/features/")) return true;
  return store.taskOfFile(await canonical(path)) !== undefined;
}
