// The real VS Code for tests: a code-server with the packaged extension, and browsers that look at it.
//
// Nothing here waits for a time: every wait is for something that is seen, with a generous deadline.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("../../..", import.meta.url));
const VSCODE = process.env.FEATURE_BUILD_VSCODE;
const SCREENSHOTS = process.env.FEATURE_BUILD_SCREENSHOTS;
const { chromium } = createRequire(join(VSCODE, "package.json"))("playwright-core");
const CODE_SERVER = join(VSCODE, "node_modules/code-server/out/node/entry.js");
const DIST = join(TOP, "editors/vscode/dist");
/** The extension's packages: for this platform with the program in it, and without. */
export const PACKAGE = join(DIST, `feature-build-${process.platform}-${process.arch}.vsix`);
export const BARE_PACKAGE = join(DIST, "feature-build.vsix");

/** The extension's sources. */
export const EXTENSION = join(TOP, "editors/vscode");

/** What packs an extension. */
export const VSIX_TOOL = join(TOP, "editors/vscode/node_modules/@vscode/vsce/vsce");

/** How large a large workspace is. */
export const FEATURES = 250;
export const TASKS = 20;

/** A task's file in a large workspace. */
export function largeFile(feature, task) {
  return `tasks/backlog/feature-${feature}/TASK-F${feature}-${task}.md`;
}

/** Long enough for a slow machine under load; a test that passes never waits for it. */
export const DEADLINE = 60_000;
const LOOK = 50;

/** The first answer of `look` that is neither false, null nor undefined. */
export async function eventually(what, look, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  let last;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== false && seen !== null && seen !== undefined) return seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain: ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

/** A workspace of its own. Its tasks run `sh agent.sh ID`, which does what `script` says. */
export class Workspace {
  constructor(script) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), "feature-build-vscode-")));
    this.write("feature-build.yaml", 'run:\n  command: [sh, agent.sh, "{id}"]\ngrace_seconds: 1\n');
    this.write("agent.sh", script);
  }

  /** The example's tasks, run by a script that can be held. */
  static example(script = HELD) {
    const workspace = new Workspace(script);
    cpSync(join(TOP, "examples/text-report/tasks"), workspace.path("tasks"), {
      recursive: true,
    });
    return workspace;
  }

  /** 5,000 tasks. */
  static large() {
    const workspace = new Workspace("exit 0\n");
    for (let feature = 1; feature <= FEATURES; feature++) {
      for (let task = 1; task <= TASKS; task++) {
        const text = `---\nid: TASK-F${feature}-${task}\ntitle: Task ${task} of feature ${feature}\nstatus: backlog\nfeature_id: FEAT-${feature}\nwave: 1\n---\n\n# Task ${task}\n`;
        workspace.write(largeFile(feature, task), text);
      }
    }
    return workspace;
  }

  path(file) {
    return join(this.root, file);
  }

  write(file, text) {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  read(file) {
    return readFileSync(this.path(file), "utf8");
  }

  has(file) {
    return existsSync(this.path(file));
  }

  /** Lets held tasks end: with success, or with an exit code. */
  release(id, code = 0) {
    // Renamed into its place: the script must not read a file that is only half written.
    this.write(`end-${id}.new`, `${code}\n`);
    renameSync(this.path(`end-${id}.new`), this.path(`end-${id}`));
  }

  /** The processes that tasks of this workspace have: their environment names it. */
  processes() {
    return readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && environmentHas(pid, `FEATURE_BUILD_WORKSPACE=${this.root}`),
    );
  }

  journals() {
    const runs = this.path(".feature-build/runs");
    if (!existsSync(runs)) return [];
    const folders = readdirSync(runs, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const files = folders.map((entry) => join(runs, entry.name, "journal.jsonl")).filter(existsSync);
    const records = files.map((file) =>
      readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    );
    // Names are as old as a second: of two runs in one any may be the first.
    const began = (journal) => journal[0]?.time ?? "";
    return records.sort((one, other) => began(one).localeCompare(began(other)));
  }

  /** What the newest attempt of a task has written. */
  log(task) {
    const log = this.events("task-started").findLast((event) => event.task === task).log;
    return readFileSync(isAbsolute(log) ? log : this.path(log), "utf8");
  }

  /** Makes its one run look as if it had begun so many milliseconds earlier. */
  age(milliseconds) {
    const [run] = readdirSync(this.path(".feature-build/runs"));
    const journal = join(".feature-build/runs", run, "journal.jsonl");
    const lines = this.read(journal)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const earlier = (time) => new Date(Date.parse(time) - milliseconds).toISOString();
    const aged = lines.map((record) => JSON.stringify({ ...record, time: earlier(record.time) }));
    // In place: its supervisor has it open.
    writeFileSync(this.path(journal), `${aged.join("\n")}\n`);
  }

  events(kind) {
    return this.journals()
      .flat()
      .filter((record) => record.event === kind);
  }

  /** Ends what still runs, then removes everything; only the user who started a run is believed. */
  async remove({ env }) {
    execFileSync(process.env.FEATURE_BUILD_BIN, ["-C", this.root, "cancel", "--all", "--kill"], {
      env,
      stdio: "ignore",
    });
    await eventually("its processes are gone", () => this.processes().length === 0);
    // Servers of lost windows live on, and may write into the state folder until they have seen the run's end.
    await eventually("its folder is gone", () => {
      rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
      return !existsSync(this.root);
    });
  }
}

function environmentHas(pid, entry) {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry);
  } catch {
    return false; // gone meanwhile, or somebody else's
  }
}

/** Says what it does, waits for the file `end-ID`, and ends with the exit code in it. */
export const HELD = `echo "reading the task"
echo start >>"started-$1"
printf '\\033[32mcompiling\\033[0m %s\\n' "$1"
while [ ! -e "end-$1" ]; do sleep 0.05; done
code=$(cat "end-$1")
[ "$code" = 0 ] || echo "src/broken.rs:2:5: expected one thing, found another"
exit "$code"
`;

/** A code-server with the extension in it. */
export class Code {
  /**
   * `trust`: no Restricted Mode in it; `asks`: nobody has trusted the workspaces' configurations before;
   * `extension`: the package that is installed.
   */
  static async start({ trust = true, asks = !trust, settings = {}, extension = PACKAGE, path } = {}) {
    const code = new Code();
    code.folder = mkdtempSync(join(tmpdir(), "feature-build-code-"));
    const data = join(code.folder, "data");
    const extensions = join(code.folder, "extensions");
    mkdirSync(join(data, "User"), { recursive: true });
    writeFileSync(join(data, "User/settings.json"), JSON.stringify({ ...QUIET, ...settings }));
    const common = [
      "--user-data-dir",
      data,
      "--extensions-dir",
      extensions,
      "--disable-telemetry",
      "--disable-update-check",
    ];
    const folders = {
      XDG_CONFIG_HOME: join(code.folder, "config"),
      XDG_STATE_HOME: join(code.folder, "state"),
    };
    const env = { ...process.env, HOME: code.folder, ...folders, PASSWORD: "" };
    if (path !== undefined) {
      env.PATH = path;
      // The extension host takes the environment of a login shell.
      for (const file of [".profile", ".bashrc"]) writeFileSync(join(code.folder, file), `export PATH='${path}'\n`);
    }
    code.env = env;
    code.asks = asks;
    code.extensions = extensions;
    execFileSync(process.execPath, [CODE_SERVER, ...common, "--install-extension", extension], { env, stdio: "pipe" });
    code.port = await freePort();
    const args = [CODE_SERVER, ...common, "--auth", "none", "--bind-addr", `127.0.0.1:${code.port}`];
    args.push("--disable-getting-started-override", ...(trust ? ["--disable-workspace-trust"] : []));
    code.server = spawn(process.execPath, args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    code.log = "";
    for (const stream of [code.server.stdout, code.server.stderr]) stream.on("data", (text) => (code.log += text));
    code.browsers = [];
    try {
      await eventually("code-server listens", () => code.log.includes("HTTP server listening"));
    } catch (error) {
      // Nobody has it yet who would stop it.
      await code.stop();
      throw error;
    }
    return code;
  }

  async browser() {
    const server = await chromium.launchServer({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"],
    });
    const browser = await chromium.connect(server.wsEndpoint());
    browser.kill = () => server.kill();
    this.browsers.push(browser);
    return browser;
  }

  /**
   * A window on a workspace, in a browser of its own, with a file open; `several`: a file that names several folders;
   * `nothing`: no folder is open in it.
   */
  async open(workspace, file, { theme, several, nothing, watch } = {}) {
    if (!this.asks) this.trust(workspace);
    const browser = await this.browser();
    const page = await browser.newPage({
      viewport: { width: 1280, height: 800 },
      colorScheme: theme ?? "dark",
    });
    // What waits inside the browser, as for a page to load, has the deadline of everything else.
    page.setDefaultTimeout(DEADLINE);
    if (watch !== undefined) await page.addInitScript(watch);
    const window = new Window(page, this, workspace);
    const opened =
      file === undefined
        ? ""
        : `&payload=${encodeURIComponent(JSON.stringify([["openFile", `vscode-remote://127.0.0.1:${this.port}${workspace.path(file)}`]]))}`;
    const [what, path] = several === undefined ? ["folder", workspace.root] : ["workspace", several];
    const query = nothing ? "ew=true" : `${what}=${encodeURIComponent(path)}${opened}`;
    await page.goto(`http://127.0.0.1:${this.port}/?${query}`);
    await page.locator(".monaco-workbench").waitFor({ timeout: DEADLINE });
    return window;
  }

  /** Trusts the workspace's configuration, as its user would. */
  trust(workspace) {
    this.command(workspace, "trust");
  }

  /** Calls the program in a terminal. */
  command(workspace, ...args) {
    const { env } = this;
    execFileSync(process.env.FEATURE_BUILD_BIN, ["-C", workspace.root, ...args], { env, stdio: "pipe" });
  }

  /** Sets the machine's own settings, while windows are open; `undefined` takes them away. */
  machineSettings(settings) {
    const file = join(this.folder, "data/Machine/settings.json");
    rmSync(file, { force: true });
    if (settings === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(settings));
  }

  /** The extension host processes, the oldest first. */
  extensionHosts() {
    return this.#processes((line) => line.includes("--type=extensionHost"));
  }

  /** The language servers, the oldest first. */
  servers() {
    return this.#processes((line) => line.trim().endsWith("feature-build lsp"));
  }

  #processes(wanted) {
    const all = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid));
    return all
      .filter((pid) => wanted(commandLine(pid)) && environmentHas(pid, `HOME=${this.folder}`))
      .map(Number)
      .sort((a, b) => a - b);
  }

  async stop() {
    await this.closeAll();
    try {
      process.kill(-this.server.pid, "SIGTERM");
    } catch {
      // it is gone already
    }
    rmSync(this.folder, {
      recursive: true,
      force: true,
      maxRetries: 10,
      retryDelay: 100,
    });
  }

  async closeAll() {
    for (const browser of this.browsers.splice(0)) {
      await browser.close();
      await browser.kill();
    }
  }
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

const QUIET = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.colorTheme": "Default Dark Modern",
  "files.autoSave": "off",
  "git.enabled": false,
  "extensions.ignoreRecommendations": true,
  "security.workspace.trust.banner": "never",
  "security.workspace.trust.startupPrompt": "never",
  "window.menuBarVisibility": "compact",
  "workbench.layoutControl.enabled": false,
  "chat.commandCenter.enabled": false,
  "editor.minimap.enabled": false,
  // Without the graphics card's renderer the terminal's text is text in the page.
  "terminal.integrated.gpuAcceleration": "off",
  "markdown.validate.enabled": false,
};

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One VS Code window, as a person sees and uses it. */
export class Window {
  constructor(page, code, workspace) {
    this.page = page;
    this.code = code;
    this.workspace = workspace;
  }

  /** The lenses of the editor in sight. */
  lenses() {
    return this.page.locator(".codelens-decoration a").allTextContents();
  }

  lens(text) {
    return eventually(`the lens ${text}`, async () => {
      const lenses = (await this.lenses()).map((lens) => lens.replaceAll("\u00a0", " "));
      return lenses.find((lens) => (text instanceof RegExp ? text.test(lens) : lens === text));
    }).catch(async (error) => {
      throw new Error(`${error.message}; there are ${JSON.stringify(await this.lenses())}`);
    });
  }

  async clickLens(text) {
    await this.lens(text);
    await this.page.locator(".codelens-decoration a").filter({ hasText: text }).first().click();
  }

  /** Clicks what ends something, again as long as it has stood there for too short a time. */
  async endByLens(text, ended) {
    await this.lens(text);
    const lens = this.page.locator(".codelens-decoration a").filter({ hasText: new RegExp(`^${text}$`) });
    await eventually(`the lens ${text} counts`, async () => {
      if (await ended()) return true;
      await lens.first().click({ timeout: 1000 });
      return ended();
    });
  }

  /**
   * The milliseconds from a key until the lens is the one of the wave that stands in the text by then, as the page itself
   * sees both. Which one that is the text says: on a busy machine VS Code takes a letter twice now and then.
   */
  async untilLens(key) {
    await this.page.evaluate(watchLens, DEADLINE);
    await this.page.keyboard.type(key);
    return this.page.evaluate(() => globalThis.lensSeen);
  }

  /** The milliseconds between a text in the editor and its lens, as the page saw them. */
  opening(text) {
    return eventually(`${text} and its lens`, () =>
      this.page.evaluate((text) => {
        const shown = globalThis.seen.texts.find((seen) => seen.text.includes(text));
        const { lens } = globalThis.seen;
        return shown && lens >= shown.at && lens - shown.at;
      }, text),
    );
  }

  /** The text of the extension's own item in the status bar; `undefined` where it is not there. */
  async status() {
    const item = this.page.locator('.statusbar-item[id="feature-build.feature-build.featureBuild.status"]');
    return (await item.count()) === 0 ? undefined : (await item.first().innerText()).trim();
  }

  statusIs(text) {
    return eventually(`the status bar says ${text}`, async () => {
      const status = await this.status();
      return status !== undefined && (text instanceof RegExp ? text.test(status) : status.startsWith(text)) && status;
    }).catch(async (error) => {
      throw new Error(`${error.message}; it says ${await this.status()}`);
    });
  }

  async clickStatus() {
    await this.page.locator('.statusbar-item[id="feature-build.feature-build.featureBuild.status"] a').first().click();
  }

  /** The texts of all items in the status bar. */
  statusBar() {
    return this.page.locator(".statusbar-item").allInnerTexts();
  }

  /** Runs a command by its title in the palette. */
  async command(title) {
    const input = this.page.locator(".quick-input-widget input[type=text]");
    // What takes the focus in that moment closes it again.
    await eventually("the palette is open", async () => {
      await this.page.keyboard.press("F1");
      await input.fill(`>${title}`, { timeout: 5000 });
      return true;
    });
    await this.pick(title);
  }

  /** Picks a row of the list that is open. */
  async pick(text) {
    const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: text }).first();
    await row.waitFor({ timeout: DEADLINE });
    await row.click();
  }

  /** Loads the window anew, as the command does; answers when the new one is there. */
  async reload() {
    await this.page.evaluate(() => (globalThis.isOld = true));
    await this.command("Developer: Reload Window");
    await eventually("the window is another one", () => this.page.evaluate(() => globalThis.isOld !== true));
    await this.page.locator(".monaco-workbench").waitFor({ timeout: DEADLINE });
  }

  /** Waits for a list to choose from, by its title where one is named. */
  async choices(title = "") {
    await this.page.locator(".quick-input-titlebar").filter({ hasText: title }).first().waitFor();
    await this.page.locator(".quick-input-list .monaco-list-row").first().waitFor();
  }

  async pickable() {
    return this.page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
  }

  async openProblems() {
    await this.command("Problems: Focus on Problems View");
    await this.page.locator(".markers-panel").waitFor({ timeout: DEADLINE });
  }

  problems() {
    return this.page.locator(".markers-panel .monaco-list-row").allInnerTexts();
  }

  problem(text) {
    return eventually(`the problem ${text}`, async () =>
      (await this.problems()).find((row) => row.includes(text)),
    ).catch(async (error) => {
      throw new Error(`${error.message}; there are ${JSON.stringify(await this.problems())}`);
    });
  }

  async openWaves() {
    // With one view in it the container's title is the view's.
    const title = this.page.locator(".sidebar .title-label").filter({ hasText: /waves|feature build/i });
    if ((await title.count()) > 0) return;
    await this.page.locator('.activitybar .action-label[aria-label^="Feature Build"]').first().click();
    await title.first().waitFor({ timeout: DEADLINE });
  }

  /** The rows of the Waves view: what a screen reader says of each, which is what its label is. */
  async waves() {
    const rows = this.page.locator(".sidebar .monaco-list-row");
    return rows.evaluateAll((all) =>
      all.map((row) => ({
        label: row.getAttribute("aria-label") ?? "",
        text: row.textContent ?? "",
      })),
    );
  }

  wavesRow(text) {
    return eventually(`the row ${text}`, async () =>
      (await this.waves()).find(({ label }) => (text instanceof RegExp ? text.test(label) : label.includes(text))),
    ).catch(async (error) => {
      throw new Error(`${error.message}; there are ${JSON.stringify(await this.waves())}`);
    });
  }

  /** Waits for what a row shows beside what a screen reader says of it. */
  wavesShow(text) {
    return eventually(`a row shows ${text}`, async () => (await this.waves()).find((row) => text.test(row.text))).catch(
      async (error) => {
        throw new Error(`${error.message}; there are ${JSON.stringify(await this.waves())}`);
      },
    );
  }

  /** A row of the Waves view. */
  row(text) {
    return this.page.locator(".sidebar .monaco-list-row").filter({ hasText: text }).first();
  }

  /** The icon of a row: its name and its colour. */
  rowIcon(text) {
    const found = this.row(text).locator(".custom-view-tree-node-item-icon").first();
    return found.evaluate((icon) => ({
      name: [...icon.classList].find((name) => /^codicon-(?!modifier)/.test(name))?.slice("codicon-".length),
      colour: getComputedStyle(icon).color,
    }));
  }

  /** The names of the buttons that a row shows under the mouse. */
  async rowButtons(text) {
    await this.row(text).hover();
    const buttons = this.row(text).locator(".actions .action-label");
    return buttons.evaluateAll((all) => all.map((button) => button.getAttribute("aria-label")));
  }

  /** The entries of a row's own menu; it is closed again. */
  async rowMenu(text) {
    await this.row(text).click({ button: "right" });
    const entries = this.page.locator(".monaco-menu .action-item .action-label");
    await entries.first().waitFor();
    const names = await entries.allInnerTexts();
    await this.page.keyboard.press("Escape");
    return names.filter((name) => name !== "");
  }

  /** What a row says under a mouse that rests on it. */
  async rowTooltip(text) {
    const hovers = this.page.locator(".monaco-hover .hover-contents");
    const shown = hovers.filter({ hasText: text }).first();
    await this.row(text).locator(".label-name").first().hover();
    await shown.waitFor();
    const says = await shown.innerText();
    // It lies over the rows below, and goes when the mouse is far away.
    await this.page.mouse.move(900, 600);
    await eventually("the tooltip is gone", async () => (await hovers.count()) === 0);
    return says;
  }

  /** Chooses from a row's own menu. */
  async menuOf(row, choice, options) {
    try {
      await this.row(row).click({ button: "right", ...options });
      await this.chooseInMenu(choice, options);
    } catch (error) {
      // It was opened before the row was another one: it would lie over what is clicked next.
      await this.page.keyboard.press("Escape");
      throw error;
    }
  }

  /** Chooses from the menu that has just opened. */
  async chooseInMenu(choice, options) {
    const entry = this.page.locator(".monaco-menu .action-item").filter({ hasText: choice }).first();
    await entry.hover(options);
    // Whatever it belongs to may have been drawn anew meanwhile: then there is no menu any more.
    if ((await entry.count()) === 0) throw new Error(`the menu with ${choice} has closed again`);
    // A click so soon after the menu has opened is none to VS Code: it may be the end of the one that opened it.
    await this.page.keyboard.press("Enter");
  }

  /** Presses a button of a row in the Waves view; they show when the mouse is over the row. */
  async pressInRow(row, button, options) {
    await this.row(row).hover(options);
    await this.row(row).locator(`.action-label[aria-label^="${button}"]`).first().click(options);
  }

  /** Presses what ends something, in a row or in the view's title, again as long as it has stood there for too short a time. */
  async endBy(press, ended) {
    await eventually("the button counts", async () => {
      if (await ended()) return true;
      // One that has counted is another one now.
      await press({ timeout: 5000 });
      return ended();
    });
  }

  /** Presses a button in the title of the Waves view. */
  async pressInTitle(button, options) {
    await this.page.locator(`.sidebar .title-actions .action-label[aria-label^="${button}"]`).first().click(options);
  }

  /** The number on the view's icon. */
  async badge() {
    const badge = this.page.locator(
      '.activitybar .action-item:has(.action-label[aria-label^="Feature Build"]) .badge-content',
    );
    return (await badge.count()) === 0 ? undefined : badge.first().innerText();
  }

  /** What the terminal shows: its canvas holds no text, its accessible rows and its text rows do. */
  async terminalText() {
    const rows = await this.page
      .locator(".terminal-wrapper.active .xterm-rows > div, .terminal-wrapper.active .xterm-accessibility-tree > div")
      .allTextContents();
    return rows.join("\n").replaceAll("\u00a0", " ");
  }

  /** What the Output panel shows. */
  async outputText() {
    const lines = await this.page.locator(".output-view .view-line").allInnerTexts();
    return lines.join("\n").replaceAll("\u00a0", " ");
  }

  /** What a screen reader says of the item in the status bar. */
  statusLabel() {
    const item = this.page.locator('.statusbar-item[id="feature-build.feature-build.featureBuild.status"]');
    return item.first().getAttribute("aria-label");
  }

  /** The colour that a thing has on the screen. */
  colour(locator, property = "color") {
    return locator.first().evaluate((found, name) => getComputedStyle(found)[name], property);
  }

  async useLightTheme() {
    await this.command("Preferences: Toggle between Light/Dark Themes");
    await this.page.locator(".monaco-workbench.vs").waitFor({ timeout: DEADLINE });
  }

  notification(text) {
    const toast = this.page.locator(".notification-list-item").filter({ hasText: text }).first();
    return toast.waitFor({ timeout: DEADLINE }).then(() => toast);
  }

  /** The words that a view shows in place of rows. */
  welcome(text) {
    return eventually(`the view says ${text}`, async () => (await this.sidebarText()).includes(text));
  }

  async pressInWelcome(button) {
    const found = this.page.locator(".sidebar .welcome-view-content").getByRole("button", { name: button });
    await found.first().click({ timeout: DEADLINE });
  }

  async sidebarText() {
    return (await this.page.locator(".sidebar").innerText()).replaceAll("\u00a0", " ");
  }

  /** Waits for the sign beside the task. */
  gutter(sign) {
    return eventually(`the gutter's sign ${sign}`, async () => {
      const icons = this.page.locator(".editor-instance .glyph-margin-widgets .cgmr, .margin-view-overlays .cgmr");
      const urls = await icons.evaluateAll((all) => all.map((icon) => getComputedStyle(icon).backgroundImage));
      return urls.some((url) => url.includes(`gutter-${sign}-`));
    });
  }

  /** Brings a tab to the front, and waits for a lens there. */
  async lensAfterTab(tab, lens) {
    await this.page.locator(".tab").filter({ hasText: tab }).first().click();
    return this.lens(lens);
  }

  /** The dialog that asks something. */
  question(text) {
    const dialog = this.page.locator(".monaco-dialog-box").filter({ hasText: text });
    return dialog.waitFor({ timeout: DEADLINE }).then(() => dialog);
  }

  /** The name of the editor in front. */
  activeTab() {
    return this.page.locator(".tab.active .label-name").first().innerText();
  }

  async editorText() {
    const lines = await this.page.locator(".editor-instance .view-line").allInnerTexts();
    return lines.join("\n").replaceAll("\u00a0", " ");
  }

  /** Waits for what a document says that is drawn as a page: it has a frame of its own. */
  document(text) {
    return eventually(`a page says ${text}`, async () => {
      const frames = this.page.frames().map((frame) =>
        frame
          .locator("body")
          .innerText({ timeout: 1000 })
          .catch(() => ""),
      );
      return (await Promise.all(frames)).some((says) => says.includes(text));
    });
  }

  /** The line that the cursor is on. */
  async cursor() {
    const items = await this.statusBar();
    const found = items.map((item) => /Ln (\d+), Col (\d+)/.exec(item)).find(Boolean);
    return found === undefined ? undefined : { line: Number(found[1]), column: Number(found[2]) };
  }

  async screenshot(name) {
    await this.page.screenshot({
      path: join(SCREENSHOTS, `vscode-${name}.png`),
      // What is fading in is shown as it will be.
      animations: "disabled",
    });
  }
}

/** Runs in the page: `lensSeen` becomes the milliseconds from the next key to the lens. */
function watchLens(deadline) {
  const texts = (selector) =>
    [...document.querySelectorAll(selector)].map((found) => found.textContent.replaceAll("\u00a0", " "));
  const lenses = () => texts(".codelens-decoration a");
  const wave = () =>
    texts(".view-line")
      .find((line) => line.startsWith("wave: "))
      ?.slice("wave: ".length);
  const before = wave();
  globalThis.lensSeen = new Promise((resolve, reject) => {
    let typed;
    addEventListener("keydown", () => (typed = performance.now()), {
      capture: true,
      once: true,
    });
    const observer = new MutationObserver(() => {
      const now = wave();
      if (now === before || !lenses().some((lens) => lens.split(" (")[0] === `▶ Run wave ${now}`)) return;
      observer.disconnect();
      resolve(performance.now() - typed);
    });
    observer.observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    const late = () =>
      reject(new Error(`waited in vain for the lens of ${wave()}; there are ${JSON.stringify(lenses())}`));
    setTimeout(late, deadline);
  });
}

/** Runs a test with what it needs, takes a picture where it fails, and leaves nothing behind. */
export async function within(code, workspace, name, body) {
  let failed;
  try {
    await body();
  } catch (error) {
    failed = error;
    const pages = code.browsers.flatMap((browser) => browser.contexts()).flatMap((context) => context.pages());
    await Promise.all(
      pages.map((page, at) =>
        page.screenshot({ path: join(SCREENSHOTS, `failed-${name}-${at}.png`) }).catch(() => undefined),
      ),
    );
  }
  await code.closeAll();
  // What went wrong first is told first.
  await workspace.remove(code).catch((error) => (failed ??= error));
  if (failed !== undefined) throw failed;
}

export { assert };
