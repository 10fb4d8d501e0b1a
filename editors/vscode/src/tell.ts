/** Messages to the user. They may quote a file or an output: all go through here, and nothing in them is a link. */
import * as vscode from "vscode";
import { foreign } from "./foreign";

/** VS Code cuts a message without a button to one line of about so many characters, and what is cut is the reason. */
const SHORT = 50;

/** The button of a message that would be cut without one: with it the message is shown whole. */
const CLOSES = "OK";

/** The buttons of a message: those that it has, or one that closes it where it would be cut. */
export function buttons<T extends string>(message: string, choices: readonly T[] = []): (T | typeof CLOSES)[] {
  if (choices.length > 0 || message.length <= SHORT) return [...choices];
  return [CLOSES];
}

/** Shows an error, with what can be done about it; answers what the user chose. */
export function tellError<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return chosen(vscode.window.showErrorMessage(foreign(message), ...buttons(message, choices)));
}

/** Shows a warning. */
export function tellWarning<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return chosen(vscode.window.showWarningMessage(foreign(message), ...buttons(message, choices)));
}

/** Shows something that is good to know. */
export function tell<T extends string>(message: string, ...choices: T[]): Thenable<T | undefined> {
  return chosen(vscode.window.showInformationMessage(foreign(message), ...buttons(message, choices)));
}

/** Shows for some milliseconds in the status bar what is no news for longer. */
export function tellBriefly(message: string, milliseconds: number): void {
  vscode.window.setStatusBarMessage(foreign(message), milliseconds);
}

/** Closing a message is no choice. */
async function chosen<T extends string>(answer: Thenable<T | typeof CLOSES | undefined>): Promise<T | undefined> {
  const choice = await answer;
  return choice === CLOSES ? undefined : choice;
}
