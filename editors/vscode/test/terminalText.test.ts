import assert from "node:assert/strict";
import test from "node:test";
import { TerminalText } from "../src/terminalText";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const shown = (...pieces: string[]): string => {
  const text = new TerminalText();
  return pieces.map((piece) => text.push(bytes(piece))).join("");
};

test("colours stay", () => {
  assert.equal(shown("\u001b[1;31mred\u001b[0m"), "\u001b[1;31mred\u001b[0m");
});

test("line ends become a terminal's", () => {
  assert.equal(shown("a\nb\r\nc"), "a\r\nb\r\nc");
});

test("nothing is written over: a carriage return begins a line", () => {
  assert.equal(shown("evil\rgood"), "evil\r\ngood");
  assert.equal(shown("1 %\r", "\u001b[K2 %\r", "\r\nend"), "1 %\r\n2 %\r\nend");
  assert.equal(shown("a\r"), "a");
});

test("no change of reading direction, no line end of another kind", () => {
  assert.equal(shown("a\u202eb\u2066c\u200fd\u2028e\u061c"), "abcd e");
});

test("no style hides text", () => {
  assert.equal(shown("\u001b[8mhidden\u001b[28m"), "hidden");
  assert.equal(shown("\u001b[30;40mblack\u001b[0m"), "black\u001b[0m");
  assert.equal(shown("\u001b[37;41;1mx"), "\u001b[1mx");
  assert.equal(shown("\u001b[38;2;30;30;30;48;5;0;31mx\u001b[38:2:1:1:1my\u001b[97mz"), "\u001b[31mxyz");
  assert.equal(shown("\u001b[mx"), "\u001b[mx");
});

test("everything that a terminal would obey goes", () => {
  assert.equal(shown("a\u001b]0;title\u0007b"), "ab");
  assert.equal(shown("a\u001b]52;c;aGk=\u001b\\b"), "ab");
  assert.equal(shown("a\u001bPq#0\u001b\\b"), "ab");
  assert.equal(shown("a\u001b[2J\u001b[6n\u001b[?1049hb"), "ab");
  assert.equal(shown("a\u001b(0\u001bcb"), "ab");
  assert.equal(shown("a\u0008\u0000\u009b6nb"), "a6nb");
});

test("a sequence in pieces is seen whole", () => {
  const text = "x\u001b]0;title\u001b\\\u001b[31my\u001b[6n\u001b[0mz";
  for (let cut = 0; cut <= text.length; cut++) {
    assert.equal(shown(text.slice(0, cut), text.slice(cut)), "x\u001b[31my\u001b[0mz");
  }
});

test("a character in pieces is seen whole", () => {
  const whole = bytes("ä😀");
  const text = new TerminalText();
  assert.equal([...whole].map((byte) => text.push(Uint8Array.of(byte))).join(""), "ä😀");
});

test("a sequence without an end does not swallow what follows a line", () => {
  assert.equal(shown("\u001b[31\nnext"), "next");
  assert.equal(shown(`\u001b[${"1".repeat(1000)}`, "\nnext").endsWith("next"), true);
});
