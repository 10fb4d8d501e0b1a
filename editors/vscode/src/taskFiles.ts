import * as vscode from "vscode";
import { isActive, isBad } from "./runs";
import { canonical, placeOf } from "./documents";
import type { PlacedTask, Store } from "./store";

type Sign = "ready" | "running" | "passed" | "failed" | "waiting";

/** What an editor with a task file shows beyond what the server draws: the gutter's sign and the title's buttons. */
export class TaskFiles implements vscode.Disposable {
  readonly #store: Store;
  readonly #signs: Readonly<Record<Sign, vscode.TextEditorDecorationType>>;
  readonly #disposables: vscode.Disposable[];

  constructor(store: Store, extension: vscode.Uri) {
    this.#store = store;
    const sign = (name: Sign): vscode.TextEditorDecorationType => gutterSign(extension, name);
    this.#signs = {
      ready: sign("ready"),
      running: sign("running"),
      passed: sign("passed"),
      failed: sign("failed"),
      waiting: sign("waiting"),
    };
    const draw = (): void => {
      void this.#draw();
    };
    this.#disposables = [
      ...Object.values(this.#signs),
      store.onDidChange(draw),
      vscode.window.onDidChangeVisibleTextEditors(draw),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("featureBuild.gutterIcons")) draw();
      }),
    ];
    draw();
  }

  dispose(): void {
    vscode.Disposable.from(...this.#disposables).dispose();
  }

  async #draw(): Promise<void> {
    const shown = vscode.workspace.getConfiguration("featureBuild").get<boolean>("gutterIcons", true);
    const taskFiles: string[] = [];
    for (const editor of vscode.window.visibleTextEditors) {
      const { uri } = editor.document;
      const task = uri.scheme === "file" ? this.#store.taskOfFile(await canonical(uri.fsPath)) : undefined;
      if (task !== undefined) taskFiles.push(uri.fsPath);
      this.#mark(editor, shown ? task : undefined);
    }
    // Only the files in sight: the list goes to another process each time.
    await vscode.commands.executeCommand("setContext", "featureBuild.taskFiles", taskFiles);
  }

  #mark(editor: vscode.TextEditor, task: PlacedTask | undefined): void {
    const sign = task === undefined ? undefined : this.#signOf(task);
    for (const [name, decoration] of Object.entries(this.#signs)) {
      const here = task !== undefined && name === sign ? [at(editor.document, task)] : [];
      editor.setDecorations(decoration, here);
    }
  }

  #signOf({ root, task }: PlacedTask): Sign | undefined {
    const attempt = this.#store.attempt(root.root, task);
    if (isActive(attempt)) return "running";
    if (attempt?.state === "pending") return "waiting";
    if (isBad(attempt?.outcome)) return "failed";
    if (task.state === "done") return "passed";
    if (task.state === "ready") return "ready";
    return task.state === "waiting" ? "waiting" : undefined;
  }
}

function gutterSign(extension: vscode.Uri, name: Sign): vscode.TextEditorDecorationType {
  const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(extension, "images", `gutter-${name}-${theme}.svg`);
  return vscode.window.createTextEditorDecorationType({
    light: { gutterIconPath: icon("light"), gutterIconSize: "75%" },
    dark: { gutterIconPath: icon("dark"), gutterIconSize: "75%" },
  });
}

function at(document: vscode.TextDocument, { task }: PlacedTask): vscode.Range {
  const place = placeOf(document, task);
  return new vscode.Range(place, place);
}
