import type { Counts, EventParams, Level, Outcome, RunInfo, RunOutcome } from "./protocol";

/** A task of a run as it stands. */
export interface TaskView {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly wave: string | null;
  state: "pending" | "running" | "retrying" | "finished";
  /** When its process was started, in milliseconds. */
  since?: number;
  /** How its last attempt ended, and when the next one starts, while it waits for that. */
  retry?: { readonly outcome: Outcome; readonly exitCode: number | null; readonly at: number };
  /** The other run in which it runs: that one's outcome will be this one's. */
  attached?: string;
  /** What it said last. */
  progress?: string;
  /** How hard it is being ended, alone or with its run; `finish-wave`: it is not started, nor tried again. */
  cancelling?: Level;
  /** It and its clocks stand still with its run. */
  paused?: boolean;
  /** Relative to the root where it lies below it, else absolute. */
  log?: string;
  outcome?: Outcome;
  exitCode?: number | null;
  durationMs?: number;
  reason?: string | null;
}

/** How a run stands, as the server says it. */
export interface Told {
  readonly state: RunInfo["state"];
  /** `null` where it has not finished. */
  readonly outcome: RunOutcome | null;
  readonly summary: Counts;
}

/** A run as its records tell so far. */
export interface RunView {
  /** The workspace's root: a canonical path. */
  readonly root: string;
  readonly id: string;
  readonly feature: string;
  readonly title: string;
  readonly started: number;
  readonly tasks: ReadonlyMap<string, TaskView>;
  /** The waves that have begun. */
  readonly begun: Set<string | null>;
  /** The number of the last record that was taken in. */
  seq: number;
  /** How long it will probably go on, and when the server said so. */
  left?: { readonly ms: number; readonly at: number };
  /** Since when all its tasks and clocks stand still, in milliseconds. */
  paused?: number;
  /** How hard the whole run is being ended. */
  cancelling?: Level;
  finished?: { readonly at: number } & Told;
  /** Its supervisor died, and this is how its tasks stood: a next one may take it over. */
  died?: readonly { readonly task: TaskView; readonly state: TaskView["state"] }[];
}

/** Outcomes that a person has to look at. */
export const BAD: readonly Outcome[] = ["failed", "timed-out", "lost"];

export function isBad(outcome: Outcome | null | undefined): boolean {
  return outcome != null && BAD.includes(outcome);
}

/** It has a process, or will have the next one by itself. */
export function isActive(task: TaskView | undefined): boolean {
  return task?.state === "running" || task?.state === "retrying";
}

/** The levels of ending something, the softest first. */
const LEVELS: readonly Level[] = ["finish-wave", "terminate", "kill"];

/** The levels that can still be asked for: what was asked for only gets harder. */
export function harder(asked: Level | undefined): readonly Level[] {
  return asked === undefined ? LEVELS : LEVELS.slice(LEVELS.indexOf(asked) + 1);
}

function raise(view: { cancelling?: Level }, level: Level): void {
  if (harder(view.cancelling).includes(level)) view.cancelling = level;
}

/** How many finished runs are kept: the server remembers every task's latest attempt. */
const KEPT = 20;

/** All runs that the server told of: a fold of their records and nothing else. */
export class Runs {
  readonly #runs = new Map<string, RunView>();

  /** Takes a record in; `undefined` where it tells nothing new. */
  apply(record: EventParams, now: number): RunView | undefined {
    const key = keyOf(record.root, record.run);
    const view = this.#runs.get(key);
    if (record.event === "run-started") {
      // A server that starts anew tells the whole story again: what is known of it stays.
      if (view !== undefined) return undefined;
      const begun = begin(record);
      tellRemaining(begun, record, now);
      this.#runs.set(key, begun);
      this.#forgetOld();
      return begun;
    }
    if (view === undefined || record.seq <= view.seq) return undefined;
    view.seq = record.seq;
    revive(view);
    advance(view, record);
    tellRemaining(view, record, now);
    return view;
  }

  #forgetOld(): void {
    const finished = [...this.#runs].filter(([, run]) => run.finished !== undefined);
    for (const [key] of finished.slice(0, -KEPT)) this.#runs.delete(key);
  }

  /** Ends the runs that have no end of their own: where the supervisor died, nobody wrote one. */
  settle(root: string, infos: readonly RunInfo[], now: number): void {
    for (const info of infos) {
      const view = this.#runs.get(keyOf(root, info.run));
      if (view === undefined || view.finished !== undefined || info.state !== "died") continue;
      view.died = [...view.tasks.values()].filter(isActive).map((task) => ({ task, state: task.state }));
      for (const { task } of view.died) Object.assign(task, { state: "finished", outcome: "lost" });
      view.finished = { at: now, ...info };
    }
  }

  /** Runs in progress, the oldest first. */
  live(): RunView[] {
    return [...this.#runs.values()].filter((run) => run.finished === undefined);
  }

  /** The run that ended last. */
  lastFinished(): RunView | undefined {
    const finished = [...this.#runs.values()].filter((run) => run.finished !== undefined);
    return finished.sort((a, b) => (a.finished?.at ?? 0) - (b.finished?.at ?? 0)).at(-1);
  }

  /** What the newest run that started or will start a task does with it; skipped is no attempt. */
  newest(root: string, task: string): { readonly run: string; readonly task: TaskView } | undefined {
    let newest: { run: RunView; task: TaskView } | undefined;
    for (const run of this.#runs.values()) {
      if (run.root !== root) continue;
      const view = run.tasks.get(task);
      if (view === undefined || view.outcome === "skipped") continue;
      // What a run that died had not started, nothing will start.
      if (run.finished !== undefined && view.state === "pending") continue;
      if (newest === undefined || isLater(run, newest.run)) newest = { run, task: view };
    }
    return newest && { run: newest.run.id, task: newest.task };
  }

  /** Forgets all of them: who told of them is gone. */
  clear(): void {
    this.#runs.clear();
  }

  /** Whether anything was told of this run. */
  has(root: string, run: string): boolean {
    return this.#runs.has(keyOf(root, run));
  }
}

/** An id tells only the second of its run's start. */
function isLater(run: RunView, than: RunView): boolean {
  return run.started > than.started || (run.started === than.started && run.id > than.id);
}

/** Whoever adds a record lives: what was taken for lost is not. */
function revive(run: RunView): void {
  if (run.died === undefined) return;
  for (const { task, state } of run.died) {
    task.state = state;
    delete task.outcome;
  }
  delete run.died;
  delete run.finished;
}

function keyOf(root: string, run: string): string {
  return JSON.stringify([root, run]);
}

function begin(record: EventParams & { event: "run-started" }): RunView {
  const tasks = new Map<string, TaskView>();
  for (const wave of record.waves) {
    for (const task of wave.tasks) tasks.set(task.id, { ...task, wave: wave.wave, state: "pending" });
  }
  const { root, run: id, feature, title } = record;
  return { root, id, feature, title, started: Date.parse(record.time), tasks, begun: new Set(), seq: record.seq };
}

function tellRemaining(run: RunView, { remaining_ms: ms }: EventParams, now: number): void {
  if (ms === null) delete run.left;
  else run.left = { ms, at: now };
}

function advance(run: RunView, record: EventParams): void {
  switch (record.event) {
    case "run-cancelling": {
      if (record.tasks === null) raise(run, record.level);
      const named = record.tasks ?? meantWithTheRun(run, record.level);
      for (const task of named.map((id) => run.tasks.get(id))) if (task !== undefined) raise(task, record.level);
      return;
    }
    case "wave-started":
      run.begun.add(record.wave);
      return;
    case "task-started": {
      const task = run.tasks.get(record.task);
      if (task === undefined) return;
      task.state = "running";
      task.since = Date.parse(record.time);
      task.log = record.log;
      delete task.progress;
      delete task.retry;
      delete task.attached;
      return;
    }
    case "task-retrying": {
      const task = run.tasks.get(record.task);
      if (task === undefined) return;
      task.state = "retrying";
      const { outcome, exit_code: exitCode, delay_ms: delay } = record;
      task.retry = { outcome, exitCode, at: Date.parse(record.time) + delay };
      return;
    }
    case "task-attached": {
      const task = run.tasks.get(record.task);
      if (task !== undefined) task.attached = record.run;
      return;
    }
    case "run-paused":
      run.paused ??= Date.parse(record.time);
      for (const task of run.tasks.values()) task.paused = true;
      return;
    case "run-continued": {
      const stood = run.paused === undefined ? 0 : Date.parse(record.time) - run.paused;
      delete run.paused;
      for (const task of run.tasks.values()) {
        delete task.paused;
        // Times are without pauses.
        if (task.state === "running" && task.since !== undefined) task.since += stood;
        if (task.state === "retrying" && task.retry !== undefined)
          task.retry = { ...task.retry, at: task.retry.at + stood };
      }
      return;
    }
    case "task-progress": {
      const task = run.tasks.get(record.task);
      if (task !== undefined) task.progress = record.text;
      return;
    }
    case "task-finished": {
      const task = run.tasks.get(record.task);
      if (task === undefined) return;
      task.state = "finished";
      task.outcome = record.outcome;
      task.exitCode = record.exit_code;
      task.durationMs = record.duration_ms;
      task.reason = record.reason;
      if (record.log !== null) task.log = record.log;
      return;
    }
    case "run-finished": {
      const { time, outcome, summary } = record;
      run.finished = { at: Date.parse(time), state: "finished", outcome, summary };
      return;
    }
    // The waves follow from their tasks; kinds of a newer minor version change nothing that is shown.
    default:
  }
}

/** The tasks that a wish to end a run is about: those of a wave that has begun go on where only later ones shall not start. */
function meantWithTheRun({ tasks, begun }: RunView, level: Level): string[] {
  const meant = [...tasks.values()].filter((task) => level !== "finish-wave" || !begun.has(task.wave));
  return meant.map((task) => task.id);
}

/** How far runs are, added up. The one count of tasks of runs that is shown. */
export interface Tally {
  readonly total: number;
  /** What failed or was left to a person is not done. */
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
}

export function tally(runs: readonly RunView[]): Tally {
  const tasks = runs.flatMap((run) => [...run.tasks.values()]);
  const count = (wanted: (task: TaskView) => boolean): number => tasks.filter(wanted).length;
  return {
    total: tasks.length,
    done: count((task) => task.outcome === "passed"),
    failed: count((task) => isBad(task.outcome)),
    cancelled: count((task) => task.outcome === "cancelled"),
    skipped: count((task) => task.outcome === "skipped"),
  };
}

/** How a run stands: signs, colours and words follow from it. `left`: nothing failed, and not all of it was run. */
export type Standing = "running" | RunOutcome | "left" | "died";

export function standing(run: RunView): Standing {
  return run.finished === undefined ? "running" : standingOf(run.finished);
}

/** The one answer: what the server says, and whether something was left out that is up to a person. */
export function standingOf({ state, outcome, summary }: Told): Standing {
  if (outcome === null) return state === "running" ? "running" : "died";
  return outcome === "passed" && (summary.skipped ?? 0) > 0 ? "left" : outcome;
}

/** The milliseconds that a run still needs: what the server said last, without the time that has gone since. */
export function remaining({ left, paused }: RunView, now: number): number | undefined {
  if (left === undefined) return undefined;
  return paused === undefined ? Math.max(0, left.ms - (now - left.at)) : left.ms;
}
