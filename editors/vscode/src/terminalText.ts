/**
 * Makes a task's output safe for a terminal: colours stay, every other control sequence goes. A log is what some
 * program printed; a terminal would obey it (retitle the window, write to the clipboard, ask questions that come back
 * as typed text).
 *
 * Reads a stream: a sequence that one piece begins and the next one ends is seen whole.
 */
export class TerminalText {
  readonly #decoder = new TextDecoder("utf-8");
  #state: State = "text";
  /** The parameters of the sequence that is being read. */
  #parameters = "";

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
    if (char === "\n") return "\r\n";
    // Backspace and its kind move the cursor; a tab and a carriage return (progress bars) are part of the text.
    return isControl(code) && char !== "\t" && char !== "\r" ? "" : char;
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
    return char === "m" && /^[0-9;:]*$/.test(this.#parameters) ? `\u001b[${this.#parameters}m` : "";
  }
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

/** C0, delete, and C1: the latter are control sequences of one character each. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}
