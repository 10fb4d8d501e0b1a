import * as vscode from "vscode";
import { foreign } from "./foreign";

/** Messages to the user. They may quote a file or an output: all go through here, and nothing in them is a link. */

/** Shows an error, with what can be done about it; answers what the user chose. */
export function tellError<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return vscode.window.showErrorMessage(foreign(message), ...choices);
}

/** Shows a warning. */
export function tellWarning<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return vscode.window.showWarningMessage(foreign(message), ...choices);
}

/** Shows something that is good to know. */
export function tell<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return vscode.window.showInformationMessage(foreign(message), ...choices);
}

/** Shows for some milliseconds in the status bar what is no news for longer. */
export function tellBriefly(message: string, milliseconds: number): void {
  vscode.window.setStatusBarMessage(foreign(message), milliseconds);
}
