import { isUnshown } from "./foreign";

/**
 * Makes a task's output safe for a terminal. A log is what some program printed; a terminal would obey it (retitle the
 * window, write to the clipboard, ask questions that come back as typed text). What is shown is what `agent::safe` shows,
 * and all of it is seen: no control sequence, no change of reading direction, nothing that is written over (a carriage
 * return begins a line), and of styles only those that hide nothing.
 *
 * Reads a stream: a sequence that one piece begins and the next one ends is seen whole.
 */
export class TerminalText {
  readonly #decoder = new TextDecoder("utf-8");
  #state: State = "text";
  /** The parameters of the sequence that is being read. */
  #parameters = "";
  /** A carriage return came: the next character begins a line, unless it is a line end itself. */
  #returned = false;

  /** What a terminal may be shown of the next bytes. */
  push(bytes: Uint8Array): string {
    let shown = "";
    for (const char of this.#decoder.decode(bytes, { stream: true })) shown += this.#step(char);
    return shown;
  }

  #step(char: string): string {
    const code = char.codePointAt(0) ?? 0;
    switch (this.#state) {
      case "text":
        return this.#text(char, code);
      case "escape":
        this.#state = afterEscape(char, code);
        this.#parameters = "";
        return "";
      case "sequence":
        return this.#sequence(char, code);
      case "string":
        this.#state = inString(code);
        return "";
      case "string-escape":
        // `ESC \` ends the string; any other escape ends it too and begins a sequence of its own.
        this.#state = char === "\\" ? "text" : afterEscape(char, code);
        this.#parameters = "";
        return "";
    }
  }

  #text(char: string, code: number): string {
    if (code === ESCAPE) {
      this.#state = "escape";
      return "";
    }
    if (char === "\r") this.#returned = true;
    // Backspace and its kind move the cursor; a tab is part of the text.
    if (char !== "\t" && char !== "\n" && isUnshown(char)) return "";
    const line = this.#returned || char === "\n" ? "\r\n" : "";
    this.#returned = false;
    return char === "\n" ? line : line + (char === "\u2028" || char === "\u2029" ? " " : char);
  }

  #sequence(char: string, code: number): string {
    if (code < 0x20 || code > 0x7e || this.#parameters.length > LONGEST) {
      this.#state = code === ESCAPE ? "escape" : "text";
      return "";
    }
    if (code < 0x40) {
      this.#parameters += char;
      return "";
    }
    this.#state = "text";
    const kept = char === "m" ? styles(this.#parameters) : [];
    return kept.length === 0 ? "" : `\u001b[${kept.join(";")}m`;
  }
}

/**
 * What may stay of the parameters of a style (ECMA-48, section 8.3.117): bold, italics, underlines, the six colours, and
 * their ends. Text that is concealed, or of the background's colour, would be there and not be seen: no background, no black,
 * white or grey, no colour that is given as a number.
 */
function styles(parameters: string): string[] {
  const all = parameters.split(";");
  const kept: string[] = [];
  for (let at = 0; at < all.length; at++) {
    const parameter = all[at] ?? "";
    if (parameter === "38" || parameter === "48" || parameter === "58") at += all[at + 1] === "2" ? 4 : 2;
    else if (/^0*([0134]|2[234]|39|3[1-6]|9[1-6])?$/.test(parameter)) kept.push(parameter);
  }
  return kept;
}

type State = "text" | "escape" | "sequence" | "string" | "string-escape";

const ESCAPE = 0x1b;
const BELL = 0x07;
/** More parameters than this are no colour. */
const LONGEST = 256;

function afterEscape(char: string, code: number): State {
  if (char === "[") return "sequence";
  // Operating system commands and the other strings: titles, clipboards, links, pictures.
  if ("]PX^_".includes(char)) return "string";
  // Bytes between the escape and its last byte, such as a choice of character set.
  return code === ESCAPE || (code >= 0x20 && code < 0x30) ? "escape" : "text";
}

function inString(code: number): State {
  if (code === BELL) return "text";
  return code === ESCAPE ? "string-escape" : "string";
}
