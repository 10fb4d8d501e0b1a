// What the editor says where something is missing: tasks, a configuration, the program.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import test, { after, before } from "node:test";
import { BARE_PACKAGE, Code, Workspace, assert, eventually, within } from "./support.mjs";

const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

let code;
let programs;
before(async () => {
  // An agent that can be found: nothing starts it.
  programs = mkdtempSync(join(tmpdir(), "feature-build-programs-"));
  writeFileSync(join(programs, "claude"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  code = await Code.start({ asks: true, path: `${programs}:${process.env.PATH}` });
});
after(async () => {
  await code?.stop();
  rmSync(programs, { recursive: true, force: true });
});

test("a folder without tasks is told what task files are, and the walkthrough has four steps", async () => {
  const workspace = new Workspace("exit 0\n");
  await within(code, workspace, "no-tasks", async () => {
    const window = await code.open(workspace);
    await window.openWaves();
    await window.welcome("No task files here.");
    await window.screenshot("8-no-tasks");
    await window.pressInWelcome("Learn How It Works");
    const steps = window.page.locator(
      ".gettingStartedCategoriesContainer, .gettingStartedDetailsContent .step-list-container",
    );
    for (const title of ["Open a folder with task files", "Say what runs a task", "Run a wave", "Mend what failed"]) {
      await steps.getByText(title, { exact: false }).first().waitFor();
    }
    assert.equal(await window.page.locator(".gettingStartedDetailsContent .getting-started-step").count(), 4);
    await window.page.locator(".getting-started-step").filter({ hasText: "Say what runs a task" }).click();
    await window.page.getByRole("button", { name: "Write feature-build.yaml" }).first().waitFor();
    await window.screenshot("8-walkthrough");
  });
});

test("tasks without a configuration lead to the choice of what runs them", async () => {
  const workspace = Workspace.example();
  rmSync(workspace.path("feature-build.yaml"));
  await within(code, workspace, "unconfigured", async () => {
    const window = await code.open(workspace, FILE);
    await window.lens("⚙ Choose what runs these tasks");
    await window.openWaves();
    await window.welcome("Nothing says yet what runs these tasks.");
    await window.wavesRow("TASK-TXT-001");
    await window.screenshot("8-unconfigured");

    // A command of one's own: a draft that nothing has saved.
    await window.pressInWelcome("Choose What Runs These Tasks");
    await window.pick("A command of my own");
    await eventually("the draft is there", async () => (await window.editorText()).includes("command: [my-agent"));
    assert.equal(workspace.has("feature-build.yaml"), false);
    await window.screenshot("8-draft");

    // An agent that is installed: the server writes it, and the lenses change.
    await window.pressInWelcome("Choose What Runs These Tasks");
    await window.pick("An agent that is installed");
    await (await window.notification("Who shall do the tasks")).getByRole("button", { name: "Claude Code" }).click();
    await eventually("the configuration is written", () => workspace.has("feature-build.yaml"));
    assert.match(workspace.read("feature-build.yaml"), /^agent: claude$/m);
    await eventually("it is shown", async () => (await window.editorText()).includes("agent: claude"));
    await window.lensAfterTab("TASK-TXT-001-count.md", "▶ Run wave 1 (3 tasks)");
    await eventually("nothing is missing any more", async () => !(await window.sidebarText()).includes("Nothing says"));
  });
});

test("several folders have one client and one server, and each feature says where it lies", async () => {
  const [workspace, other] = [Workspace.example(), Workspace.example()];
  const several = workspace.path("both.code-workspace");
  const folders = [workspace.root, other.root].map((path) => ({ path }));
  workspace.write("both.code-workspace", JSON.stringify({ folders }));
  code.trust(workspace);
  code.trust(other);
  const before = code.servers();
  await within(code, workspace, "several", async () => {
    const window = await code.open(workspace, FILE, { several });
    await window.openWaves();
    for (const { root } of [workspace, other]) {
      await eventually(`${root} is shown`, async () => (await window.sidebarText()).includes(basename(root)));
    }
    await window.lens("▶ Run wave 1 (3 tasks)");
    assert.doesNotMatch(await window.sidebarText(), /set up/i, "nothing is missing");
    const started = code.servers().filter((pid) => !before.includes(pid));
    assert.equal(started.length, 1, "one server for both");
    await window.screenshot("8-several");

    await window.command("Feature Build: Run…");
    const rows = await eventually("the waves of both are offered", async () => {
      const rows = await window.pickable();
      return rows.filter((row) => row.includes("Wave 1")).length === 2 && rows;
    });
    assert.ok(
      rows.some((row) => row.includes("3 ready")),
      `with their states: ${rows}`,
    );
    await window.screenshot("8-run");
  });
  await other.remove(code);
});

test("the configuration's schema is in the extension, where the YAML extension looks for it", () => {
  const installed = readdirSync(code.extensions).find((name) => name.startsWith("feature-build."));
  const extension = join(code.extensions, installed);
  const { contributes } = JSON.parse(readFileSync(join(extension, "package.json"), "utf8"));
  const [{ fileMatch, url }] = contributes.yamlValidation;
  assert.equal(fileMatch, "feature-build.yaml");
  const schema = JSON.parse(readFileSync(join(extension, url), "utf8"));
  const told = JSON.parse(execFileSync(process.env.FEATURE_BUILD_BIN, ["schema", "config"], { encoding: "utf8" }));
  assert.deepEqual(schema, told);
});

test("a missing program is told with how to get it", async () => {
  // Everything that is on PATH but the program itself.
  const path = join(programs, "path");
  mkdirSync(path);
  for (const program of ["node", "sh", "rg", "env"]) {
    const found = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    symlinkSync(found, join(path, program));
  }
  const bare = await Code.start({ asks: true, extension: BARE_PACKAGE, path: `${path}:${dirname(process.execPath)}` });
  const workspace = Workspace.example();
  try {
    await within(bare, workspace, "no-server", async () => {
      const window = await bare.open(workspace, FILE);
      const message = await window.notification("The feature-build program was not found");
      await message.getByRole("button", { name: "Open Settings" }).waitFor();
      await window.openWaves();
      await window.welcome("The feature-build program was not found.");
      await window.screenshot("8-no-server");

      symlinkSync(process.env.FEATURE_BUILD_BIN, join(path, "feature-build"));
      await window.pressInWelcome("Try Again");
      await window.wavesRow("TASK-TXT-001");
    });
  } finally {
    await bare.stop();
  }
});
