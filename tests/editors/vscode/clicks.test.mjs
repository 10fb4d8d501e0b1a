// Each command, button, menu entry, lens and link of the extension, clicked once: what it does, and to what.
//
// What there is to click stands in package.json: what nobody has clicked fails the last test.
import { chmodSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Code, EXTENSION, HELD, Workspace, assert, eventually, within } from "./support.mjs";

const TASK = (number) => `TASK-TXT-00${number}`;
const FILE = "tasks/backlog/text-report/TASK-TXT-001-count.md";
const TAB = "TASK-TXT-001-count.md";

/** What the extension contributes, as VS Code reads it. */
const { contributes } = JSON.parse(readFileSync(join(EXTENSION, "package.json"), "utf8"));
/** What of it can be clicked, and what is only there. */
const CLICKABLE = ["commands", "menus", "viewsWelcome", "walkthroughs"];
const STANDING = ["configuration", "viewsContainers", "views", "yamlValidation"];
/** VS Code's own places for what is no entry of a menu. */
const PALETTE = "commandPalette";
const ROW_MENU = "view/item/context";
const INLINE = `${ROW_MENU} inline`;
const TITLE = "view/title";
const EDITOR_TITLE = "editor/title/run";

/** What was clicked by any of these tests. */
const clicked = new Set();

/** Everything of package.json that can be clicked. */
function clickable() {
  const hidden = new Set(
    contributes.menus[PALETTE].filter(({ when }) => when === "false").map((entry) => entry.command),
  );
  const palette = contributes.commands.map(({ command }) => command).filter((command) => !hidden.has(command));
  const menus = Object.entries(contributes.menus).filter(([place]) => place !== PALETTE);
  const entries = menus.flatMap(([place, all]) =>
    all.map(({ command, group }) =>
      group.startsWith("inline") ? `${place} inline ${command}` : `${place} ${command}`,
    ),
  );
  const welcome = contributes.viewsWelcome.flatMap(({ view, contents }) => links(view, contents));
  const steps = contributes.walkthroughs.flatMap(({ steps }) => steps);
  const walkthrough = steps.flatMap(({ id, description }) => links(`walkthrough ${id}`, description));
  return new Set([...palette.map((command) => `${PALETTE} ${command}`), ...entries, ...welcome, ...walkthrough]);
}

/** The links in a text, by their words. */
function links(place, text) {
  return [...text.matchAll(/\[([^\]]+)\]\(/g)].map(([, words]) => `${place} ${words}`);
}

function titleOf(command) {
  return contributes.commands.find((entry) => entry.command === command).title;
}

/** A text without its names and numbers, and a status, which goes by, without what it says. */
function kindOf(text) {
  return text
    .replaceAll("\u00a0", " ")
    .replaceAll(/TASK-TXT-\d+|FEAT-TXT/g, "…")
    .replaceAll(/\d+/g, "#")
    .replaceAll("(# task)", "(# tasks)")
    .replaceAll(/(?<=#\/# done).*/g, "")
    .replaceAll(/(?<=passed in ).*/g, "")
    .replaceAll(/⏳ [a-z].*/g, "⏳ running")
    .trim();
}

/** Clicks in one window, and what was there to be clicked. */
class Clicks {
  /** The lenses, entries of the status bar's menu and answers that were in sight. */
  seen = new Set();
  #errors = [];
  #page;

  constructor(window, expected = /^$/) {
    this.window = window;
    this.expected = expected;
    this.#page = window.page;
    this.#page.on("pageerror", (error) => this.#errors.push(String(error)));
    this.#page.on("console", (message) => {
      if (message.type() === "error" && /feature-?build|command '.*' not found/i.test(message.text()))
        this.#errors.push(message.text());
    });
  }

  /** Clicks something, waits for what it does, and looks whether all is well. */
  async press(what, click, effect) {
    try {
      await this.#look();
      await click();
      await effect();
    } catch (error) {
      throw new Error(`${what}: ${error.message}`);
    }
    clicked.add(what);
    await this.#look();
    assert.deepEqual(this.#unexpected(), [], what);
    const tabs = await this.#page.locator(".tab .label-name").allInnerTexts();
    assert.ok(!tabs.some((tab) => tab.startsWith("Untitled")), `${what} opens ${tabs}`);
  }

  palette(command, effect) {
    const click = () => this.window.command(`Feature Build: ${titleOf(command)}`);
    return this.press(`${PALETTE} ${command}`, click, effect);
  }

  inRow(command, row, effect, ended) {
    const press = (options) => this.window.pressInRow(row, titleOf(command), options);
    return this.press(`${INLINE} ${command}`, this.#ending(press, ended), effect);
  }

  inMenuOf(command, row, effect, ended) {
    const press = (options) => this.window.menuOf(row, new RegExp(`^${titleOf(command)}$`), options);
    return this.press(`${ROW_MENU} ${command}`, this.#ending(press, ended), effect);
  }

  inTitle(command, effect, ended) {
    const press = (options) => this.window.pressInTitle(titleOf(command), options);
    return this.press(`${TITLE} ${command}`, this.#ending(press, ended), effect);
  }

  inTitleMenu(command, effect) {
    const choose = async () => {
      await this.window.pressInTitle("Views and More Actions");
      await this.window.chooseInMenu(titleOf(command), { timeout: 5000 });
      return true;
    };
    return this.press(`${TITLE} ${command}`, () => eventually("the menu is there", choose), effect);
  }

  lens(text, effect) {
    const words = text instanceof RegExp ? text.source.replace("^", "") : text;
    return this.press(`lens ${kindOf(words)}`, () => this.window.clickLens(text), effect);
  }

  endByLens(text, ended) {
    return this.press(`lens ${kindOf(text)}`, () => this.window.endByLens(text, ended), ended);
  }

  /** Chooses from the menu of the status bar. */
  menu(text, effect) {
    const click = async () => {
      await this.window.clickStatus();
      await this.window.choices("Feature Build");
      const labels = this.#page.locator(
        ".quick-input-list .monaco-list-row .quick-input-list-row:first-child .label-name",
      );
      for (const label of await labels.allInnerTexts()) this.seen.add(`menu ${kindOf(label)}`);
      await this.window.pick(text);
    };
    return this.press(`menu ${kindOf(text)}`, click, effect);
  }

  /** Answers a message. */
  answer(message, button, effect) {
    const click = async () => (await this.window.notification(message)).getByRole("button", { name: button }).click();
    return this.press(`answer ${button}`, click, effect);
  }

  /** Answers a dialog. */
  decide(question, button, effect) {
    const click = async () => {
      const dialog = await this.window.question(question);
      await dialog.getByRole("button", { name: button }).click();
      await dialog.waitFor({ state: "hidden" });
    };
    return this.press(`answer ${button}`, click, effect);
  }

  welcome(view, button, effect) {
    return this.press(`${view} ${button}`, () => this.window.pressInWelcome(button), effect);
  }

  /** What was in sight and is not clicked. */
  unclicked() {
    return [...this.seen].filter((what) => !clicked.has(what)).sort();
  }

  /** What ends something does so only when it has stood in its place for some time. */
  #ending(press, ended) {
    return ended === undefined ? press : () => this.window.endBy(press, ended);
  }

  async #look() {
    const answers = this.#page.locator(".notification-list-item .monaco-button, .monaco-dialog-box .monaco-button");
    for (const lens of await this.window.lenses()) this.seen.add(`lens ${kindOf(lens)}`);
    for (const answer of await answers.allInnerTexts()) this.seen.add(`answer ${answer.trim()}`);
  }

  #unexpected() {
    return [...this.#errors, ...errorsOfExtensionHost(this.window.code)].filter((error) => !this.expected.test(error));
  }
}

/** What VS Code wrote down of errors in extensions that may be ours: unhandled rejections are told without a name. */
function errorsOfExtensionHost(code) {
  const logs = readdirSync(join(code.folder, "data/logs"), { recursive: true, encoding: "utf8" });
  return logs
    .filter((name) => name.endsWith("remoteexthost.log"))
    .flatMap((name) => readFileSync(join(code.folder, "data/logs", name), "utf8").split("\n"))
    .filter((line) => /\[error\]/.test(line) && /feature-?build|rejected|not found/i.test(line));
}

/** What a click may lead to, in a window. */
function effectsIn(window) {
  return {
    tab: (name) => () => eventually(`${name} is opened`, async () => (await window.activeTab()) === name),
    lists: (title) => async () => {
      await window.choices(title);
      await window.page.keyboard.press("Escape");
    },
    shows: (text) => () =>
      eventually(`the terminal shows ${text}`, async () => (await window.terminalText()).includes(text)),
    tells: (text) => async () => {
      await window.notification(text);
      await window.command("Notifications: Clear All Notifications");
    },
    log: () => eventually("the log is shown", async () => /\[info\] |\[error\] /.test(await window.outputText())),
    settings: (name) => async () => {
      await eventually("the settings are opened", async () => (await window.activeTab()) === "Settings");
      await window.page.locator(".settings-editor .setting-item").filter({ hasText: name }).first().waitFor();
      await window.command("View: Close Editor");
    },
    workspaceTrust: async () => {
      await window.page.locator(".workspace-trust-editor").waitFor();
      await window.command("View: Close Editor");
    },
  };
}

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

test("whatever starts, shows, ends or repeats a run does so when it is clicked, and brings no error", async () => {
  // The first two end only when they are killed, as long as there is nothing that ends them.
  const workspace = Workspace.example(`case "$1" in *-001 | *-002) trap "" TERM ;; esac\n${HELD}`);
  workspace.write("feature-build.yaml", workspace.read("feature-build.yaml").replace("seconds: 1", "seconds: 3600"));
  await within(code, workspace, "clicks", async () => {
    const window = await code.open(workspace, FILE);
    const clicks = new Clicks(window);
    const { tab, lists, shows, log } = effectsIn(window);
    const back = () => window.lensAfterTab(TAB, /./);
    // On a slow machine a minute goes by, after which it is asked first.
    const cancelling = (count) => async () => {
      const yes = window.page.locator(".monaco-dialog-box").getByRole("button", { name: / it$/ });
      if ((await yes.count()) > 0 && workspace.events("run-cancelling").length < count) await yes.first().click();
      return workspace.events("run-cancelling").length >= count;
    };
    const asked = (count) => () => eventually("it is asked to end", cancelling(count));
    const started = (count) => () => eventually("it is started", () => workspace.events("run-started").length >= count);
    const over = (count) => () => eventually("it is over", () => workspace.events("run-finished").length >= count);
    await window.openWaves();
    await window.wavesRow(TASK(1));
    await clicks.inTitle("featureBuild.run", lists("Run which wave?"));
    await clicks.palette("featureBuild.run", lists("Run which wave?"));

    // What runs: its output, and every way to end it.
    await clicks.inRow("featureBuild.runRow", "Wave 1", started(1));
    await eventually("the tasks run", () => [1, 2, 3].every((number) => workspace.has(`started-${TASK(number)}`)));
    await clicks.lens("⏳ 0/3 done", tab(`${TASK(1)}.log`));
    await back();
    await clicks.lens("⏳ running", tab(`${TASK(1)}.log`));
    await clicks.palette("featureBuild.openLog", lists("Open the log of which task?"));
    await clicks.palette("featureBuild.followOutput", lists("Follow the output of which task?"));
    await back();
    await clicks.inRow("featureBuild.openRowLog", TASK(2), tab(`${TASK(2)}.log`));
    await clicks.inRow("featureBuild.followRow", TASK(2), shows(`compiling ${TASK(2)}`));
    await clicks.inMenuOf("featureBuild.openRowLog", TASK(3), tab(`${TASK(3)}.log`));
    await clicks.inMenuOf("featureBuild.followRow", TASK(3), shows(`compiling ${TASK(3)}`));
    await clicks.inMenuOf("featureBuild.openTask", TASK(3), tab("TASK-TXT-003-rank.md"));
    await clicks.palette("featureBuild.showRuns", lists("Runs, the newest first"));
    await clicks.palette("featureBuild.showMenu", lists("Feature Build"));
    await clicks.menu("Follow output…", shows(`compiling ${TASK(3)}`));
    await clicks.menu("Open a log…", tab(`${TASK(3)}.log`));
    await clicks.menu("Show runs", lists("Runs, the newest first"));
    await clicks.menu("End a task…", lists("End which task?"));
    await window.command("View: Toggle Panel Visibility");
    await clicks.inRow("featureBuild.cancelRow", TASK(1), asked(1), cancelling(1));
    await clicks.inRow("featureBuild.killRow", TASK(1), asked(2), cancelling(2));
    await window.wavesRow(`Task ${TASK(1)}, cancelled`);
    await clicks.inMenuOf("featureBuild.cancelRow", TASK(2), asked(3), cancelling(3));
    await window.wavesRow(`Task ${TASK(2)}, terminating`);
    await clicks.inMenuOf("featureBuild.killRow", TASK(2), asked(4), cancelling(4));
    await clicks.inTitle("featureBuild.cancel", over(1), cancelling(5));

    // The same by lenses and by the menu.
    await back();
    await clicks.lens("■ cancelled · Open log", tab(`${TASK(1)}.log`));
    await back();
    await clicks.lens("▶ Run wave 1 (3 tasks)", started(2));
    await clicks.endByLens("Cancel task", cancelling(6));
    await clicks.endByLens("Kill task", cancelling(7));
    await clicks.menu("Stop FEAT-TXT after its present wave", asked(8));
    await clicks.menu("Cancel FEAT-TXT", asked(9));
    await clicks.menu("Kill FEAT-TXT now", over(2));
    await clicks.menu("Run…", lists("Run which wave?"));
    await clicks.palette("featureBuild.runFileWave", started(3));
    await window.lens("⏳ 0/3 done");
    await clicks.endByLens("Cancel", cancelling(11));
    await clicks.endByLens("Kill", cancelling(12));
    await over(3)();
    await clicks.palette("featureBuild.runFileTask", started(4));
    await clicks.palette("featureBuild.cancel", asked(13));
    await clicks.palette("featureBuild.cancel", over(4));
    await clicks.lens("▶ Run task", started(5));
    await clicks.endByLens("Cancel task", cancelling(15));
    await clicks.endByLens("Kill task", cancelling(16));
    await over(5)();

    // What failed, and what passed.
    workspace.release(TASK(1), 3);
    for (const number of [2, 3, 4]) workspace.release(TASK(number));
    const runInTitle = (command) => async () => {
      const buttons = window.page.locator(".editor-actions");
      const shown = buttons.locator(`.action-label[aria-label^="${titleOf(command)}"]`);
      if ((await shown.count()) > 0) return shown.first().click();
      await buttons.locator(".monaco-dropdown-with-default .dropdown-action-container a").first().click();
      await window.chooseInMenu(titleOf(command));
      // The key that chose opens it once more.
      await window.page.keyboard.press("Escape");
    };
    const inEditorTitle = (command, effect) => clicks.press(`${EDITOR_TITLE} ${command}`, runInTitle(command), effect);
    await inEditorTitle("featureBuild.runFileWave", over(6));
    await inEditorTitle("featureBuild.runFileTask", over(7));
    assert.deepEqual(
      workspace
        .journals()
        .at(-1)
        .filter(({ event }) => event === "task-started")
        .map(({ task }) => task),
      [TASK(1)],
      "the task alone",
    );
    await clicks.lens("✗ failed (exit 3) · Open log", tab(`${TASK(1)}.log`));
    await back();
    await clicks.lens("↻ Re-run 1 failed", over(8));
    await clicks.inTitle("featureBuild.rerunFailed", over(9));
    await clicks.palette("featureBuild.rerunFailed", over(10));
    await clicks.menu("Re-run failed", over(11));
    await clicks.menu(`Open failed task ${TASK(1)}`, tab(TAB));
    await clicks.answer("did not pass", "Show failures", () => window.problem("expected one thing"));
    // Its message has gone with the answer: the next failure brings the next one.
    await back();
    await window.clickLens("↻ Re-run 1 failed");
    await over(12)();
    workspace.release(TASK(1));
    await clicks.answer("did not pass", "Re-run failed", over(13));
    await window.command("Notifications: Clear All Notifications");
    await back();
    await clicks.lens(/^✓ passed in/, tab(`${TASK(1)}.log`));
    await back();
    await clicks.inMenuOf("featureBuild.runRow", "Wave 2", over(14));
    await window.wavesRow("Feature FEAT-TXT, 4/4 done");

    // What is about the extension itself.
    await clicks.inTitleMenu("featureBuild.showRuns", lists("Runs, the newest first"));
    await clicks.inTitleMenu("featureBuild.configure", tab("feature-build.yaml"));
    await clicks.inTitleMenu("featureBuild.showServerLog", log);
    await window.command("View: Toggle Panel Visibility");
    await clicks.palette("featureBuild.showServerLog", log);
    await clicks.palette("featureBuild.configure", tab("feature-build.yaml"));
    const before = code.servers();
    await clicks.palette("featureBuild.restartServer", () =>
      eventually("another server runs", () => code.servers().some((pid) => !before.includes(pid))),
    );
    await window.wavesRow(TASK(1));
    assert.deepEqual(clicks.unclicked(), [], "these were seen, and nobody has clicked them");
  });
});

test("a run of all waves stops after the present one by its lens", async () => {
  const workspace = Workspace.example();
  await within(code, workspace, "stop", async () => {
    const window = await code.open(workspace, FILE);
    const clicks = new Clicks(window);
    await window.openWaves();
    await window.wavesRow(TASK(4));
    await window.pressInRow("FEAT-TXT", "Run");
    await clicks.endByLens("Stop after this wave", () => workspace.events("run-cancelling").length === 1);
    await window.lens("⏳ 0/3 done, stops after this wave");
    await window.statusIs(/^▶ 0\/4 · stops after this wave/);
    await window.wavesRow(`Task ${TASK(4)}, will not start`);
    for (const number of [1, 2, 3]) workspace.release(TASK(number));
    await eventually("the run is over", () => workspace.events("run-finished").length === 1);
    assert.equal(workspace.has(`started-${TASK(4)}`), false, "the next wave did not start");
    assert.equal(workspace.events("run-finished")[0].summary.passed, 3, "the present one was not ended");
  });
});

test("the buttons of an empty folder and of the walkthrough lead where they say", async () => {
  const workspace = new Workspace("exit 0\n");
  await within(code, workspace, "clicks-empty", async () => {
    const window = await code.open(workspace);
    const clicks = new Clicks(window);
    const { tab, tells } = effectsIn(window);
    const view = "featureBuild.waves";
    await window.openWaves();
    await window.welcome("No task files here.");
    await clicks.welcome(view, "Write feature-build.yaml", tab("feature-build.yaml"));
    await window.command("View: Close Editor");
    const walkthrough = window.page.locator(".gettingStartedDetailsContent");
    await clicks.welcome(view, "Learn How It Works", () => walkthrough.waitFor());

    const press = async (id, effect) => {
      const step = contributes.walkthroughs[0].steps.find((step) => step.id === id);
      const [, words] = /\[([^\]]+)\]\(/.exec(step.description);
      const shown = walkthrough.locator(".getting-started-step").filter({ hasText: step.title });
      const click = async () => {
        const button = shown.getByRole("button", { name: words });
        if (!(await button.isVisible())) await shown.locator(".step-title").first().click();
        await button.click();
      };
      await clicks.press(`walkthrough ${id} ${words}`, click, effect);
    };
    await window.command("View: Show Explorer");
    await press("open", () => window.welcome("No task files here."));
    await press("run", tells("No task can start now."));
    await press("failures", () => window.page.locator(".markers-panel").waitFor());
    await press("configure", tab("feature-build.yaml"));
    assert.deepEqual(
      clicks.unclicked(),
      ["answer OK"].filter((what) => clicks.seen.has(what)),
    );
  });
});

test("where there is no folder, one can be opened", async () => {
  const workspace = new Workspace("exit 0\n");
  await within(code, workspace, "clicks-nothing", async () => {
    const window = await code.open(workspace, undefined, { nothing: true });
    const clicks = new Clicks(window);
    await window.openWaves();
    await window.welcome("Open a folder with task files to see their waves.");
    await clicks.welcome("featureBuild.waves", "Open Folder", () =>
      window.page.locator(".quick-input-titlebar").filter({ hasText: "Open Folder" }).waitFor(),
    );
  });
});

test("what is missing is had by the buttons that stand where it is told", async () => {
  const workspace = Workspace.example();
  const configuration = workspace.read("feature-build.yaml");
  rmSync(workspace.path("feature-build.yaml"));
  const restricted = await Code.start({ trust: false });
  try {
    await within(restricted, workspace, "clicks-missing", async () => {
      const window = await restricted.open(workspace, FILE);
      // Where the machine has no agent, that is told.
      const clicks = new Clicks(window, /no agent that feature-build knows/);
      const { tab, lists, workspaceTrust } = effectsIn(window);
      const view = "featureBuild.setup";
      await window.openWaves();
      await clicks.welcome(view, "Manage Workspace Trust", workspaceTrust);
      await window.clickLens("▶ Run wave 1 (3 tasks)");
      await clicks.answer("Restricted Mode", "Manage Workspace Trust", () =>
        window.page.locator(".workspace-trust-editor").waitFor(),
      );
      await window.page.locator(".workspace-trust-editor").getByRole("button", { name: "Trust", exact: true }).click();

      await clicks.welcome(view, "Choose What Runs These Tasks", lists("What runs these tasks?"));
      await window.command("View: Close Editor");
      await clicks.lens("⚙ Choose what runs these tasks", () =>
        eventually("it is asked, or told that there is no agent", async () =>
          /Who shall do the tasks|no agent that feature-build knows/.test(
            (await window.page.locator(".notification-list-item").allInnerTexts()).join(),
          ),
        ),
      );
      await window.command("Notifications: Clear All Notifications");

      const started = () => workspace.events("run-started").length;
      workspace.write("feature-build.yaml", configuration);
      await eventually("nothing is missing", async () => !/Nothing says/.test(await window.sidebarText()));
      const none = async () => assert.equal(started(), 0);
      const ask = () => window.clickLens("▶ Run wave 1 (3 tasks)");
      await ask();
      await clicks.decide("Run wave 1 of FEAT-TXT", "Not now", none);
      await ask();
      await clicks.decide("Run wave 1 of FEAT-TXT", "Show configuration", tab("feature-build.yaml"));
      await window.lensAfterTab(TAB, /Run wave/);
      await ask();
      await clicks.decide("Run wave 1 of FEAT-TXT", "Trust and run", () =>
        eventually("it is started", () => started() === 1),
      );
    });
  } finally {
    await restricted.stop();
  }
});

test("a program that is missing, or ends at once, is had back by the buttons that stand where it is told", async () => {
  const workspace = Workspace.example();
  const program = workspace.path("program");
  const write = (lines) => {
    // Renamed into its place: what is open for writing cannot be started.
    workspace.write("program.new", `#!/bin/sh\n${lines}\n`);
    chmodSync(workspace.path("program.new"), 0o755);
    renameSync(workspace.path("program.new"), program);
  };
  await within(code, workspace, "clicks-program", async () => {
    const window = await code.open(workspace, FILE);
    // These are what it is about.
    const clicks = new Clicks(window, /server|connection|stream|write/i);
    const { log, settings, tab } = effectsIn(window);
    const view = "featureBuild.waves";
    await window.openWaves();
    await window.wavesRow(TASK(1));
    code.machineSettings({ "featureBuild.server.path": program });
    try {
      const told = "no program is there";
      await window.welcome("The feature-build program was not found.");
      await clicks.answer(told, "Open Settings", settings("Server: Path"));
      await clicks.welcome(view, "Open Settings", settings("Server: Path"));
      await clicks.welcome(view, "Try Again", () => window.notification(told));
      await clicks.answer(told, "Show How to Get It", () => window.document("It is found in one of three ways"));
      await window.command("View: Close Editor");
      write("exit 1");
      await window.pressInWelcome("Try Again");
      await window.welcome("The server has stopped.");
      await clicks.welcome(view, "Show Its Log", log);
      await window.command("Notifications: Clear All Notifications");
      await window.command("View: Toggle Panel Visibility");
      write(`exec "${process.env.FEATURE_BUILD_BIN}" "$@"`);
      await clicks.welcome(view, "Restart It", () => window.wavesRow(TASK(1)));
      await window.lensAfterTab(TAB, "▶ Run wave 1 (3 tasks)");
    } finally {
      code.machineSettings(undefined);
    }
  });
});

test("everything in package.json that can be clicked was clicked", () => {
  assert.deepEqual(
    Object.keys(contributes).filter((what) => ![...CLICKABLE, ...STANDING].includes(what)),
    [],
    "it is said of these whether they can be clicked",
  );
  const left = [...clickable()].filter((what) => !clicked.has(what));
  assert.deepEqual(left, [], "nobody has clicked these");
});
