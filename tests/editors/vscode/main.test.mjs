// The main path: lens, status bar, problems, cancel, the Waves view.
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("1: a click on the lens runs the wave, and lens and status bar count it to its end", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "run", async () => {
    const window = await code.open(workspace, FILE);
    await window.page.locator(".editor-instance .view-line").first().waitFor();
    const seen = Date.now();
    await window.lens("▶ Run wave 1 (3 tasks)");
    console.log(`lens after the editor: ${Date.now() - seen} ms`);
    await window.screenshot("1-lens");

    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await window.statusIs("▶ 0/3");
    await window.lens("⏳ 0/3 done");
    workspace.release(TASK(1));
    await window.statusIs("▶ 1/3");
    await window.lens("⏳ 1/3 done");
    const same = (await window.statusBar()).filter((item) => item.includes("1/3"));
    assert.equal(same.length, 1, "no two status items say the same");
    await window.screenshot("1-running");
    workspace.release(TASK(2));
    await window.statusIs("▶ 2/3");
    workspace.release(TASK(3));
    await window.statusIs("✓ 3/3");
    await eventually("the wave's lens tells its end", async () => /^✓ passed in /.test((await window.lenses())[0]));
    await window.screenshot("1-passed");
    assert.equal(workspace.events("task-finished").filter((event) => event.outcome === "passed").length, 3);
  });
});

test("2: a failed task is a problem that leads to its id, its log and the broken line, until it passes", async () => {
  const workspace = Workspace.example();
  workspace.write("src/broken.rs", "fn first() {}\nlet broken = ;\n");
  await within(code, workspace, "failure", async () => {
    const window = await code.open(workspace, "tasks/backlog/text-report/TASK-TXT-002-longest.md");
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    workspace.release(TASK(1), 3);
    await window.statusIs("▶ 0/3 · 1 failed");
    workspace.release(TASK(2));
    workspace.release(TASK(3));
    await window.statusIs("✗ 2/3 · 1 failed");
    const message = await window.notification("did not pass");
    await window.screenshot("2-message");
    await message.getByRole("button", { name: "Show failures" }).click();
    const problem = await window.problem("failed (exit 3)");
    assert.match(problem, /expected one thing, found another/);
    await window.screenshot("2-problems");

    const rows = window.page.locator(".markers-panel .monaco-list-row");
    await rows.filter({ hasText: "failed (exit 3)" }).first().click();
    await eventually("the task's file is opened", async () => (await window.activeTab()) === "TASK-TXT-001-count.md");
    await eventually("the cursor is on the id", async () => (await window.cursor())?.line === 2);

    // The list keeps the focus: the row opens to what belongs to it.
    await window.page.keyboard.press("ArrowRight");
    await rows.filter({ hasText: "broken.rs" }).nth(1).waitFor();
    await window.screenshot("2-related");
    await rows.filter({ hasText: "broken.rs" }).nth(1).click();
    await eventually("the broken line is opened", async () => (await window.activeTab()) === "broken.rs");
    await eventually("the cursor is on it", async () => (await window.cursor())?.line === 2);
    await rows
      .filter({ hasText: `${TASK(1)}.log` })
      .first()
      .click();
    await eventually("the log is opened", async () => (await window.activeTab()).endsWith(".log"));
    await window.screenshot("2-log");

    workspace.release(TASK(1), 0);
    await window.command("Feature Build: Re-run Failed Tasks");
    await window.statusIs("✓ 1/1");
    await eventually(
      "the problem is gone",
      async () => !(await window.problems()).some((row) => row.includes("failed")),
    );
    assert.equal(
      workspace.events("task-started").filter((event) => event.task === TASK(2)).length,
      1,
      "only what failed ran again",
    );
  });
});

test("3: a run is cancelled from the status bar, from the lens and from the view, and its processes are gone", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "cancel", async () => {
    const window = await code.open(workspace, FILE);
    const ways = {
      "the status bar": async () => {
        await window.clickStatus();
        await window.pick("Cancel");
      },
      "the lens": (ended) => window.endByLens("Cancel", ended),
      "the view": async (ended) => {
        await window.openWaves();
        await window.wavesRow("Wave 1");
        await window.endBy((options) => window.pressInRow("Wave 1", "Cancel", options), ended);
      },
    };
    for (const [way, cancel] of Object.entries(ways)) {
      const before = workspace.events("run-finished").length;
      await window.clickLens(/▶ Run wave 1 \(3 tasks\)/);
      await window.statusIs("▶ 0/3");
      await window.lens("⏳ 0/3 done");
      await eventually(`the tasks run before ${way} cancels`, () => workspace.processes().length >= 3);
      await cancel(() => workspace.events("run-cancelling").length > before);
      await eventually(`${way} cancels`, () => workspace.events("run-finished").length === before + 1);
      assert.equal(workspace.events("run-finished").at(-1).summary.cancelled, 3, way);
      await eventually(`${way} leaves no process`, () => workspace.processes().length === 0);
    }
    await window.screenshot("3-cancelled");

    // VS Code drops a refresh of lenses when the editor loses the focus in the same moment: often, not each time.
    await window.clickLens(/▶ Run wave 1 \(3 tasks\)/);
    await window.statusIs("▶ 0/3");
    await window.command("Feature Build: Focus on Waves View");
    await window.lens("⏳ 0/3 done");
  });
});

test("7: the Waves view shows a run and its end, and output can be followed", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "waves", async () => {
    for (const theme of ["dark", "light"]) {
      const window = await code.open(workspace, FILE, { theme });
      await window.openWaves();
      await window.wavesRow("Wave 1");
      if (theme === "light") await window.useLightTheme();
      if (theme === "dark") {
        await window.wavesRow(/TASK-TXT-004, waiting/);
        await window.pressInRow("Wave 1", "Run");
        await window.wavesShow(/TASK-TXT-001.*compiling/);
        await window.lens("⏳ 0/3 done");
        await window.pressInRow(TASK(1), "Follow Output");
        await eventually("the terminal shows the output", async () =>
          (await window.terminalText()).includes("compiling TASK-TXT-001"),
        );
        await window.screenshot("7-running-dark");
        workspace.release(TASK(1), 4);
        await eventually("the terminal shows the end", async () =>
          (await window.terminalText()).includes("failed (exit 4)"),
        );
        workspace.release(TASK(2));
        workspace.release(TASK(3));
        await window.statusIs("✗ 2/3 · 1 failed");
      }
      await window.wavesRow(/TASK-TXT-001, failed \(exit 4\) after/);
      await window.wavesRow(/TASK-TXT-002, passed after/);
      await eventually("the badge counts the failure", async () => (await window.badge()) === "1");
      await window.screenshot(`7-ended-${theme}`);
    }
  });
});

test("unsaved changes of a task are saved before it runs", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "unsaved", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("▶ Run wave 1 (3 tasks)");
    await window.page.locator(".view-line").filter({ hasText: "title: Count" }).click();
    await window.page.keyboard.press("End");
    await window.page.keyboard.type(" and more");
    await eventually("the text has changed", async () => (await window.editorText()).includes("of a text and more"));
    assert.doesNotMatch(workspace.read(FILE), /and more/, "nothing else has saved it");
    await window.command("Feature Build: Run This Task");
    await window.statusIs("▶ 0/1");
    assert.match(workspace.read(FILE), /of a text and more/);
    workspace.release(TASK(1));
    await window.statusIs("✓ 1/1");
  });
});
