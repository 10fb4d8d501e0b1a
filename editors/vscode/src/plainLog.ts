/**
 * A log as text: control sequences, other control characters and changes of reading direction are gone, and of a line that
 * was written over itself (a progress bar) the last state stays. Its lines are the log's lines.
 */
export function plainLog(log: string): string {
  return log.replaceAll("\r\n", "\n").replace(SEQUENCE, "").split("\n").map(last).join("\n").replace(OTHER, "");
}

/** What a terminal would show of a line that returns to its beginning. */
function last(line: string): string {
  const states = line.split("\r").filter((state) => state !== "");
  return states.at(-1) ?? "";
}

/* eslint-disable no-control-regex -- control characters are what is looked for */
/** ECMA-48: strings (5.6) up to their end, control sequences (5.4), other escapes; with a C1 beginning, too. */
const SEQUENCE =
  /(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c\n]*(?:\u0007|\u001b\\|\u009c)?|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|\u001b[ -/]*[0-~]?/g;
const OTHER = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/* eslint-enable no-control-regex */
