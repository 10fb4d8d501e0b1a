import * as vscode from "vscode";
import type { Client } from "./client";
import { configure } from "./configure";
import { errorText, foreignLine } from "./foreign";
import { followOutput } from "./followOutput";
import { openServerPath } from "./ignoredSetting";
import { ServerCommand, type Level, type RunInfo, type Target } from "./protocol";
import { harder, isBad, standingOf, type RunView, type Standing, type TaskView } from "./runs";
import { canonical, placeOf } from "./documents";
import { fileOf, targetOf, type PlacedTask, type Store } from "./store";
import { tell, tellBriefly, tellError } from "./tell";
import * as text from "./text";
import { isRow, rowTarget, type Row } from "./wavesView";

/**
 * The extension's commands. Their ids have dots; the server's own have slashes and are registered by the client.
 *
 * What stands in a row of the Waves view is a command of its own: VS Code gives a button in the view's title the row that
 * has the focus, and a button of a row that is just being drawn anew nothing at all. Neither may become "all of it".
 */
export function registerCommands(store: Store, client: Client): vscode.Disposable {
  const commands = new Commands(store, client);
  const all: Record<string, (...given: unknown[]) => unknown> = {
    "featureBuild.run": () => commands.run(),
    "featureBuild.runFileWave": (file) => commands.runFile("wave", file),
    "featureBuild.runFileTask": (file) => commands.runFile("task", file),
    // The palette and keys give nothing along, a button of the view something.
    "featureBuild.cancel": (...given) => commands.cancel(given.length > 0),
    "featureBuild.rerunFailed": () => commands.rerunFailed(),
    "featureBuild.openLog": () => commands.openLog(),
    "featureBuild.followOutput": () => commands.follow(),
    "featureBuild.showRuns": () => commands.showRuns(),
    "featureBuild.showMenu": () => commands.showMenu(),
    "featureBuild.configure": () => configure(store),
    // A link of a view: no entry of a menu.
    "featureBuild.openServerPath": () => openServerPath(),
    "featureBuild.restartServer": () => client.restart(),
    "featureBuild.showServerLog": () => {
      client.log.show();
    },
    ...ofRows({
      "featureBuild.runRow": (row) => execute(STARTS[row.kind], rowTarget(row)),
      "featureBuild.cancelRow": (row) => commands.endRow(row, "terminate"),
      "featureBuild.killRow": (row) => commands.endRow(row, "kill"),
      "featureBuild.openRowLog": (row) => commands.openRowLog(row),
      "featureBuild.followRow": (row) => {
        commands.followRow(row);
      },
      "featureBuild.openTask": (row) => commands.openTask(row),
    }),
  };
  const registered = Object.entries(all).map(([id, command]) =>
    vscode.commands.registerCommand(id, (...given: unknown[]) => told(() => command(...given))),
  );
  return vscode.Disposable.from(...registered);
}

/** Commands of a row, which do nothing without it. */
function ofRows(commands: Record<string, (row: Row) => unknown>): Record<string, (row: unknown) => unknown> {
  const asked = Object.entries(commands).map(([id, command]) => [
    id,
    (row: unknown): unknown => {
      if (isRow(row)) return command(row);
      tellBriefly("Nothing was done: the row was just being drawn anew. Click again.", LOST_MS);
      return undefined;
    },
  ]);
  return Object.fromEntries(asked) as Record<string, (row: unknown) => unknown>;
}

/** How long it is told that a click has met no row. */
const LOST_MS = 5000;

/** What fails is told here: VS Code would show the error itself, and with it links that a path or a title brings. */
async function told(command: () => unknown): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof vscode.CancellationError)) void tellError(errorText(error));
  }
}

/** A row of a list. Its texts may be foreign; of an icon it says the name. */
interface Choice<T> extends vscode.QuickPickItem {
  readonly value?: T;
  readonly icon?: string;
}

class Commands {
  readonly #store: Store;
  readonly #client: Client;

  constructor(store: Store, client: Client) {
    this.#store = store;
    this.#client = client;
  }

  /** Runs the feature or the wave that the user picks. */
  async run(): Promise<void> {
    const choice = await pick(this.#startable(), "Run which wave?", "No task can start now.");
    if (choice !== undefined)
      await execute(choice.wave === undefined ? ServerCommand.runFeature : ServerCommand.runWave, choice);
  }

  /** Runs the wave of a task's file, or the task alone: the file that is named, else the one that is being edited. */
  async runFile(what: "wave" | "task", file: unknown): Promise<void> {
    const placed = await this.#taskOf(file instanceof vscode.Uri ? file : activeFile());
    if (placed === undefined) {
      void tell("This file is no task.");
      return;
    }
    const { root, feature, wave } = placed;
    if (what === "task" || wave.wave === null) {
      await execute(ServerCommand.runTask, targetOf(placed));
      return;
    }
    await execute(ServerCommand.runWave, { root: root.root, feature: feature.id, wave: wave.wave });
  }

  /** Ends the only run, or the one that the user picks; once more harder. */
  async cancel(isClicked: boolean): Promise<void> {
    const target = await this.#pickLive();
    // Without a level the server takes the next one.
    if (target !== undefined) await execute(ServerCommand.cancel, isClicked ? { ...target, lens: true } : target);
  }

  /** Ends what a row stands for. Its button stands where another one stood before: the server knows since when. */
  async endRow(row: Row, level: Level): Promise<void> {
    await execute(ServerCommand.cancel, { ...rowTarget(row), level, lens: true });
  }

  async rerunFailed(): Promise<void> {
    const places = new Map<string, Choice<Target>>();
    for (const { root, feature } of this.#store.failures()) {
      const target = { root: root.root, feature: feature.id };
      places.set(JSON.stringify(target), { label: text.featureName(feature), value: target });
    }
    const choice = await pick([...places.values()], "Re-run the failed tasks of which feature?", "No task has failed.");
    if (choice !== undefined) await execute(ServerCommand.rerunFailed, choice);
  }

  async openLog(): Promise<void> {
    const placed = await this.#pickTask("Open the log of which task?");
    if (placed !== undefined) await execute(ServerCommand.openLog, targetOf(placed));
  }

  async openRowLog(row: Row): Promise<void> {
    if (row.kind === "task") await execute(ServerCommand.openLog, targetOf(row.placed));
  }

  async follow(): Promise<void> {
    const placed = await this.#pickTask("Follow the output of which task?");
    if (placed !== undefined) followOutput(this.#store, placed);
  }

  followRow(row: Row): void {
    if (row.kind === "task") followOutput(this.#store, row.placed);
  }

  async openTask(row: Row): Promise<void> {
    if (row.kind === "task") await openTask(row.placed);
  }

  async showRuns(): Promise<void> {
    const choices: Choice<{ root: string; run: RunInfo }>[] = [];
    for (const { root } of this.#store.roots()) {
      const runs = await this.#client.runs(root);
      choices.push(...runs.map((run) => ({ ...runChoice(run), value: { root, run } })));
    }
    if (choices.length === 0) {
      void tell("Nothing has run here yet.");
      return;
    }
    const choice = await pickAlways(choices, "Runs, the newest first");
    if (choice !== undefined) await this.#openRun(choice.root, choice.run);
  }

  /** The menu of the status bar. */
  async showMenu(): Promise<void> {
    const failures = this.#store.failures();
    const live = this.#store.runs.live();
    // What is harmless comes first: a click and Enter must end nothing.
    const choices: Choice<() => Promise<unknown>>[] = [
      { icon: "terminal", label: "Follow output…", value: () => this.follow() },
      { icon: "output", label: "Open a log…", value: () => this.openLog() },
      { icon: "history", label: "Show runs", value: () => this.showRuns() },
      ...failures.map((placed) => ({
        icon: "error",
        label: `Open failed task ${placed.task.id}`,
        description: placed.task.title,
        value: () => openTask(placed),
      })),
      ...(failures.length === 0
        ? []
        : [{ icon: "debug-restart", label: "Re-run failed", value: () => this.rerunFailed() }]),
      { icon: "play", label: "Run…", value: () => this.run() },
      ...live.flatMap((run) => this.#endsOf(run)),
      ...(live.some((run) => openTasks(run).length > 0)
        ? [{ icon: "debug-stop", label: "End a task…", value: () => this.#endTask(live) }]
        : []),
    ];
    const choice = await pickAlways(choices, "Feature Build");
    await choice?.();
  }

  /** The ways to end a run that are left: the softest one first. */
  #endsOf(run: RunView): Choice<() => Promise<unknown>>[] {
    const description = text.progress([run], Date.now());
    return harder(run.cancelling).map((level) => ({
      ...text.endOf("run", run.title, level),
      description,
      value: () => execute(ServerCommand.cancel, { root: run.root, run: run.id, level }),
    }));
  }

  /** Ends one task of these runs, at a level that the user picks. */
  async #endTask(runs: readonly RunView[]): Promise<void> {
    const choices = runs.flatMap((run) =>
      openTasks(run).map((task) => ({
        label: task.id,
        description: text.doing(task, Date.now()),
        detail: task.title,
        value: { run, task },
      })),
    );
    const chosen = await pickAlways(choices, "End which task?");
    if (chosen === undefined) return;
    const { run, task } = chosen;
    const levels = harder(task.cancelling).map((level) => ({
      ...text.endOf("task", task.id, level),
      value: level,
    }));
    const level = await pickAlways(levels, `End ${task.id}: how?`);
    if (level !== undefined) {
      await execute(ServerCommand.cancel, { root: run.root, run: run.id, task: task.id, level });
    }
  }

  /** The features and waves that have something to start, with how far they are. */
  #startable(): Choice<Target>[] {
    return this.#store.roots().flatMap((root) =>
      this.#store.features(root).flatMap((feature) => {
        if (!feature.progress.startable) return [];
        const target = { root: root.root, feature: feature.id };
        const open = feature.waves.filter((wave) => wave.wave !== null && wave.progress.open);
        const waves = open.flatMap((wave) => {
          if (wave.wave === null || !wave.progress.startable) return [];
          const ready = wave.tasks.filter((task) => task.state === "ready").length;
          const description = [`${ready} ready`, wave.progress.words].join(" · ");
          return [{ icon: "play", label: `Wave ${wave.wave}`, description, value: { ...target, wave: wave.wave } }];
        });
        const description = [text.plural(open.length, "open wave"), feature.progress.words].join(" · ");
        const all = { icon: "run-all", label: "All waves", description, value: target };
        return [
          { label: text.featureName(feature), kind: vscode.QuickPickItemKind.Separator },
          ...waves,
          ...(open.length > 1 ? [all] : []),
        ];
      }),
    );
  }

  async #pickLive(): Promise<Target | undefined> {
    const choices = this.#store.runs.live().map((run: RunView) => ({
      label: run.title,
      description: text.progress([run], Date.now()),
      value: { root: run.root, run: run.id },
    }));
    return pick(choices, "Cancel which run?", "Nothing runs.");
  }

  /** The task of the file that is being edited, where it has a log, else the one that the user picks. */
  async #pickTask(question: string): Promise<PlacedTask | undefined> {
    const active = await this.#taskOf(activeFile());
    if (active !== undefined && this.#hasLog(active)) return active;
    const choices = [...this.#store.tasks()]
      .filter((placed) => this.#hasLog(placed))
      .map((placed) => this.#logChoice(placed));
    if (choices.length === 0) {
      void tell("No task has run here yet: there are no logs.");
      return undefined;
    }
    return pickAlways(choices, question);
  }

  /** A task with a log, and how that ends. */
  #logChoice(placed: PlacedTask): Choice<PlacedTask> {
    const attempt = this.#store.attempt(placed.root.root, placed.task);
    const description = attempt?.state === "finished" ? text.outcome(attempt) : "running";
    const icon = isBad(attempt?.outcome) ? { icon: "error" } : {};
    return { ...icon, label: placed.task.id, description, detail: placed.task.title, value: placed };
  }

  /** Whether a task's newest attempt, with its log, is one of this run. */
  #isOf({ root, task }: PlacedTask, { run }: RunInfo): boolean {
    const newest = this.#store.runs.newest(root.root, task.id);
    return newest?.run === run ? newest.task.log !== undefined : task.latest?.run === run && task.latest.log !== null;
  }

  #hasLog({ root, task }: PlacedTask): boolean {
    return this.#store.attempt(root.root, task)?.log !== undefined;
  }

  async #taskOf(file: vscode.Uri | undefined): Promise<PlacedTask | undefined> {
    return file?.scheme === "file" ? this.#store.taskOfFile(await canonical(file.fsPath)) : undefined;
  }

  async #openRun(root: string, run: RunInfo): Promise<void> {
    const tasks = [...this.#store.tasks()].filter((placed) => placed.root.root === root && this.#isOf(placed, run));
    if (tasks.length === 0) {
      void tell("There is no log of this run: its tasks have newer attempts, or were not started.");
      return;
    }
    const choices = tasks.map((placed) => this.#logChoice(placed));
    const placed = await pickAlways(choices, "Open the log of which task?");
    if (placed !== undefined) await execute(ServerCommand.openLog, targetOf(placed));
  }
}

function activeFile(): vscode.Uri | undefined {
  return vscode.window.activeTextEditor?.document.uri;
}

/** The tasks of a run that can still be ended: nothing is harder than a kill. */
function openTasks(run: RunView): TaskView[] {
  return [...run.tasks.values()].filter((task) => task.state !== "finished" && harder(task.cancelling).length > 0);
}

const STARTS = {
  feature: ServerCommand.runFeature,
  wave: ServerCommand.runWave,
  task: ServerCommand.runTask,
} as const;

/** Runs a server command; it passes the client's middleware like a click on a lens. */
async function execute(command: ServerCommand, target: Target): Promise<void> {
  await vscode.commands.executeCommand(command, target);
}

/** Asks only where there is something to choose. */
async function pick<T>(choices: Choice<T>[], title: string, none: string): Promise<T | undefined> {
  const real = choices.filter((choice) => choice.value !== undefined);
  if (real.length === 0) {
    void tell(none);
    return undefined;
  }
  return real.length === 1 ? real[0]?.value : pickAlways(choices, title);
}

async function pickAlways<T>(choices: Choice<T>[], title: string): Promise<T | undefined> {
  const options = { title: foreignLine(title), matchOnDescription: true, matchOnDetail: true };
  return (await vscode.window.showQuickPick(choices.map(asWords), options))?.value;
}

/** A choice whose texts are text and nothing else, behind the icon that we gave it. */
function asWords<T>(choice: Choice<T>): Choice<T> {
  const { icon, label, description, detail } = choice;
  return {
    ...choice,
    label: `${icon === undefined ? "" : `$(${icon}) `}${foreignLine(label)}`,
    ...(description === undefined ? {} : { description: foreignLine(description) }),
    ...(detail === undefined ? {} : { detail: foreignLine(detail) }),
  };
}

/** The icon of each way in which a run stands. */
const RUN_ICONS: Readonly<Record<Standing, string>> = {
  running: "sync~spin",
  passed: "pass",
  failed: "error",
  cancelled: "circle-slash",
  left: "circle-large-outline",
  died: "error",
};

function runChoice(run: RunInfo): Choice<never> {
  return {
    icon: RUN_ICONS[standingOf(run)],
    label: run.title,
    description: text.runWords(run),
    detail: new Date(run.started).toLocaleString(),
  };
}

/** Opens a task's file where its lens stands. */
async function openTask(placed: PlacedTask): Promise<void> {
  const document = await vscode.workspace.openTextDocument(fileOf(placed));
  const at = placeOf(document, placed.task);
  await vscode.window.showTextDocument(document, { selection: new vscode.Range(at, at) });
}
