import { realpath } from "node:fs/promises";
import * as vscode from "vscode";
import type { TaskInfo } from "./protocol";

/** The server names files by their canonical path; an editor may have come through a link. */
export async function canonical(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // A file that is not on the disk yet has only the one name.
    return path;
  }
}

/** Where a task's lens stands. The server counts bytes; a text that was edited since may be shorter. */
export function placeOf(document: vscode.TextDocument, { anchor }: TaskInfo): vscode.Position {
  // What counts stands in the frontmatter: of a long file only the beginning is turned into bytes.
  const head = document.getText(new vscode.Range(0, 0, HEAD_LINES, 0));
  const before = Buffer.from(head).subarray(0, anchor).toString();
  return new vscode.Position(before.split("\n").length - 1, 0);
}

/** More lines than this no frontmatter has. */
const HEAD_LINES = 500;
