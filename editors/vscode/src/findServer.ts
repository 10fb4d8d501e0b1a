import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, relative } from "node:path";

/** Where the server's program may be. */
export interface Places {
  /** The user's setting; empty where there is none. */
  readonly setting: string;
  /** The extension's own folder. */
  readonly extension: string;
  readonly path: string;
  /** The folders that are open. */
  readonly workspaces: readonly string[];
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

export type Found =
  | { readonly kind: "found"; readonly program: string; readonly from: "setting" | "extension" | "path" }
  | { readonly kind: "missing" }
  /** The setting names something that cannot be started: to take another program silently would hide the mistake. */
  | { readonly kind: "wrong-setting"; readonly program: string; readonly problem: string };

/**
 * The setting's program, else the one inside the extension, else the first on PATH.
 *
 * Waits for nothing: each turn in a new window is shared with all other extensions that start, and lasts much longer than
 * these few looks at the disk.
 */
export function findServer(places: Places): Found {
  const setting = expandHome(places.setting.trim(), places.home);
  if (setting !== "") return fromSetting(setting);

  const name = places.platform === "win32" ? "feature-build.exe" : "feature-build";
  const own = join(places.extension, "server", name);
  if (isProgram(own)) return { kind: "found", program: own, from: "extension" };

  for (const folder of places.path.split(delimiter)) {
    // A relative entry would look into the opened workspace, and an environment that was activated may lie in it: a program
    // from there was chosen by nobody.
    if (!isAbsolute(folder)) continue;
    const program = join(folder, name);
    if (isProgram(program) && !liesInOne(places.workspaces, [program, folder]))
      return { kind: "found", program, from: "path" };
  }
  return { kind: "missing" };
}

function fromSetting(program: string): Found {
  if (!isAbsolute(program)) return { kind: "wrong-setting", program, problem: "it is not an absolute path" };
  if (!isProgram(program)) return { kind: "wrong-setting", program, problem: "no program is there" };
  return { kind: "found", program, from: "setting" };
}

/** Does one of these paths lead into one of the folders? */
function liesInOne(folders: readonly string[], paths: readonly string[]): boolean {
  const inside = (folder: string, path: string) => {
    const way = relative(folder, path);
    return way === "" || (!isAbsolute(way) && way.split(/[/\\]/)[0] !== "..");
  };
  return folders.map(real).some((folder) => paths.map(real).some((path) => inside(folder, path)));
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
