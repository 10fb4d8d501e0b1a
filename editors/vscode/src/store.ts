import { join } from "node:path";
import * as vscode from "vscode";
import type {
  EventParams,
  FeatureInfo,
  LatestAttempt,
  RootInfo,
  RunInfo,
  Target,
  TaskInfo,
  WaveInfo,
  WavesAnswer,
} from "./protocol";
import { Runs, isBad, type RunView, type TaskView } from "./runs";

/** Where the server stands. */
export type ServerState = "starting" | "ready" | "stopped" | "noServer";

/** A task in its place. */
export interface PlacedTask {
  readonly root: RootInfo;
  readonly feature: FeatureInfo;
  readonly wave: WaveInfo;
  readonly task: TaskInfo;
}

/** At most this often listeners are told: a thousand short tasks are thousands of events. */
const GATHER_MS = 50;

/** What the views show: what the server told last. They read it, and are told when it is another. */
export class Store implements vscode.Disposable {
  readonly runs = new Runs();
  #state: ServerState = "starting";
  #roots = new Map<string, Root>();
  #failures: readonly PlacedTask[] | undefined;
  #telling: NodeJS.Timeout | undefined;

  readonly #changed = new vscode.EventEmitter<void>();
  readonly #event = new vscode.EventEmitter<{ readonly run: RunView; readonly record: EventParams }>();
  /** Something is another than before; told a moment later, once for all that changed meanwhile. */
  readonly onDidChange = this.#changed.event;
  /** A run went on; told at once. */
  readonly onRunEvent = this.#event.event;

  get state(): ServerState {
    return this.#state;
  }

  set state(state: ServerState) {
    if (this.#state === state) return;
    this.#state = state;
    this.#tellSoon();
  }

  /** Takes the answer to a question for everything in. */
  setWaves(answer: WavesAnswer): void {
    this.#roots = new Map(answer.roots.map((info) => [info.root, new Root(info)]));
    this.#tellSoon();
  }

  /** Takes the answer for some features of a root in, or for all of them; what is not in it is gone. */
  updateWaves(root: string, features: readonly string[] | undefined, answer: WavesAnswer): void {
    const info = answer.roots.find((told) => told.root === root);
    const known = this.#roots.get(root);
    if (info === undefined) this.#roots.delete(root);
    else if (features === undefined || known === undefined) this.#roots.set(root, new Root(info));
    else known.update(info, features);
    this.#tellSoon();
  }

  /** Takes a run's next record in. */
  takeEvent(record: EventParams): void {
    const run = this.runs.apply(record, Date.now());
    if (run === undefined) return;
    this.#event.fire({ run, record });
    this.#tellSoon();
  }

  /** Takes in how the runs of a root stand. */
  takeRuns(root: string, infos: readonly RunInfo[]): void {
    this.runs.settle(root, infos, Date.now());
    this.#tellSoon();
  }

  roots(): RootInfo[] {
    return [...this.#roots.values()].map((root) => root.info);
  }

  features(root: RootInfo): FeatureInfo[] {
    return [...(this.#roots.get(root.root)?.features.values() ?? [])];
  }

  /** A workspace that has tasks and nothing that runs them. */
  unconfigured(): RootInfo | undefined {
    return this.roots().find((root) => !root.configured && this.features(root).length > 0);
  }

  hasTasks(): boolean {
    return [...this.#roots.values()].some((root) => root.features.size > 0);
  }

  /** The task that a file is; the path is a canonical one. */
  taskOfFile(path: string): PlacedTask | undefined {
    for (const root of this.#roots.values()) {
      const placed = root.byPath.get(path);
      if (placed !== undefined) return placed;
    }
    return undefined;
  }

  *tasks(): Generator<PlacedTask> {
    for (const root of this.#roots.values()) yield* root.byPath.values();
  }

  /** The task with this id in a workspace. */
  task(root: string, id: string): PlacedTask | undefined {
    return this.#roots.get(root)?.byId.get(id);
  }

  /** The newest that is known of a task's attempts, from this window's events or the server's memory. */
  attempt(root: string, task: TaskInfo): TaskView | undefined {
    const told = this.runs.newest(root, task.id);
    const { latest } = task;
    if (latest === null) return told?.task;
    // Of a run that this window knows nothing of, the id tells when it started.
    const isNewer = told !== undefined && (this.runs.has(root, latest.run) || told.run >= latest.run);
    return isNewer ? told.task : ended(task, latest);
  }

  /** Tasks whose latest attempt did not pass and that no run tries again now. */
  failures(): readonly PlacedTask[] {
    this.#failures ??= [...this.tasks()].filter(({ root, task }) => {
      const attempt = this.attempt(root.root, task);
      return attempt?.state === "finished" && isBad(attempt.outcome);
    });
    return this.#failures;
  }

  #forget(): void {
    this.#roots.clear();
    this.runs.clear();
    this.#failures = undefined;
  }

  dispose(): void {
    clearTimeout(this.#telling);
    this.#changed.dispose();
    this.#event.dispose();
  }

  #tellSoon(): void {
    this.#failures = undefined;
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      // Nobody tells any more what becomes of it. A server that is started anew at once is one that did not go.
      if (this.#state === "stopped" || this.#state === "noServer") this.#forget();
      this.#changed.fire();
    }, GATHER_MS);
  }
}

/** One workspace, with its tasks by file and by id. A change of one feature costs that feature. */
class Root {
  info: RootInfo;
  readonly features: Map<string, FeatureInfo>;
  readonly byPath = new Map<string, PlacedTask>();
  readonly byId = new Map<string, PlacedTask>();

  constructor(info: RootInfo) {
    this.info = info;
    this.features = new Map(info.features.map((feature) => [feature.id, feature]));
    for (const feature of info.features) this.#add(feature);
  }

  update(info: RootInfo, asked: readonly string[]): void {
    for (const id of asked) this.#remove(id);
    for (const feature of info.features) {
      this.features.set(feature.id, feature);
      this.#add(feature);
    }
    this.info = { ...info, features: [] };
    this.#sort();
  }

  #add(feature: FeatureInfo): void {
    for (const placed of placedTasks(this.info, feature)) {
      this.byPath.set(join(this.info.root, placed.task.file), placed);
      this.byId.set(placed.task.id, placed);
    }
  }

  /** A task that has moved to another feature is that one's already. */
  #remove(id: string): void {
    const feature = this.features.get(id);
    if (feature === undefined) return;
    for (const { task } of placedTasks(this.info, feature)) {
      const path = join(this.info.root, task.file);
      if (this.byPath.get(path)?.feature.id === id) this.byPath.delete(path);
      if (this.byId.get(task.id)?.feature.id === id) this.byId.delete(task.id);
    }
    this.features.delete(id);
  }

  #sort(): void {
    const sorted = [...this.features].sort(([a], [b]) => (a < b ? -1 : 1));
    this.features.clear();
    for (const [id, feature] of sorted) this.features.set(id, feature);
  }
}

function* placedTasks(root: RootInfo, feature: FeatureInfo): Generator<PlacedTask> {
  for (const wave of feature.waves) {
    for (const task of wave.tasks) yield { root, feature, wave, task };
  }
}

/** A task's file, by the editor's name for the workspace. */
export function fileOf({ root, task }: PlacedTask): vscode.Uri {
  return vscode.Uri.joinPath(vscode.Uri.parse(root.uri), task.file);
}

function ended({ id, title, file }: TaskInfo, latest: LatestAttempt): TaskView {
  const { outcome, reason, exit_code: exitCode, duration_ms: durationMs, log } = latest;
  const view: TaskView = { id, title, file, wave: null, state: "finished", outcome, reason, exitCode, durationMs };
  return log === null ? view : { ...view, log };
}

/** A command's argument for a task. */
export function targetOf({ root, feature, task }: PlacedTask): Target {
  return { root: root.root, feature: feature.id, task: task.id };
}

/** A log's absolute path: a journal has it relative to the root where it lies below it. */
export function logPath(root: string, log: string): string {
  return log.startsWith("/") ? log : join(root, log);
}
