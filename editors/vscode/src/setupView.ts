import * as vscode from "vscode";

/**
 * The view above the waves that says what is missing before a task can run. Its words are welcome contents in
 * package.json: VS Code shows those in an empty tree only, which the waves are not.
 */
export function showSetup(): vscode.Disposable {
  const nothing: vscode.TreeDataProvider<never> = {
    getChildren: () => [],
    getTreeItem: (row) => row,
  };
  return vscode.window.registerTreeDataProvider("featureBuild.setup", nothing);
}
