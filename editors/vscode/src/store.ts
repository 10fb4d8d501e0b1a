import { join } from "node:path";
import * as vscode from "vscode";
import type {
  EventParams,
  FeatureInfo,
  LatestAttempt,
  RootInfo,
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
  /** Its file's absolute path. */
  readonly path: string;
}

/** What the views show: what the server told last. They read it, and are told when it is another. */
export class Store implements vscode.Disposable {
  readonly runs = new Runs();
  #state: ServerState = "starting";
  #roots: readonly RootInfo[] = [];
  #files = new Map<string, PlacedTask>();

  readonly #changed = new vscode.EventEmitter<void>();
  readonly #event = new vscode.EventEmitter<{ readonly run: RunView; readonly record: EventParams }>();
  /** Something is another than before. */
  readonly onDidChange = this.#changed.event;
  /** A run went on. */
  readonly onRunEvent = this.#event.event;

  get state(): ServerState {
    return this.#state;
  }

  set state(state: ServerState) {
    if (this.#state === state) return;
    this.#state = state;
    this.#changed.fire();
  }

  get roots(): readonly RootInfo[] {
    return this.#roots;
  }

  /** Takes the server's answer in. */
  setWaves(answer: WavesAnswer): void {
    this.#roots = answer.roots;
    this.#files = new Map([...placed(answer.roots)].map((task) => [task.path, task]));
    for (const root of answer.roots) this.runs.settle(root.root, root.runs, Date.now());
    this.#changed.fire();
  }

  /** Takes a run's next record in. */
  takeEvent(record: EventParams): void {
    const run = this.runs.apply(record);
    if (run === undefined) return;
    this.#event.fire({ run, record });
    this.#changed.fire();
  }

  /** The task that a file is; the path is a canonical one. */
  taskOfFile(path: string): PlacedTask | undefined {
    return this.#files.get(path);
  }

  tasks(): IterableIterator<PlacedTask> {
    return this.#files.values();
  }

  /** The task with this id in a workspace. */
  task(root: string, id: string): PlacedTask | undefined {
    for (const placed of this.#files.values()) {
      if (placed.root.root === root && placed.task.id === id) return placed;
    }
    return undefined;
  }

  /** The newest that is known of a task's attempts: of the run in progress, else of the last one that ended. */
  attempt(root: string, task: TaskInfo): TaskView | undefined {
    const live = this.runs.liveTask(root, task.id);
    // A task that will only be skipped has still the attempt of an earlier run.
    if (live !== undefined && !(live.state === "finished" && live.outcome === "skipped")) return live;
    return task.latest === null ? undefined : ended(task, task.latest);
  }

  /** Tasks whose latest attempt did not pass and that no run tries again now. */
  failures(): PlacedTask[] {
    return [...this.tasks()].filter(({ root, task }) => {
      const attempt = this.attempt(root.root, task);
      return attempt?.state === "finished" && isBad(attempt.outcome);
    });
  }

  estimate(run: RunView, task: string): number | undefined {
    return this.task(run.root, task)?.task.estimated_minutes ?? undefined;
  }

  dispose(): void {
    this.#changed.dispose();
    this.#event.dispose();
  }
}

function* placed(roots: readonly RootInfo[]): Generator<PlacedTask> {
  for (const root of roots) {
    for (const feature of root.features) {
      for (const wave of feature.waves) {
        for (const task of wave.tasks) yield { root, feature, wave, task, path: join(root.root, task.file) };
      }
    }
  }
}

function ended(task: TaskInfo, latest: LatestAttempt): TaskView {
  const { id, title, file } = task;
  return {
    ...{ id, title, file, wave: null, state: "finished", durationMs: latest.duration_ms },
    ...{ exitCode: latest.exit_code, reason: latest.reason },
    ...(latest.outcome === null ? {} : { outcome: latest.outcome }),
    ...(latest.log === null ? {} : { log: latest.log }),
  };
}

/** A command's argument for a task. */
export function targetOf({ root, feature, task }: PlacedTask): Target {
  return { root: root.root, feature: feature.id, task: task.id };
}

/** A log's absolute path. */
export function logPath(root: string, log: string): string {
  return log.startsWith("/") ? log : join(root, log);
}
