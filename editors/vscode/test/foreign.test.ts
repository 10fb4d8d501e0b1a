import assert from "node:assert/strict";
import test from "node:test";
import { errorText, exact, foreign, foreignLine } from "../src/foreign";

/** VS Code's own rules, `vs/base/common/linkedText.ts` and `iconLabels.ts`. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
const ICON = /\$\([A-Za-z0-9~-]+\)/;

/** What VS Code does with a message before it looks for links. */
const asMessage = (text: string): string => text.replace(/(\r\n|\n|\r)/gm, " ").trim();

test("a link and an icon are words, which say what they said", () => {
  assert.equal(foreign("[here](command:x?%7B%7D) of $(error)"), "[here] (command:x?%7B%7D) of $ (error)");
  assert.equal(foreign("f(x) [1] (2) $ (3)\nnext"), "f(x) [1] (2) $ (3)\nnext");
  assert.equal(foreignLine("[a]\n(b)\n"), "[a] (b)");
});

test("what nobody sees hides no link", () => {
  const hidden = ["\r", "\u001b[0m", "\u001b]0;x\u0007", "\u001b]0;x\u001b\\", "\u202e", "\u200e", "\u0000", "\u009b"];
  for (const between of hidden) assert.equal(foreign(`[a]${between}(b) $${between}(c)`), "[a] (b) $ (c)");
});

test("what agent::safe shows is shown", () => {
  assert.equal(
    foreign("\u001b[1;31mred\u001b[0m \u001b]0;title\u0007and \u001b]8;;x\u001b\\link\u001b(B!"),
    "red and link!",
  );
  assert.equal(foreign("a\u202eb\u009bc\bd\te"), "abcd e");
  assert.equal(foreign("a\u001b[31"), "a");
  assert.equal(foreign("a\u001b]0;never ends"), "a");
});

test("whatever an attacker puts together, VS Code finds neither link nor icon in it", () => {
  const pieces = [
    "[",
    "]",
    "(",
    ")",
    "$",
    "command:x",
    "https://y",
    "a",
    " ",
    "\n",
    "\r",
    "\u001b",
    "\u200b",
    "\u202e",
  ];
  let seed = 12;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648);
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: (random() >> 8) % 14 }, () => pieces[(random() >> 8) % pieces.length]).join("");
    // Also where two texts meet, as title and message of a progress do.
    for (const shown of [foreign(text), foreignLine(text), `${foreign(text)}: ${foreign(text)}`]) {
      assert.doesNotMatch(asMessage(shown), LINK, JSON.stringify(text));
      assert.doesNotMatch(asMessage(shown), ICON, JSON.stringify(text));
    }
    assert.equal(foreign(foreign(text)), foreign(text));
    assert.doesNotMatch(exact(text), LINK);
    assert.doesNotMatch(exact(text), ICON);
  }
});

test("what is to be judged says the same", () => {
  assert.equal(exact("echo $(id -u) $(date) [a](b)"), "echo $(id -u) $\\u{28}date) [a]\\u{28}b)");
});

test("whatever was thrown has words", () => {
  assert.equal(errorText(new Error("no [a](command:b)")), "no [a] (command:b)");
  assert.equal(errorText("gone"), "gone");
});
