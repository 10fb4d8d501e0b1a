// Restricted Mode: reading works, running does not, and the workspace chooses no program.
import { chmodSync } from "node:fs";
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
before(async () => {
  code = await Code.start({ trust: false });
});
after(() => code?.stop());

test("5: in Restricted Mode tasks are read, nothing runs, and the workspace cannot choose the server", async () => {
  const workspace = Workspace.example();
  workspace.write("server.sh", `#!/bin/sh\ntouch "${workspace.path("was-started")}"\n`);
  chmodSync(workspace.path("server.sh"), 0o755);
  const path = workspace.path("server.sh");
  const settings = { "featureBuild.server.path": path, "featureBuild.server": { path } };
  workspace.write(".vscode/settings.json", JSON.stringify(settings));
  await within(code, workspace, "trust", async () => {
    const window = await code.open(workspace, FILE);
    await eventually("the window is restricted", async () =>
      (await window.statusBar()).some((item) => item.includes("Restricted Mode")),
    );
    await eventually(
      "a server is started",
      async () => workspace.has("was-started") || (await window.lenses()).length > 0,
    );
    assert.equal(workspace.has("was-started"), false, "the workspace's program is the server");
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    const message = await window.notification("Restricted Mode");
    await message.getByRole("button", { name: "Manage Workspace Trust" }).waitFor();
    await window.openWaves();
    await window.welcome("nothing runs until you trust this folder");
    await window.wavesRow("TASK-TXT-001");
    await window.screenshot("5-restricted");
    assert.deepEqual(workspace.journals(), [], "nothing was started");
    assert.equal(workspace.has("was-started"), false, "the workspace's program is not the server");
  });
});

test("5: a trusted folder's commands are shown and asked about before the first run, and again when they change", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "question", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("▶ Run wave 1 (3 tasks)");
    await window.page.locator(".statusbar-item a").filter({ hasText: "Restricted Mode" }).click();
    await window.page.locator(".workspace-trust-editor").getByRole("button", { name: "Trust", exact: true }).click();
    await eventually("the window is not restricted any more", async () =>
      (await window.statusBar()).every((item) => !item.includes("Restricted Mode")),
    );
    await window.command("View: Close Editor");

    // The editor's trust is necessary, not sufficient.
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    const question = await window.question("Run wave 1 of FEAT-TXT");
    assert.match(await question.innerText(), /sh agent\.sh '?\{id\}/, "the question shows the command");
    await window.screenshot("5-question");
    assert.deepEqual(workspace.journals(), [], "nothing runs while it is asked");
    await question.getByRole("button", { name: "Not now" }).click();
    assert.deepEqual(workspace.journals(), [], "a no starts nothing");

    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await (await window.question("Run wave 1")).getByRole("button", { name: "Trust and run" }).click();
    await window.statusIs("▶ 0/3");
    for (const number of [1, 2, 3]) workspace.release(`TASK-TXT-00${number}`);
    await window.statusIs("✓ 3/3");

    const changed = workspace.read("feature-build.yaml").replace("agent.sh", "other.sh");
    workspace.write("feature-build.yaml", changed);
    await window.openWaves();
    await window.wavesRow(/TASK-TXT-004, ready/);
    await window.pressInRow("Wave 2", "Run");
    const again = await window.question("Run wave 2");
    assert.match(await again.innerText(), /not the one that you trusted/);
    assert.match(await again.innerText(), /other\.sh/, "the question shows what is different");
    await window.screenshot("5-question-again");
    await again.getByRole("button", { name: "Not now" }).click();
    assert.equal(workspace.events("run-started").length, 1);

    // What the dialog cannot show whole has no yes in it: that comes beside a document which shows all.
    const hidden = `unused: {command: [echo, ${"x".repeat(3000)}, the-end]}`;
    workspace.write("feature-build.yaml", `${changed.replace("other.sh", "agent.sh")}\nmodes:\n  ${hidden}\n`);
    await window.pressInRow("Wave 2", "Run");
    const cut = await window.question("Run wave 2");
    assert.match(await cut.innerText(), /This is not all of it/);
    assert.equal(await cut.getByRole("button", { name: "Trust and run" }).count(), 0);
    await cut.getByRole("button", { name: "Show all of it" }).click();
    const beside = await window.notification("Do you trust all that the document says");
    await eventually("the document is there", async () =>
      (await window.editorText()).includes("What you are asked to trust, whole"),
    );
    assert.equal(await window.activeTab(), "what-you-are-asked-to-trust.txt", "its name is words");
    await window.screenshot("5-question-whole");
    assert.equal(workspace.events("run-started").length, 1, "nothing runs while it is asked");
    await beside.getByRole("button", { name: "Trust and run" }).click();
    await eventually("it runs", () => workspace.events("run-started").length === 2);
    workspace.release("TASK-TXT-004");
    await eventually("it has ended", () => workspace.events("run-finished").length === 2);
  });
});
