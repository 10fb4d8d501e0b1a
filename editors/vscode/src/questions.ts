import * as vscode from "vscode";
import {
  MessageType,
  type MessageActionItem,
  type ShowMessageParams,
  type ShowMessageRequestParams,
} from "vscode-languageclient/node";
import { exact, foreign } from "./foreign";
import { buttons } from "./tell";

/** The server's answers to its own questions that do nothing: what Escape means. */
const NO: readonly string[] = ["Not now", "Keep it running"];

/** Shows what the server tells. */
export function show({ type, message }: ShowMessageParams): void {
  void SHOW[type](foreign(message), {}, ...buttons(message).map((title) => ({ title })));
}

/**
 * Asks what the server asks. Several lines are asked in a dialog: a notification runs them into one, and what they
 * show is the commands that a yes trusts.
 */
export async function ask(question: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const [message = "", ...lines] = question.message.split("\n");
  const actions = question.actions ?? [];
  const ask = SHOW[question.type];
  if (lines.length === 0) return (await ask(foreign(message), {}, ...actions)) ?? null;
  const items = actions.map((action) => ({ ...action, isCloseAffordance: NO.includes(action.title) }));
  const detail = exact(lines.join("\n"));
  const chosen = await ask(exact(message), { modal: true, detail }, ...items);
  return actions.find(({ title }) => title === chosen?.title) ?? null;
}

type Show = <T extends vscode.MessageItem>(
  message: string,
  options: vscode.MessageOptions,
  ...items: T[]
) => Thenable<T | undefined>;

const SHOW: Readonly<Record<MessageType, Show>> = {
  [MessageType.Error]: vscode.window.showErrorMessage,
  [MessageType.Warning]: vscode.window.showWarningMessage,
  [MessageType.Info]: vscode.window.showInformationMessage,
  [MessageType.Log]: vscode.window.showInformationMessage,
  [MessageType.Debug]: vscode.window.showInformationMessage,
};
