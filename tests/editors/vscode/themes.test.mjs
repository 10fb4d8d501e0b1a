// Each view, list, message and dialog in each kind of theme: everything in it can be read, nothing is cut, and what a screen
// reader says of a row is what the row shows. The pictures are for people: one of each scene in each theme.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Code, EXTENSION, HELD, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";

/** A theme of each kind, with the class that the workbench has in it. */
const THEMES = [
  { name: "dark", theme: "Default Dark Modern", seen: "vs-dark" },
  { name: "light", theme: "Default Light Modern", seen: "vs" },
  { name: "contrast", theme: "Default High Contrast", seen: "hc-black" },
  { name: "contrast-light", theme: "Default High Contrast Light", seen: "hc-light" },
];
/** The least contrast of icons (WCAG 2.2, 1.4.11), and of texts where much of it is asked for (1.4.3). */
const ICON = 3;
const TEXT = 4.5;
/** VS Code's own colours of these have no more in its light theme, and nobody else chooses them. */
const PALE = { lens: 3, "choice's detail": 4 };

/** How long what cannot be read may take to its new colours, in milliseconds. */
const PATIENCE = 10_000;

/** What is ours in the window. */
const TEXTS = {
  row: ".sidebar .pane-body .monaco-list-row .label-name",
  "row's words": ".sidebar .pane-body .monaco-list-row .label-description",
  status: '.statusbar-item[id="feature-build.feature-build.featureBuild.status"] a',
  lens: ".codelens-decoration a",
  message: ".notification-list-item-message",
  "message's button": ".notification-list-item .monaco-button",
  question: ".monaco-dialog-box .dialog-message-text",
  "question's detail": ".monaco-dialog-box .dialog-message-detail",
  "question's button": ".monaco-dialog-box .monaco-button",
  choice: ".quick-input-list .monaco-list-row .quick-input-list-row:first-child .label-name",
  "choice's detail": ".quick-input-list .monaco-list-row .quick-input-list-label-meta .label-name",
  "choice's words": ".quick-input-list .monaco-list-row .label-description",
  welcome: ".welcome-view-content p",
  "welcome's button": ".welcome-view-content .monaco-button",
  badge: ".activitybar .badge-content",
  output: ".terminal-wrapper.active .xterm-rows span",
};
const ICONS = {
  "row's icon": ".sidebar .pane-body .monaco-list-row .custom-view-tree-node-item-icon",
  "row's button": ".sidebar .pane-body .monaco-list-row .actions .action-label",
  "choice's icon": ".quick-input-list .monaco-list-row .label-name .codicon",
};
/** These are cut by nobody: a row that is too narrow has its words in its tooltip. */
const WHOLE = [
  "message",
  "message's button",
  "question",
  "question's detail",
  "question's button",
  "welcome",
  "status",
];

let code;
before(async () => {
  code = await Code.start({ asks: true });
});
after(() => code?.stop());

/** Shows a scene in each theme, looks at all of it, and takes a picture. */
async function inEachTheme(window, scene) {
  const problems = [];
  // What the mouse is over has colours of its own, and a tooltip lies over the rows.
  await window.page.mouse.move(1150, 420);
  for (const { name, theme, seen } of THEMES) {
    window.workspace.write(".vscode/settings.json", JSON.stringify({ "workbench.colorTheme": theme }));
    await window.page.locator(`.monaco-workbench.${seen}`).waitFor();
    // Not everything takes its new colours at once.
    let [told, before] = [[], ""];
    const isReadable = async () => {
      const looked = [...(await look(window)), ...(await lookAtGutter(window))];
      const [now, stands] = [JSON.stringify(looked), before];
      [told, before] = [problemsOf(looked), now];
      return told.length === 0 && now === stands;
    };
    await eventually(`${scene} can be read in ${theme}`, isReadable, PATIENCE).catch(() => undefined);
    await window.screenshot(`11-${scene}-${name}`);
    problems.push(...told.map((problem) => `${scene}, ${name}: ${problem}`));
  }
  assert.deepEqual(problems, []);
}

/** What of all that was looked at cannot be read. */
function problemsOf(looked) {
  if (looked.length === 0) return ["nothing is drawn"];
  return looked.flatMap((thing) => {
    const { what, says, cut } = thing;
    const wanted = PALE[what] ?? (what in TEXTS ? TEXT : ICON);
    const problems = [];
    if (contrast(thing) < wanted) problems.push(`has a contrast of ${contrast(thing).toFixed(2)}`);
    if (cut && WHOLE.includes(what)) problems.push("is cut");
    if (/featureBuild(?!\.server\.path)|\$\(|undefined|null|NaN|\[object/.test(says))
      problems.push("is no word for a user");
    return problems.map((problem) => `${what} ${JSON.stringify(says)} ${problem}`);
  });
}

/** Everything of ours that is in sight. */
function look(window) {
  return window.page.evaluate(drawn, { ...TEXTS, ...ICONS });
}

/** The signs beside the tasks in sight. */
async function lookAtGutter(window) {
  const icons = window.page.locator(".editor-instance .glyph-margin-widgets .cgmr, .margin-view-overlays .cgmr");
  const urls = await icons.evaluateAll((all) => all.map((icon) => getComputedStyle(icon).backgroundImage));
  const names = urls.map((url) => /gutter-[a-z]+-[a-z]+\.svg/.exec(url)?.[0]).filter(Boolean);
  const [margin] = await window.page.evaluate(drawn, { "gutter's icon": ".editor-instance .monaco-editor .margin" });
  return names.map((says) => {
    const [colour] = /#[0-9a-f]{6}/i.exec(readFileSync(join(EXTENSION, "images", says), "utf8"));
    const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    return { ...margin, says, colour: `rgb(${r}, ${g}, ${b})` };
  });
}

/** Runs in the page: how each thing is drawn, on what, and whether it is cut. */
function drawn(selectors) {
  const ancestors = (found) => {
    const all = [];
    for (let at = found; at; at = at.parentElement) all.push(at);
    return all;
  };
  const opacity = (found) => ancestors(found).reduce((all, at) => all * Number(getComputedStyle(at).opacity), 1);
  const isSeen = (found) => {
    const { width, height } = found.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(found).visibility !== "hidden" && opacity(found) > 0;
  };
  return Object.entries(selectors).flatMap(([what, selector]) =>
    [...document.querySelectorAll(selector)].filter(isSeen).map((found) => ({
      what,
      says: (found.textContent || found.closest("[aria-label]")?.getAttribute("aria-label") || "").trim(),
      colour: getComputedStyle(found).color,
      opacity: opacity(found),
      grounds: ancestors(found).map((at) => getComputedStyle(at).backgroundColor),
      cut: found.scrollWidth > found.clientWidth + 1 && getComputedStyle(found).overflow !== "visible",
    })),
  );
}

/** How well something that is drawn can be seen (WCAG 2.2, contrast ratio): from 1 to 21. */
function contrast({ colour, opacity, grounds }) {
  const white = { r: 255, g: 255, b: 255, a: 1 };
  const ground = grounds.map(rgba).reduceRight((below, above) => over(above, below), white);
  const own = rgba(colour);
  const [dark, bright] = [over({ ...own, a: own.a * opacity }, ground), ground].map(light).sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

function rgba(colour) {
  const [r = 0, g = 0, b = 0, a = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  // `color(srgb …)` counts to 1.
  const scale = colour.startsWith("color(") ? 255 : 1;
  return { r: r * scale, g: g * scale, b: b * scale, a };
}

function over(top, bottom) {
  const mixed = (part) => top[part] * top.a + bottom[part] * (1 - top.a);
  return { r: mixed("r"), g: mixed("g"), b: mixed("b"), a: 1 };
}

function light({ r, g, b }) {
  const [red, green, blue] = [r, g, b].map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** A workspace with a task in each state. */
function everyState(script = HELD) {
  const workspace = Workspace.example(script);
  const task = (number, more) =>
    workspace.write(
      `tasks/backlog/states/TASK-ST-00${number}.md`,
      `---\nid: TASK-ST-00${number}\ntitle: State number ${number}\nfeature_id: FEAT-STATES\nwave: 1\n${more}\n---\n\n# State\n`,
    );
  task(1, "status: completed");
  task(2, "status: in_progress");
  task(3, "status: blocked");
  task(4, "status: cancelled");
  task(5, "status: backlog\nimplementation_mode: manual");
  task(6, "status: backlog\ndependencies: [TASK-ST-099]");
  task(7, "status: backlog\ndependencies: [TASK-TXT-001]");
  const plan = (name) =>
    `---\nphase: ${name}\nplan: 01\nwave: 1\ndepends_on: []\n---\n<objective>\nStop here.\n</objective>\n`;
  workspace.write(".planning/phases/36-halt/36-01-PLAN.md", plan("36-halt"));
  workspace.write(
    ".planning/phases/36-halt/36-01-SUMMARY.md",
    "---\nphase: 36-halt\nplan: 01\nstatus: halted\n---\n# Halted\n",
  );
  return workspace;
}

test("what is there before anything has run can be read in every theme", async () => {
  const workspace = everyState();
  code.trust(workspace);
  await within(code, workspace, "theme-ready", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.wavesRow("TASK-ST-007");
    await window.lens("▶ Run wave 1 (3 tasks)");
    await window.gutter("ready");
    await inEachTheme(window, "states");
    await window.command("Feature Build: Run…");
    await window.choices();
    await inEachTheme(window, "run");
  });
});

test("what runs, waits for its next attempt or is being ended can be read in every theme", async () => {
  const workspace = everyState(`trap "" TERM\n${HELD}`);
  const retries = "retries: {count: 1, backoff: fixed, delay_seconds: 3600}\n";
  const configuration = workspace.read("feature-build.yaml").replace("seconds: 1", "seconds: 3600");
  workspace.write("feature-build.yaml", configuration + retries);
  code.trust(workspace);
  await within(code, workspace, "theme-running", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    for (const number of [1, 2, 3]) await window.wavesShow(new RegExp(`${TASK(number)}.*compiling`));
    workspace.release(TASK(2), 3);
    await window.wavesShow(/TASK-TXT-002failed \(exit 3\), again in/);
    await window.gutter("running");
    await window.endBy(
      (options) => window.pressInRow(TASK(3), "Cancel", options),
      () => workspace.events("run-cancelling").length === 1,
    );
    await window.wavesRow(`Task ${TASK(3)}, terminating`);
    await inEachTheme(window, "running");
    await window.clickStatus();
    await window.choices();
    await inEachTheme(window, "menu-running");
    await window.pick("End a task…");
    await window.choices(/End which task/);
    await inEachTheme(window, "end-a-task");
  });
});

test("how runs end can be read in every theme: messages, rows, problems, logs, lists", async () => {
  const workspace = everyState();
  workspace.write("src/broken.rs", "fn first() {}\nlet broken = ;\n");
  code.trust(workspace);
  await within(code, workspace, "theme-ended", async () => {
    const window = await code.open(workspace, FILE);
    await window.openWaves();
    workspace.release(TASK(1), 3);
    workspace.release(TASK(2));
    workspace.release(TASK(3));
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    await window.statusIs("✗ 2/3 · 1 failed");
    await window.notification("did not pass");
    await window.lens("✗ failed (exit 3) · Open log");
    await window.gutter("failed");
    await eventually("the badge counts the failure", async () => (await window.badge()) === "1");
    await inEachTheme(window, "failed");
    await window.openProblems();
    await window.problem("expected one thing");
    await inEachTheme(window, "problems");
    await window.clickStatus();
    await window.choices();
    await inEachTheme(window, "menu-failed");
    await window.page.keyboard.press("Escape");
    await window.clickLens("✗ failed (exit 3) · Open log");
    await eventually("the log is opened", async () => (await window.activeTab()) === `${TASK(1)}.log`);
    await inEachTheme(window, "log");

    await window.pressInRow(TASK(1), "Follow Output");
    await eventually("the terminal shows the end", async () => /failed \(exit 3\)/.test(await window.terminalText()));
    await inEachTheme(window, "output");
    await window.command("View: Toggle Panel Visibility");
    await window.command("View: Close Editor");

    workspace.release(TASK(1));
    await window.clickLens("▶ Run task");
    await window.statusIs("✓ 1/1");
    await window.wavesRow(`Task ${TASK(1)}, passed`);
    await window.gutter("passed");
    await inEachTheme(window, "passed");

    await window.pressInRow("Wave 2", "Run");
    await window.wavesShow(/TASK-TXT-004.*compiling/);
    await window.command("Feature Build: Cancel");
    await window.statusIs("■ 0/1 · 1 cancelled");
    await window.wavesRow(`Task ${TASK(4)}, cancelled`);
    await inEachTheme(window, "cancelled");
    await window.command("Feature Build: Show Runs");
    await eventually("the runs are listed", async () => (await window.pickable()).length === 3);
    await inEachTheme(window, "runs");
  });
});

test("questions, refusals and what is missing can be read in every theme", async () => {
  const workspace = everyState();
  await within(code, workspace, "theme-asked", async () => {
    const window = await code.open(workspace, FILE);
    await window.clickLens("▶ Run wave 1 (3 tasks)");
    const question = await window.question("Run wave 1 of FEAT-TXT");
    await inEachTheme(window, "trust");
    await question.getByRole("button", { name: "Not now" }).click();

    const configuration = workspace.read("feature-build.yaml");
    const long = `modes:\n  unused: {command: [echo, ${"x".repeat(3000)}, the-end]}\n`;
    workspace.write("feature-build.yaml", configuration + long);
    await eventually("the question is about the new text", async () => {
      await window.clickLens("▶ Run wave 1 (3 tasks)");
      const asked = await window.question("Run wave 1");
      if (/This is not all of it/.test(await asked.innerText())) return true;
      await asked.getByRole("button", { name: "Not now" }).click();
      return false;
    });
    await inEachTheme(window, "trust-long");
    await window.page.locator(".monaco-dialog-box").getByRole("button", { name: "Show all of it" }).click();
    await window.notification("Do you trust all that the document says");
    await inEachTheme(window, "trust-whole");
    await window.command("Notifications: Clear All Notifications");
    await window.command("View: Close Editor");

    workspace.write("feature-build.yaml", configuration.replace('[sh, agent.sh, "{id}"]', "[sh, -c, 'echo {title}']"));
    code.trust(workspace);
    await window.openWaves();
    await window.wavesRow(`Task ${TASK(1)}, cannot run`);
    await window.command("Feature Build: Run This Task");
    await window.notification("TASK-TXT-001");
    await inEachTheme(window, "refused");
    await window.command("Notifications: Clear All Notifications");

    rmSync(workspace.path("feature-build.yaml"));
    await window.welcome("Nothing says yet what runs these tasks.");
    await window.lens("⚙ Choose what runs these tasks");
    await inEachTheme(window, "set-up");
    await window.pressInWelcome("Choose What Runs These Tasks");
    await window.choices();
    await inEachTheme(window, "configure");
    await window.page.keyboard.press("Escape");

    // A text that is open counts as it stands there.
    await window.command("View: Close Editor");
    rmSync(workspace.path("tasks"), { recursive: true });
    rmSync(workspace.path(".planning"), { recursive: true });
    await window.welcome("No task files here.");
    await inEachTheme(window, "no-tasks");
    await window.pressInWelcome("Learn How It Works");
    const steps = window.page.locator(".gettingStartedDetailsContent .getting-started-step");
    await steps.filter({ hasText: "Mend what failed" }).locator(".step-title").first().click();
    await inEachTheme(window, "walkthrough");
    await window.command("View: Close Editor");

    try {
      code.machineSettings({ "featureBuild.server.path": "/nowhere/feature-build" });
      const message = await window.notification("no program is there");
      await window.welcome("The feature-build program was not found.");
      await inEachTheme(window, "no-server");
      await message.getByRole("button", { name: "Show How to Get It" }).click();
      await window.document("It is found in one of three ways");
      await inEachTheme(window, "get-the-program");
      await window.command("View: Close Editor");

      code.machineSettings({ "featureBuild.server.path": "/bin/false" });
      await window.welcome("The server has stopped.");
      await inEachTheme(window, "stopped");
    } finally {
      code.machineSettings(undefined);
    }
  });
});

test("what Restricted Mode says can be read in every theme", async () => {
  const workspace = everyState();
  const restricted = await Code.start({ trust: false });
  try {
    await within(restricted, workspace, "theme-restricted", async () => {
      const window = await restricted.open(workspace, FILE);
      await window.openWaves();
      await window.welcome("nothing runs until you trust this folder");
      await window.clickLens("▶ Run wave 1 (3 tasks)");
      await window.notification("Restricted Mode");
      await inEachTheme(window, "restricted");
    });
  } finally {
    await restricted.stop();
  }
});
