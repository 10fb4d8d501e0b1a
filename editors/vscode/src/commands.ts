import * as vscode from "vscode";
import type { Client } from "./client";
import { configure } from "./configure";
import { errorText, foreignLine } from "./foreign";
import { followOutput } from "./followOutput";
import { ServerCommand, type RunInfo, type Target } from "./protocol";
import { harder, isBad, standingOf, type RunView, type Standing, type TaskView } from "./runs";
import { canonical, placeOf } from "./documents";
import { fileOf, targetOf, type PlacedTask, type Store } from "./store";
import { tell, tellError } from "./tell";
import * as text from "./text";
import { rowTarget, type Row } from "./wavesView";

/** The palette's commands. Their ids have dots; the server's own have slashes and are registered by the client. */
export function registerCommands(store: Store, client: Client): vscode.Disposable {
  const commands = new Commands(store, client);
  const all: Record<string, (row?: Row) => unknown> = {
    "featureBuild.run": (row) => commands.run(row),
    "featureBuild.runFileWave": () => commands.runFile("wave"),
    "featureBuild.runFileTask": () => commands.runFile("task"),
    "featureBuild.cancel": (row) => commands.cancel(row),
    "featureBuild.rerunFailed": () => commands.rerunFailed(),
    "featureBuild.openLog": (row) => commands.openLog(row),
    "featureBuild.followOutput": (row) => commands.follow(row),
    "featureBuild.openTask": (row) => commands.openTask(row),
    "featureBuild.showRuns": () => commands.showRuns(),
    "featureBuild.showMenu": () => commands.showMenu(),
    "featureBuild.configure": () => configure(store),
    "featureBuild.restartServer": () => client.restart(),
    "featureBuild.showServerLog": () => {
      client.log.show();
    },
  };
  const registered = Object.entries(all).map(([id, command]) =>
    vscode.commands.registerCommand(id, (row?: Row) => told(() => command(row))),
  );
  return vscode.Disposable.from(...registered);
}

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

  /** Runs what a row stands for; without one the user picks feature and wave. */
  async run(row: Row | undefined): Promise<void> {
    if (row !== undefined) {
      await execute(STARTS[row.kind], rowTarget(row));
      return;
    }
    const choice = await pick(this.#startable(), "Run which wave?");
    if (choice !== undefined)
      await execute(choice.wave === undefined ? ServerCommand.runFeature : ServerCommand.runWave, choice);
  }

  /** Runs the wave of the task that is being edited, or the task alone. */
  async runFile(what: "wave" | "task"): Promise<void> {
    const placed = await this.#activeTask();
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

  /** Ends what a row stands for, once more harder; without one the only run, or the one that the user picks. */
  async cancel(row: Row | undefined): Promise<void> {
    const target = row === undefined ? await this.#pickLive() : rowTarget(row);
    // Without a level the server takes the next one.
    if (target !== undefined) await execute(ServerCommand.cancel, target);
  }

  async rerunFailed(): Promise<void> {
    const places = new Map<string, Choice<Target>>();
    for (const { root, feature } of this.#store.failures()) {
      const target = { root: root.root, feature: feature.id };
      places.set(JSON.stringify(target), { label: text.featureName(feature), value: target });
    }
    const choice = await pick([...places.values()], "Re-run the failed tasks of which feature?");
    if (choice !== undefined) await execute(ServerCommand.rerunFailed, choice);
  }

  async openLog(row: Row | undefined): Promise<void> {
    const placed = await this.#rowTask(row, "Open the log of which task?");
    if (placed !== undefined) await execute(ServerCommand.openLog, targetOf(placed));
  }

  async follow(row: Row | undefined): Promise<void> {
    const placed = await this.#rowTask(row, "Follow the output of which task?");
    if (placed !== undefined) followOutput(this.#store, placed);
  }

  async openTask(row: Row | undefined): Promise<void> {
    if (row?.kind === "task") await openTask(row.placed);
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
      { icon: "terminal", label: "Follow output…", value: () => this.follow(undefined) },
      { icon: "output", label: "Open a log…", value: () => this.openLog(undefined) },
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
      { icon: "play", label: "Run…", value: () => this.run(undefined) },
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
        description: text.ending(task.cancelling) ?? task.progress ?? task.state,
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

  /** The features and waves that have something to start, with their states. */
  #startable(): Choice<Target>[] {
    return this.#store.roots().flatMap((root) =>
      this.#store.features(root).flatMap((feature) => {
        const open = feature.waves.filter(
          (wave) => wave.wave !== null && wave.tasks.some((task) => task.state === "ready" || task.state === "waiting"),
        );
        if (open.length === 0) return [];
        const target = { root: root.root, feature: feature.id };
        const waves = open.map((wave) => {
          const count = (state: string): number => wave.tasks.filter((task) => task.state === state).length;
          const states = ["ready", "waiting", "done", "needs-person", "unrunnable"];
          const described = states.filter((state) => count(state) > 0).map((state) => `${count(state)} ${state}`);
          return {
            icon: "play",
            label: `Wave ${wave.wave ?? ""}`,
            description: described.join(", "),
            value: { ...target, ...(wave.wave === null ? {} : { wave: wave.wave }) },
          };
        });
        const all = {
          icon: "run-all",
          label: "All waves",
          description: text.plural(open.length, "open wave"),
          value: target,
        };
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
    return pick(choices, "Cancel which run?");
  }

  /** The task of a row, else of the file that is being edited, else the one that the user picks. */
  async #rowTask(row: Row | undefined, question: string): Promise<PlacedTask | undefined> {
    if (row?.kind === "task") return row.placed;
    const active = await this.#activeTask();
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

  async #activeTask(): Promise<PlacedTask | undefined> {
    const uri = vscode.window.activeTextEditor?.document.uri;
    return uri?.scheme === "file" ? this.#store.taskOfFile(await canonical(uri.fsPath)) : undefined;
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
async function pick<T>(choices: Choice<T>[], title: string): Promise<T | undefined> {
  const real = choices.filter((choice) => choice.value !== undefined);
  if (real.length === 0) {
    void tell("There is nothing to choose: no task is open.");
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
