import { basename, dirname } from "node:path";
import { parse } from "jsonc-parser";
import * as vscode from "vscode";
import { tellWarning } from "./tell";

const SETTING = "featureBuild.server.path";
/** Files of settings are small; what is larger is none that anybody wrote. */
const MOST_BYTES = 1 << 20;
/** What was told is remembered with the workspace, so many at most. */
const MOST_TOLD = 50;
const TOLD = "toldIgnoredSettings";

/**
 * The user's own choice of the server's program; empty where there is none.
 *
 * The setting's scope, `machine`, is not enough: VS Code drops `featureBuild.server.path` from a workspace's settings, but
 * not `"featureBuild.server": {"path": "…"}`, which says the same to whoever asks for the value (`configurationModels.ts`
 * looks at registered names alone), in Restricted Mode, too.
 */
export function serverPath(): string {
  const path: unknown = vscode.workspace.getConfiguration().inspect(SETTING)?.globalValue;
  return typeof path === "string" ? path : "";
}

/** Opens the settings where the program can be chosen: in a remote window those of the user do not have it. */
export async function openServerPath(): Promise<void> {
  const settings = vscode.env.remoteName === undefined ? "openSettings" : "openRemoteSettings";
  await vscode.commands.executeCommand(`workbench.action.${settings}`, { query: SETTING });
}

/** Tells, once for each value, that a workspace cannot choose the server's program: VS Code ignores it in silence. */
export class IgnoredSettings implements vscode.Disposable {
  readonly #memory: vscode.Memento;
  readonly #disposables: vscode.Disposable[] = [];
  #watchers: vscode.Disposable[] = [];

  constructor(memory: vscode.Memento) {
    this.#memory = memory;
    this.#disposables.push(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.#watch();
      }),
    );
    this.#watch();
  }

  dispose(): void {
    vscode.Disposable.from(...this.#watchers, ...this.#disposables).dispose();
  }

  #watch(): void {
    vscode.Disposable.from(...this.#watchers).dispose();
    this.#watchers = settingsFiles().map(({ folder, path, key }) => {
      const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, path));
      const look = (): void => {
        void this.#look(vscode.Uri.joinPath(folder, path), key);
      };
      watcher.onDidCreate(look);
      watcher.onDidChange(look);
      look();
      return watcher;
    });
  }

  async #look(file: vscode.Uri, key: string | undefined): Promise<void> {
    const program = await programIn(file, key);
    if (program === undefined) return;
    const told = this.#memory.get<string[]>(TOLD, []);
    const news = JSON.stringify([file.toString(), program]);
    if (told.includes(news)) return;
    await this.#memory.update(TOLD, [...told, news].slice(-MOST_TOLD));
    const choice = await tellWarning(
      `${SETTING} in ${vscode.workspace.asRelativePath(file)} is ignored: a workspace does not choose which program is ` +
        "started. Set it in your user settings; for a remote machine or a container in its remote settings.",
      "Open Settings",
    );
    if (choice !== undefined) await openServerPath();
  }
}

/** The files that a workspace says settings in; in that of several folders they stand below a key. */
function settingsFiles(): { folder: vscode.Uri; path: string; key?: string }[] {
  const files = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => ({
    folder: uri,
    path: ".vscode/settings.json",
  }));
  const several = vscode.workspace.workspaceFile;
  if (several?.scheme !== "file") return files;
  const folder = several.with({ path: dirname(several.path) });
  return [...files, { folder, path: basename(several.path), key: "settings" }];
}

/** The program that a file of settings names, whichever way it is written. */
async function programIn(file: vscode.Uri, key: string | undefined): Promise<string | undefined> {
  try {
    const { type, size } = await vscode.workspace.fs.stat(file);
    if ((type & vscode.FileType.File) === 0 || size > MOST_BYTES) return undefined;
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
    const settings: unknown = parse(text, [], { allowTrailingComma: true });
    return named(key === undefined ? settings : property(settings, key), SETTING);
  } catch {
    // Most workspaces have no such file; one that cannot be read names nothing.
    return undefined;
  }
}

/** `a.b.c`, also written as `{"a.b": {"c": …}}`. */
function named(settings: unknown, name: string): string | undefined {
  const whole = property(settings, name);
  if (typeof whole === "string" && whole !== "") return whole;
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
    const below = named(property(settings, name.slice(0, dot)), name.slice(dot + 1));
    if (below !== undefined) return below;
  }
  return undefined;
}

function property(object: unknown, key: string): unknown {
  if (typeof object !== "object" || object === null || !Object.hasOwn(object, key)) return undefined;
  return (object as Record<string, unknown>)[key];
}
