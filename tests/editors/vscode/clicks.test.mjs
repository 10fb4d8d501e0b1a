// Each command, button and menu entry of the extension, clicked once: what it does, and to what.
import test, { after, before } from "node:test";
import { Code, HELD, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("a button of a row is about that row, and one of the view's title is not about the row in focus", async () => {
  // Much is said all the time: the rows are drawn anew again and again.
  const workspace = Workspace.example(`(while :; do echo "at $(date +%N)"; sleep 0.05; done) &\n${HELD}`);
  await within(code, workspace, "rows", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.row(TASK(2)).click();
    await window.pressInTitle("Run");
    await window.choices(/Run which wave/);
    await window.page.keyboard.press("Escape");
    assert.deepEqual(workspace.journals(), [], "the focus chooses nothing");

    await window.pressInRow("Wave 1", "Run");
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    for (const number of [1, 2]) {
      await window.endBy(
        (options) => window.pressInRow(TASK(number), "Cancel", options),
        () => workspace.events("run-cancelling").length === number,
      );
      assert.deepEqual(workspace.events("run-cancelling").at(-1).tasks, [TASK(number)], "and nothing else");
      await window.wavesRow(`Task ${TASK(number)}, cancelled`);
    }
    // The focus is on a task that has ended: the title's button ends the run.
    await window.endBy(
      (options) => window.pressInTitle("Cancel", options),
      () => workspace.events("run-cancelling").length === 3,
    );
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
    assert.equal(workspace.events("run-cancelling").at(-1).tasks, null);
  });
});
