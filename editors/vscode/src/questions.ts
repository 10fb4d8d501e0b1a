import * as vscode from "vscode";
import { MessageType, type MessageActionItem, type ShowMessageRequestParams } from "vscode-languageclient/node";

/** The server's answer to its own questions that does nothing: what Escape means. */
const NO = "Not now";

/**
 * Asks what the server asks. Several lines are asked in a dialog: a notification runs them into one, and what they
 * show is the commands that a yes trusts.
 */
export async function ask(question: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const [message = "", ...lines] = question.message.split("\n");
  const actions = question.actions ?? [];
  const show = SHOW[question.type];
  if (lines.length === 0) return (await show(message, {}, ...actions)) ?? null;
  const items = actions.map((action) => ({ ...action, isCloseAffordance: action.title === NO }));
  const chosen = await show(message, { modal: true, detail: lines.join("\n") }, ...items);
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
