// What the editor shows of runs beyond the main path.
import test, { after, before } from "node:test";
import { Code, HELD, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("a task that is tried again says so, and any number of terminals follow outputs", async () => {
  const workspace = Workspace.example();
  const retries = "retries: {count: 1, backoff: fixed, delay_seconds: 3600}\n";
  workspace.write("feature-build.yaml", workspace.read("feature-build.yaml") + retries);
  await within(code, workspace, "retrying", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.wavesRow("Wave 1");
    await window.pressInRow("Wave 1", "Run");
    for (const number of [1, 2, 3]) {
      await window.wavesShow(new RegExp(`${TASK(number)}.*compiling`));
      await window.pressInRow(TASK(number), "Follow Output");
      await eventually(`the terminal shows ${TASK(number)}`, async () =>
        (await window.terminalText()).includes(`compiling ${TASK(number)}`),
      );
    }
    workspace.release(TASK(1), 3);
    await window.wavesShow(/TASK-TXT-001failed \(exit 3\), again in \d+ m/);
    await window.statusIs("▶ 0/3");
    assert.doesNotMatch(await window.status(), /failed/, "what is tried again has not failed");
    for (const { label } of await window.waves())
      assert.match(label, /^(Feature|Wave|Task) /, "a screen reader knows it");
    await window.screenshot("9-retrying");

    await window.endBy(
      (options) => window.pressInRow(TASK(1), "Cancel", options),
      () => workspace.events("run-cancelling").length === 1,
    );
    workspace.release(TASK(2));
    workspace.release(TASK(3));
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
  });
});

test("a failing run leads to its failures and back to passing, by the message, the gutter and the title", async () => {
  const workspace = Workspace.example();
  // The icons of the gutter must be seen on every ground.
  workspace.write(".vscode/settings.json", JSON.stringify({ "workbench.colorTheme": "Default High Contrast" }));
  await within(code, workspace, "failing", async () => {
    const window = await code.open(workspace, FILE);
    await window.page.locator(".monaco-workbench.hc-black").waitFor();
    await window.lens("▶ Run wave 1 (3 tasks)");
    await window.gutter("ready");
    await window.screenshot("9-contrast-ready");
    await window.page.locator('.editor-actions .action-label[aria-label^="Run Wave of This Task"]').first().click();
    await window.statusIs("▶ 0/3");
    await window.gutter("running");
    workspace.release(TASK(1), 3);
    workspace.release(TASK(2));
    workspace.release(TASK(3));
    await window.gutter("failed");
    const message = await window.notification("did not pass");
    await window.screenshot("9-contrast-failed");
    workspace.release(TASK(1), 0);
    await message.getByRole("button", { name: "Re-run failed" }).click();
    await window.statusIs("✓ 1/1");
    await window.gutter("passed");

    await window.command("Feature Build: Show Runs");
    const rows = await eventually("both runs are listed", async () => {
      const rows = await window.pickable();
      return rows.length === 2 && rows;
    });
    assert.match(rows[0], /1 passed/);
    assert.match(rows[1], /2 passed, 1 failed/);
    await window.screenshot("9-runs");
    await window.pick("2 passed, 1 failed");
    await window.pick(TASK(2));
    await eventually("its log is opened", async () => (await window.activeTab()) === `${TASK(2)}.log`);
  });
});

test("the time that is left is the server's estimate", async () => {
  const workspace = Workspace.example(HELD);
  const file = FILE.replace("TASK-TXT-001-count", "TASK-TXT-002-longest");
  workspace.write(file, workspace.read(file).replace(/estimated_minutes: .*/, "estimated_minutes: 90"));
  await within(code, workspace, "estimate", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await window.statusIs(/^▶ 0\/3 · ~1 h (29|30) min$/);
    workspace.release(TASK(2));
    await window.statusIs(/^▶ 1\/3 · ~(1 min|\d+ s)$/);
  });
});

test("code actions offer what the lenses offer", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "actions", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("▶ Run wave 1 (3 tasks)");
    await window.page.locator(".view-line").filter({ hasText: "wave: 1" }).first().click();
    await window.command("Source Action...");
    const action = window.page.locator(".action-widget .monaco-list-row").filter({ hasText: "Run wave 1 (3 tasks)" });
    await action.first().waitFor();
    await window.screenshot("9-actions");
    // The first one has the focus; under the mouse there is a layer that closes the list.
    await window.page.keyboard.press("Enter");
    await window.statusIs("▶ 0/3");
  });
});

test("what does not end when it is asked to is killed by the next click, and every place says how far that is", async () => {
  const workspace = Workspace.example(`trap "" TERM\n${HELD}`);
  workspace.write("feature-build.yaml", workspace.read("feature-build.yaml").replace("seconds: 1", "seconds: 3600"));
  await within(code, workspace, "levels", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    await window.endByLens("Cancel", () => workspace.events("run-cancelling").length > 0);
    await window.lens("⏳ 0/3 done, terminating…");
    await window.lens("Kill");
    await window.statusIs("▶ 0/3 · terminating");
    await window.wavesRow(/TASK-TXT-001, .*terminating/);
    await window.screenshot("9-terminating");
    await window.clickStatus();
    await eventually("a kill is all that is left", async () => {
      const rows = await window.pickable();
      return rows.some((row) => /Kill FEAT-TXT now/.test(row)) && !rows.some((row) => /Cancel FEAT-TXT/.test(row));
    });
    await window.page.keyboard.press("Escape");
    assert.equal(workspace.events("run-finished").length, 0, "nothing has ended yet");
    await window.endByLens("Kill", () => workspace.events("run-cancelling").length > 1);
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
    await eventually("no process is left", () => workspace.processes().length === 0);
    await window.statusIs("■ 0/3 · 3 cancelled");
  });
});
