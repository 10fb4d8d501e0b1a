/**
 * The door for foreign text (titles, names, labels, output, paths, errors) on its way into what VS Code shows as words: a
 * message, a progress, a label, a list, a tooltip. There it is text and nothing else.
 *
 * VS Code makes a link of `[text](command:id?arguments)` in each notification and each progress, and a click runs the
 * command (`vs/base/common/linkedText.ts`); of `$(name)` in the status bar, in lenses, in lists and in the names of
 * terminals it makes an icon (`vs/base/common/iconLabels.ts`). Neither knows an escape, and both want their two characters
 * side by side: here they are kept apart, whatever stands around them. The server does the same (`src/lsp/plain.rs`); what it
 * sends as data comes through here.
 */
export function foreign(text: string): string {
  return shownOf(text).replace(/(?<=[\]$])\(/g, " (");
}

/** One line of foreign text. */
export function foreignLine(text: string): string {
  return foreign(text).replace(/\n/g, " ").trim();
}

/**
 * A text that somebody has to judge to its last character: what would begin a link or an icon is written as its number.
 * Nothing is taken out: who wrote the text has done so with what nobody would see.
 */
export function exact(text: string): string {
  return text.replace(/(?<=\]|\$(?=\([\w~-]+\)))\(/g, "\\u{28}");
}

/** The words of an error, whatever was thrown. */
export function errorText(error: unknown): string {
  return foreign(error instanceof Error ? error.message : String(error));
}

/** A control character (but for the line end), or one that makes the text around it read in another order. */
export function isUnshown(char: string): boolean {
  return UNSHOWN_ONE.test(char);
}

/** What of a text is shown: no escape sequence, no control character, no change of reading direction. Line ends stay. */
function shownOf(text: string): string {
  return text
    .replace(SEQUENCE, "")
    .replace(/[\t\u2028\u2029]/g, " ")
    .replace(UNSHOWN, "");
}

// What is matched here is control characters.
/* eslint-disable no-control-regex */

/** Escape sequences (ECMA-48, sections 5.4 and 5.6). One that never ends takes the rest along, as in a terminal. */
const SEQUENCE =
  /\u001b(?:\[[^\u0040-\u007e]*(?:[\u0040-\u007e]|$)|[\]PX^_][^\u0007\u009c\u001b]*(?:\u0007|\u009c|\u001b[^]?|$)|[\u0020-\u002f][^\u0030-\u007e]*(?:[\u0030-\u007e]|$)|[^]|$)/gu;

/** Control characters but the line end, and what makes the text around it read in another order. */
const UNSHOWN_ONE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const UNSHOWN = new RegExp(UNSHOWN_ONE, "g");
