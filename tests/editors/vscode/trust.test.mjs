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
  workspace.write(".vscode/settings.json", JSON.stringify({ "featureBuild.server.path": workspace.path("server.sh") }));
  await within(code, workspace, "trust", async () => {
    const window = await code.open(workspace, FILE);
    await eventually("the window is restricted", async () =>
      (await window.statusBar()).some((item) => item.includes("Restricted Mode")),
    );
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    const message = await window.notification("Restricted Mode");
    await message.getByRole("button", { name: "Manage Workspace Trust" }).waitFor();
    await window.openWaves();
    await window.wavesRow("TASK-TXT-001");
    await window.screenshot("5-restricted");
    assert.deepEqual(workspace.journals(), [], "nothing was started");
    assert.equal(workspace.has("was-started"), false, "the workspace's program is not the server");
  });
});
