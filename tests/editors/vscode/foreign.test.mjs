// Foreign text in messages and progress: VS Code makes `[text](command:id?arguments)` in them a link, whose click runs the
// command. Each test writes such a link where a workspace or an agent can, and clicks what is shown. What it would run leaves a
// file behind.
import { chmodSync } from "node:fs";
import test, { after, before } from "node:test";
import { Code, Workspace, assert, eventually, within } from "./support.mjs";

const FILE = "tasks/backlog/TASK-A-001.md";

let code;
before(async () => {
  code = await Code.start();
});
after(() => code?.stop());

/** A link that starts a program of the workspace in a terminal of its own. */
function link(workspace) {
  const program = workspace.path("evil");
  workspace.write("evil", `#!/bin/sh\ntouch "${workspace.path("was-run")}"\n`);
  chmodSync(program, 0o755);
  const terminal = JSON.stringify({ config: { executable: program } });
  return `[HERE](command:workbench.action.terminal.new?${encodeURIComponent(terminal)})`;
}

function writeTask(workspace, id, { title = "A task", feature = "FEAT-A" } = {}) {
  const keys = { id, title, status: "backlog", feature_id: feature, wave: 1 };
  const lines = Object.entries(keys).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  workspace.write(`tasks/backlog/${id}.md`, `---\n${lines.join("\n")}\n---\n\n# ${id}\n`);
}

/** Clicks where the link would be, and proves that it was words: what is shown says it, and nothing was run. */
async function clickAsAUser(window, workspace, shown) {
  const message = shown.locator(".notification-list-item-message");
  await eventually("the foreign text is shown", async () => (await message.innerText()).includes("HERE"));
  const links = await message.locator("a").allInnerTexts();
  if (links.length > 0) {
    await message.locator("a").first().click();
    await eventually("the link runs its program", () => workspace.has("was-run"));
  }
  assert.equal(workspace.has("was-run"), false, "a click on foreign text has run a program");
  assert.deepEqual(links, [], "foreign text is a link");
  assert.match(await message.innerText(), /\[HERE\] \(command:workbench\.action\.terminal\.new/, "it reads as what it was");
}

test("a title and a feature's name in a refused run are no links", async () => {
  const workspace = new Workspace("exit 0\n");
  // No title may stand there: refused before anything is trusted, in words that name the feature.
  workspace.write("feature-build.yaml", 'run:\n  command: [touch, "{title}"]\n');
  const name = link(workspace);
  writeTask(workspace, "TASK-A-001", { title: `-${name}`, feature: name });
  await within(code, workspace, "foreign-title", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.wavesRow("HERE");
    // There is no lens for what cannot run, but the palette has a command.
    await window.command("Feature Build: Run Wave of This Task");
    const told = await window.notification("HERE");
    await window.screenshot("foreign-title");
    await clickAsAUser(window, workspace, told);
  });
});

test("an agent's last line in the progress is no link", async () => {
  const workspace = new Workspace("");
  workspace.write("agent.sh", `echo '${link(workspace)} $(error)'\nwhile [ ! -e go ]; do sleep 0.05; done\n`);
  writeTask(workspace, "TASK-A-001");
  await within(code, workspace, "foreign-progress", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run wave 1 (1 task)");
    await window.openWaves();
    const { text } = await window.wavesShow(/TASK-A-001.*HERE/);
    assert.match(text, /\[HERE\] \(command:workbench\.action\.terminal\.new/, "it reads as what it was");
    await window.screenshot("foreign-progress");
    const row = window.row("TASK-A-001");
    assert.equal(await row.locator("a").filter({ hasText: "HERE" }).count(), 0, "the output is a link in the row");
    assert.equal(await row.locator(".codicon-error").count(), 0, "a sign in the output is no icon");
    // What a person sees who points at the status says it, too.
    await window.page.locator(".statusbar-item").filter({ hasText: "0/1" }).first().hover();
    const hover = window.page.locator(".monaco-hover").filter({ hasText: "HERE" }).first();
    await hover.waitFor();
    assert.equal(await hover.locator("a").count(), 0, "the output is a link in the tooltip");
    assert.equal(await hover.locator(".codicon-error").count(), 0, "a sign in the output is an icon in the tooltip");
    assert.equal(workspace.has("was-run"), false);
    workspace.write("go", "");
    await window.statusIs("✓ 1/1");
  });
});

test("a feature's name in the message of its failure is no link", async () => {
  const workspace = new Workspace("exit 3\n");
  const name = link(workspace);
  workspace.write(
    ".guardkit/features/FEAT-A.yaml",
    `id: FEAT-A\nname: ${JSON.stringify(name)}\ntasks:\n  - id: TASK-A-001\n    file_path: ${FILE}\norchestration:\n  parallel_groups:\n    - [TASK-A-001]\n`,
  );
  writeTask(workspace, "TASK-A-001");
  await within(code, workspace, "foreign-feature", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    const row = await window.wavesRow("HERE");
    await window.clickLens("▶ Run wave 1 (1 task)");
    const told = await window.notification("did not pass");
    await window.screenshot("foreign-feature");
    await clickAsAUser(window, workspace, told);
    assert.match(row.text, /\[HERE\] \(command:/, "it reads the same in a row");
  });
});

test("followed output is shown whole: nothing is written over, hidden, or read in another direction", async () => {
  const workspace = new Workspace("");
  const output = "evil\\rgood \\033[8mhidden\\033[30;40mblack\\033[0m \\342\\200\\256abc\\n";
  workspace.write("agent.sh", `printf '${output}'\nwhile [ ! -e go ]; do sleep 0.05; done\n`);
  writeTask(workspace, "TASK-A-001");
  await within(code, workspace, "foreign-output", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.clickLens("▶ Run wave 1 (1 task)");
    await window.wavesShow(/TASK-A-001.*good/);
    await window.pressInRow("TASK-A-001", "Follow Output");
    const shown = await eventually("the output is shown", async () => {
      const text = await window.terminalText();
      return text.includes("abc") && text;
    });
    await window.screenshot("foreign-output");
    assert.match(shown, /^evil\s*$/m);
    assert.match(shown, /^good hiddenblack abc/m);
    workspace.write("go", "");
    await window.statusIs("✓ 1/1");
  });
});
