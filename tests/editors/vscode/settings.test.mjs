// Settings that come with a workspace: none of them chooses a program, however it is written.
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";
const SETTING = "featureBuild.server.path";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

test("a changed .vscode/settings.json of an open, trusted window starts no program, and is told once", async () => {
  const workspace = Workspace.example();
  const program = workspace.path("server.sh");
  workspace.write("server.sh", `#!/bin/sh\ntouch "${workspace.path("was-started")}"\n`);
  chmodSync(program, 0o755);
  await within(code, workspace, "settings", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("▶ Run wave 1 (3 tasks)");
    const told = window.page.locator(".notification-list-item").filter({ hasText: `${SETTING} in .vscode` });
    const servers = code.servers();
    const ways = {
      "by its name": { [SETTING]: program },
      // VS Code drops what it knows by its whole name, and nothing else.
      "in two parts": { "featureBuild.server": { path: `${program} ` } },
      "in three parts": { featureBuild: { server: { path: ` ${program}` } } },
    };
    for (const [way, settings] of Object.entries(ways)) {
      workspace.write(".vscode/settings.json", `// a comment\n${JSON.stringify(settings)}`);
      await eventually(
        `it is told, or started, ${way}`,
        async () => workspace.has("was-started") || (await told.count()) > 0,
      );
      assert.equal(workspace.has("was-started"), false, `the workspace's program is started, ${way}`);
      if (way === "by its name") await window.screenshot("settings-ignored");
      await window.command("Notifications: Clear All Notifications");
    }
    assert.deepEqual(code.servers(), servers, "the server is the one that it was");

    await window.reload();
    await window.lens("▶ Run wave 1 (3 tasks)");
    assert.equal(await told.count(), 0, "it is told once");
    assert.equal(workspace.has("was-started"), false, "the workspace's program is started by the next window");
  });
});

test("the machine's own settings, which those of a dev container become, choose the program at once", async () => {
  const workspace = Workspace.example();
  const program = join(code.folder, "server.sh");
  const started = join(code.folder, "was-chosen");
  writeFileSync(program, `#!/bin/sh\ntouch "${started}"\nexec "${process.env.FEATURE_BUILD_BIN}" "$@"\n`, {
    mode: 0o755,
  });
  await within(code, workspace, "machine-settings", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("▶ Run wave 1 (3 tasks)");
    code.machineSettings({ [SETTING]: program });
    await eventually("the program is started", () => existsSync(started));
    await window.lens("▶ Run wave 1 (3 tasks)");
    code.machineSettings(undefined);
  });
});
