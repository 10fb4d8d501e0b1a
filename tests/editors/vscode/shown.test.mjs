// What is shown is true: rows, buttons and lenses, each clicked once, and what they say of tasks and their ends.
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("a task is opened from the Waves view by a click, by Enter and by its menu", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "open-task", async () => {
    const window = await code.open(workspace);
    await window.openWaves();
    await window.wavesRow(TASK(1));
    const opened = (file) => eventually(`${file} is opened`, async () => (await window.activeTab()) === file);
    await window.row(TASK(1)).click();
    await opened("TASK-TXT-001-count.md");
    await eventually("the cursor is on its lens", async () => (await window.cursor())?.line > 1);
    await window.row(TASK(2)).focus();
    await window.row(TASK(2)).click({ modifiers: [] });
    await opened("TASK-TXT-002-longest.md");
    await window.page.locator(".sidebar .monaco-list").first().focus();
    await window.page.keyboard.press("ArrowDown");
    await window.page.keyboard.press("Enter");
    await opened("TASK-TXT-003-rank.md");
    await window.menuOf(TASK(4), "Open Task File");
    await opened("TASK-TXT-004-report.md");
    await window.screenshot("10-opened");
  });
});
