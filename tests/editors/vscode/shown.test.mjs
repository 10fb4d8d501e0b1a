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

test("a wave with a task for a person is not green, says so and stays open", async () => {
  const workspace = Workspace.example();
  const person = FILE.replace("001-count", "002-longest");
  workspace.write(person, workspace.read(person).replace("mode: direct", "mode: manual"));
  await within(code, workspace, "person", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.wavesRow("Wave 1 of FEAT-TXT, 0/3 done, 1 needs a person");
    await window.clickLens("▶ Run wave 1 (2 tasks)");
    await window.lens("⏳ 0/3 done, 1 skipped");
    await window.wavesRow("Wave 1 of FEAT-TXT, running, 0/3 done");
    workspace.release(TASK(1));
    workspace.release(TASK(3));
    await window.statusIs("○ 2/3 · 1 skipped");
    const row = await window.wavesRow("Wave 1 of FEAT-TXT, 2/3 done, 1 needs a person");
    assert.match(row.text, /2\/3 done · 1 needs a person/);
    await window.wavesRow(`Task ${TASK(2)}, needs a person`);
    const icons = (text) => window.row(text).locator(".custom-view-tree-node-item-icon");
    const green = await window.colour(icons(TASK(1)));
    assert.notEqual(await window.colour(icons("Wave 1")), green, "not the colour of what is done");
    assert.equal(await window.row("Wave 1").getAttribute("aria-expanded"), "true");
    await window.screenshot("10-person");
  });
});

test("what somebody works on, what is blocked and what was halted says so and why, and does not look startable", async () => {
  const workspace = Workspace.example();
  const says = (number, name, status) => {
    const file = FILE.replace("001-count", `00${number}-${name}`);
    workspace.write(file, workspace.read(file).replace("status: backlog", `status: ${status}`));
  };
  says(1, "count", "in_progress");
  says(2, "longest", "blocked");
  const plan = (number, wave) =>
    `---\nphase: 36-halt\nplan: ${number}\nwave: ${wave}\ndepends_on: []\n---\n<objective>\nStop here ${number}.\n</objective>\n`;
  workspace.write(".planning/phases/36-halt/36-01-PLAN.md", plan("01", 1));
  workspace.write(".planning/phases/36-halt/36-02-PLAN.md", plan("02", 2));
  workspace.write(
    ".planning/phases/36-halt/36-01-SUMMARY.md",
    "---\nphase: 36-halt\nplan: 01\nstatus: halted\n---\n# Halted\n",
  );
  await within(code, workspace, "states", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    const rows = [
      {
        id: TASK(1),
        icon: "account",
        words: "claimed",
        why: "somebody works on it (status in_progress)",
      },
      {
        id: TASK(2),
        icon: "lock",
        words: "blocked",
        why: "something stands in its way (status blocked)",
      },
      {
        id: "36-01",
        icon: "circle-slash",
        words: "halted",
        why: "its summary says that it was halted",
      },
    ];
    await window.wavesRow(`Task ${TASK(3)}, ready`);
    const ready = await window.rowIcon(TASK(3));
    assert.ok(
      (await window.rowButtons(TASK(3))).some((name) => /^Run/.test(name)),
      "what is ready can be run",
    );
    for (const { id, icon, words, why } of rows) {
      // A wave that is over is closed.
      const wave = window.page.locator('.sidebar .monaco-list-row[aria-expanded="false"]').first();
      if (id === "36-01") await wave.locator(".monaco-tl-twistie").click();
      const { label, text } = await window.wavesRow(new RegExp(`^Task ${id}, `));
      assert.match(label, new RegExp(`^Task ${id}, ${words}, `));
      assert.match(text, new RegExp(`^${id}${words} · `), "the words beside the id");
      const shown = await window.rowIcon(id);
      assert.equal(shown.name, icon, id);
      assert.notEqual(shown.name, ready.name);
      assert.deepEqual(
        (await window.rowButtons(id)).filter((name) => /Run|Cancel|Log|Output/.test(name)),
        [],
        `${id} has no button`,
      );
      assert.deepEqual(await window.rowMenu(id), ["Open Task File"], `${id} offers nothing else`);
      assert.match(await window.rowTooltip(id), new RegExp(why.replaceAll(/[()]/g, "\\$&")));
    }
    const wave = await window.wavesRow("Wave 1 of FEAT-TXT, 0/3 done, 1 claimed, 1 blocked");
    assert.match(wave.text, /0\/3 done · 1 claimed · 1 blocked/);
    assert.match(await window.rowTooltip("0/3 done"), /0\/3 done · 1 claimed · 1 blocked/, "also where the row is cut");
    await window.screenshot("10-states");
    assert.deepEqual(workspace.journals(), [], "nothing was started");
  });
});

test("a click on a status shows output and ends nothing; a lens that has just come there ends nothing", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "slip", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await window.clickLens("⏳ 0/3 done");
    await eventually("the output is opened", async () => (await window.activeTab()).endsWith(".log"));
    await window.screenshot("10-status-clicked");
    assert.equal(workspace.events("run-cancelling").length, 0, "nothing was cancelled");
    // Its second click meets what stands there now.
    await window.page.locator(".tab").filter({ hasText: "TASK-TXT-001-count.md" }).first().click();
    await window.endByLens("Cancel", () => workspace.events("run-cancelling").length === 1);
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
  });
});

test("what the user cancelled is no failure: neutral colours, no message, no problem", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "neutral", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    assert.equal(await window.statusLabel(), "Feature Build: running, 0/3 done");
    await window.command("Feature Build: Cancel");
    await window.statusIs("■ 0/3 · 3 cancelled");
    await eventually("a screen reader says so", async () =>
      /^Feature Build: cancelled, 0\/3 done, 3 cancelled/.test(await window.statusLabel()),
    );
    await window.lens("■ cancelled · Open log");
    assert.ok(!(await window.lenses()).some((lens) => lens.includes("failed")), "no lens speaks of a failure");
    await window.wavesRow(`Task ${TASK(1)}, cancelled`);
    const row = await window.wavesRow("Wave 1 of FEAT-TXT");
    assert.doesNotMatch(row.label, /failed/);
    assert.ok(!(await window.badge()), "nothing to look at");
    await window.openProblems();
    assert.ok(!(await window.problems()).some((problem) => problem.includes("cancelled")));
    assert.equal(await window.page.locator(".notification-list-item").count(), 0, "no message");
    await window.screenshot("10-cancelled");

    await window.clickStatus();
    // The order of rows in the page is not the one in sight.
    const first = window.page.locator('.quick-input-list .monaco-list-row[data-index="0"]');
    await first.waitFor();
    assert.match(await first.innerText(), /Follow output/, "what is harmless comes first");
    await window.screenshot("10-menu");
  });
});

test("Open Log shows text without control sequences, at its end", async () => {
  const noisy = `i=0; while [ $i -lt 200 ]; do printf '\\033[32mline %s\\033[0m\\n' $i; i=$((i + 1)); done
printf '10 %%\\r50 %%\\r100 %%\\n\\033]0;title\\007src/broken.rs:2:5: expected one thing, found another\\n'
exit 3
`;
  const workspace = Workspace.example(noisy);
  workspace.write("src/broken.rs", "fn first() {}\nlet broken = ;\n");
  await within(code, workspace, "log", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run task");
    await window.statusIs("✗ 0/1 · 1 failed");
    await window.clickLens("✗ failed (exit 3) · Open log");
    await eventually("the log is opened", async () => (await window.activeTab()) === `${TASK(1)}.log`);
    await eventually("its end is in sight", async () => (await window.editorText()).includes("found another"));
    await eventually("the cursor is at its end", async () => (await window.cursor())?.line >= 202);
    const text = await window.editorText();
    assert.match(text, /line 199\n100 %\nsrc\/broken/);
    assert.doesNotMatch(text, /\[32m|\[0m|title|[\u0000-\u0008\u001b␛]/u);
    await window.screenshot("10-log");
    await window.openProblems();
    const problem = await window.problem("expected one thing");
    assert.match(problem.trim(), /^src\/broken\.rs:2:5 expected one thing, found another/, "the cause comes first");
    await window.screenshot("10-cause");
  });
});

test("a newer run's message replaces the older one's, and goes when everything has passed", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "messages", async () => {
    const window = await code.open(workspace, FILE);
    const messages = () => window.page.locator(".notifications-toasts .notification-list-item").count();
    const end = async (exit) => {
      const before = workspace.events("run-finished").length;
      workspace.release(TASK(1), exit);
      await window.clickLens("▶ Run task");
      await eventually("the run is over", () => workspace.events("run-finished").length > before);
    };
    await end(3);
    await window.notification("did not pass");
    await end(4);
    await window.lens("✗ failed (exit 4) · Open log");
    await eventually("one message stands", async () => (await messages()) === 1);
    await window.screenshot("10-messages");
    await end(0);
    await window.statusIs("✓ 1/1");
    await eventually("no message says otherwise", async () => (await messages()) === 0);
  });
});

test("what has run for more than a minute is ended after a question, and both answers count", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "asked", async () => {
    const first = await code.open(workspace, FILE);
    await first.clickLens("▶ Run wave 1 (3 tasks)");
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    await code.closeAll();
    workspace.age(120_000);

    const window = await code.open(workspace, FILE);
    await window.statusIs("▶ 0/3");
    const cancel = async () => {
      await window.clickStatus();
      await window.pick("Cancel FEAT-TXT");
      return window.question("Cancel ");
    };
    const cancelling = () => workspace.events("run-cancelling").length;
    const question = await cancel();
    assert.match(
      await question.innerText(),
      /Cancel wave 1 of FEAT-TXT\?\s+It has run for \d+ m \d\d s; 3 tasks that run lose what they have/,
    );
    await window.screenshot("10-asked");
    assert.equal(cancelling(), 0, "nothing is ended while it is asked");
    await question.getByRole("button", { name: "Keep it running" }).click();
    await question.waitFor({ state: "hidden" });
    // Escape keeps it running, too; and what was kept is asked about again.
    await cancel();
    await window.page.keyboard.press("Escape");
    await question.waitFor({ state: "hidden" });
    await cancel();
    assert.equal(cancelling(), 0, "nothing was ended by a no");
    await question.getByRole("button", { name: "Cancel it" }).click();
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
    await window.statusIs("■ 0/3 · 3 cancelled");
    assert.equal(cancelling(), 1, "it was asked once");
    assert.equal(await window.page.locator(".notification-list-item").count(), 0, "no message says otherwise");
  });
});

test("who cancels elsewhere while the question is open ends it at once, and a late answer does no harm", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "asked-twice", async () => {
    const first = await code.open(workspace, FILE);
    await first.clickLens("▶ Run wave 1 (3 tasks)");
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    await code.closeAll();
    workspace.age(120_000);
    const window = await code.open(workspace, FILE);
    await window.endByLens("Cancel", async () => (await window.page.locator(".monaco-dialog-box").count()) > 0);
    const question = await window.question("Cancel wave 1 of FEAT-TXT");
    code.command(workspace, "cancel");
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
    await question.getByRole("button", { name: "Cancel it" }).click();
    await window.statusIs("■ 0/3 · 3 cancelled");
    await window.lens("■ cancelled · Open log");
    assert.equal(await window.page.locator(".notification-list-item").count(), 0, "no message says that it failed");
  });
});
