// What happens to a run when the window, the browser or the extension host goes.
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const TASKS = ["TASK-TXT-001", "TASK-TXT-002", "TASK-TXT-003"];
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("4: a run outlives the window, the browser and the extension host, and nothing runs twice", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "survival", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await window.statusIs("▶ 0/3");

    await window.reload();
    await window.statusIs("▶ 0/3");
    workspace.release(TASKS[0]);
    await window.statusIs("▶ 1/3");
    await window.screenshot("4-reloaded");

    // The first server lives on: VS Code keeps the extension host of a lost window for hours.
    await code.browsers.shift().kill();
    const second = await code.open(workspace, FILE);
    await second.statusIs("▶ 1/3");
    await second.lens("⏳ 1/3 done");
    assert.ok(code.servers().length >= 2, `two servers live: ${code.servers()}`);
    workspace.release(TASKS[1]);
    await second.statusIs("▶ 2/3");
    await second.screenshot("4-second-window");

    const hosts = code.extensionHosts();
    assert.ok(hosts.length >= 2, `two extension hosts live: ${hosts}`);
    for (const host of hosts) process.kill(host, "SIGKILL");
    const third = await code.open(workspace, FILE);
    await third.statusIs("▶ 2/3");
    await third.lens("⏳ 2/3 done");
    workspace.release(TASKS[2]);
    await third.statusIs("✓ 3/3");
    await third.screenshot("4-end");

    const started = workspace.events("task-started").map((event) => event.task);
    assert.deepEqual(started.sort(), TASKS, "each task ran once");
    for (const task of TASKS) {
      assert.equal(workspace.read(`started-${task}`), "start\n", `${task} was started once`);
      assert.equal(workspace.log(task).match(/^reading the task$/gm).length, 1, `the log of ${task} has one start`);
    }
    assert.equal(workspace.events("run-finished").length, 1);
  });
});
