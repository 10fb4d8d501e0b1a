// What our lenses take beside the least that any lens takes in VS Code, with 5,000 tasks: the two in turns, so that a
// machine that slows down slows both. VS Code waits itself before it asks for lenses (250 ms at least) and again before it
// draws a changed one (250 ms at least); no extension can shorten that.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, PACKAGE, VSIX_TOOL, Workspace, assert, largeFile, within } from "./support.mjs";

const ROUNDS = Number(process.env.FEATURE_BUILD_ROUNDS ?? 5);
/**
 * How many milliseconds later than the floor a lens may be, the best of all rounds each: on a busy machine the rest says
 * more about the machine. The program may be one without optimizations.
 */
const MOST = { fresh: 5000, opened: 1000, edit: 100 };
const OURS = manifest();

let folder;
const codes = {};
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "feature-build-floor-"));
  codes.floor = await Code.start({ extension: floorPackage() });
  codes.ours = await Code.start({ extension: PACKAGE });
});
after(async () => {
  for (const code of Object.values(codes)) await code.stop();
  rmSync(folder, { recursive: true, force: true });
});

function manifest() {
  return JSON.parse(
    readFileSync(fileURLToPath(new URL("../../../editors/vscode/package.json", import.meta.url)), "utf8"),
  );
}

/** Packs the extension that does nothing else; it is activated as ours is. */
function floorPackage() {
  const { version, engines, activationEvents } = OURS;
  const floor = { name: "floor", publisher: "floor", version, engines, activationEvents, main: "extension.js" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(floor));
  copyFileSync(fileURLToPath(new URL("floor.cjs", import.meta.url)), join(folder, "extension.js"));
  const out = join(folder, "floor.vsix");
  const options = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "--allow-star-activation"];
  execFileSync(process.execPath, [VSIX_TOOL, "package", ...options, "--out", out], { cwd: folder, stdio: "pipe" });
  return out;
}

async function measure(code, workspace, times) {
  const window = await code.open(workspace, largeFile(1, 1), { watch: watchOpening });
  const fresh = await window.opening("id: TASK-F1-1");
  times.fresh.push(fresh);

  await window.page.keyboard.press("Control+P");
  await window.page.locator(".quick-input-widget input[type=text]").fill("TASK-F200-7.md");
  await window.page.evaluate(() => globalThis.watchAgain());
  await window.pick("TASK-F200-7.md");
  times.opened.push(await window.opening("id: TASK-F200-7"));

  await window.page.locator(".view-line").filter({ hasText: "wave: 1" }).click();
  await window.page.keyboard.press("End");
  for (const key of ["2", "3", "4"]) times.edit.push(await window.untilLens(key));
  await code.closeAll();
}

/** Runs in the page: when an editor's text and a lens were first seen. */
function watchOpening() {
  const look = () => {
    const { seen } = globalThis;
    const text = document.querySelector(".editor-instance .view-lines")?.textContent.replaceAll("\u00a0", " ") ?? "";
    if (text !== "" && seen.texts.at(-1)?.text !== text) seen.texts.push({ text, at: performance.now() });
    if (document.querySelector(".codelens-decoration a") !== null) seen.lens ??= performance.now();
    else delete seen.lens;
  };
  globalThis.watchAgain = () => (globalThis.seen = { texts: [] });
  globalThis.watchAgain();
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}

function summary(values) {
  const sorted = values.map(Math.round).sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], from: sorted[0], to: sorted.at(-1) };
}

test("6: lenses come as soon as VS Code lets any lens come", async () => {
  const workspace = Workspace.large();
  const times = {};
  for (const name of Object.keys(codes)) times[name] = { fresh: [], opened: [], edit: [] };
  await within(codes.ours, workspace, "floor", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, code] of Object.entries(codes)) await measure(code, workspace, times[name]);
    }
  });
  const dearer = [];
  for (const [what, most] of Object.entries(MOST)) {
    const [floor, ours] = [summary(times.floor[what]), summary(times.ours[what])];
    const shown = ({ median, from, to }) => `${median} ms (${from} to ${to})`;
    console.log(`${what}: ours ${shown(ours)}, floor ${shown(floor)}`);
    if (ours.from > floor.from + most) dearer.push(what);
  }
  assert.deepEqual(dearer, [], "as printed above");
});
