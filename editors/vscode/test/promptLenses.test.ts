import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import test from "node:test";
import type { CancellationToken, CodeLens, TextDocument } from "vscode";
import { PromptLenses } from "../src/promptLenses";

const TOKEN = { isCancellationRequested: false } as CancellationToken;

function lens(title: string): CodeLens {
  return { command: { title, command: "run" } } as unknown as CodeLens;
}

/** An answer that comes when it is let go. */
function held(lenses: CodeLens[]): { readonly answer: Promise<CodeLens[]>; readonly letGo: () => void } {
  let letGo = (): void => undefined;
  const answer = new Promise<CodeLens[]>((resolve) => {
    letGo = () => {
      resolve(lenses);
    };
  });
  return { answer, letGo };
}

test("an answer in time is passed on", async () => {
  const prompt = new PromptLenses(() => {
    assert.fail("nothing is late");
  });
  const document = { version: 1 } as TextDocument;
  const lenses = [lens("one")];
  assert.equal(await prompt.answer(document, TOKEN, () => lenses), lenses);
});

test("a late answer is shown by a request of its own, for which the server is not asked again", async () => {
  let told = (): void => undefined;
  const refreshed = new Promise<void>((resolve) => (told = resolve));
  const prompt = new PromptLenses(() => {
    told();
  });
  const document = { version: 1 } as TextDocument;
  const late = held([lens("one")]);
  assert.equal(await prompt.answer(document, TOKEN, () => late.answer), undefined);
  late.letGo();
  await refreshed;
  const shown = await prompt.answer(document, TOKEN, () => assert.fail("asked again"));
  assert.deepEqual(shown, [lens("one")]);

  const again = [lens("two")];
  assert.equal(await prompt.answer(document, TOKEN, () => again), again, "the next request is the server's again");
});

test("while an answer is late the lenses of before stay, and a changed text asks again", async () => {
  let told = (): void => undefined;
  const refreshed = new Promise<void>((resolve) => (told = resolve));
  const prompt = new PromptLenses(() => {
    told();
  });
  const document = { version: 1 };
  const before = [lens("before")];
  await prompt.answer(document as TextDocument, TOKEN, () => before);
  const late = held([lens("late")]);
  assert.equal(await prompt.answer(document as TextDocument, TOKEN, () => late.answer), before);
  late.letGo();
  await refreshed;
  document.version = 2;
  const after = [lens("after")];
  assert.equal(await prompt.answer(document as TextDocument, TOKEN, () => after), after);
});

test("who waits until lenses are given goes on after the answer that is shown, be it late", async () => {
  let told = (): void => undefined;
  const refreshed = new Promise<void>((resolve) => (told = resolve));
  const prompt = new PromptLenses(() => {
    told();
  });
  const document = { version: 1 } as TextDocument;
  let given = false;
  const wait = prompt.given(1_000_000).then(() => (given = true));
  const late = held([lens("one")]);
  await prompt.answer(document, TOKEN, () => late.answer);
  late.letGo();
  await refreshed;
  assert.equal(given, false, "nothing is shown yet");
  await prompt.answer(document, TOKEN, () => assert.fail("asked again"));
  await wait;
});

test("an answer that was there in time is not late because the host was busy", async () => {
  const prompt = new PromptLenses(() => {
    assert.fail("nothing is late");
  });
  const [busy, lenses] = [300, [lens("one")]];
  const asked = prompt.answer({ version: 1 } as TextDocument, TOKEN, async () => {
    await access(__filename);
    return lenses;
  });
  const end = Date.now() + busy;
  while (Date.now() < end);
  assert.equal(await asked, lenses);
});

test("who waits until lenses are given does not wait for ever", async () => {
  await new PromptLenses(() => undefined).given(1);
});
