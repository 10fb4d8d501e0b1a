/** What the extension and the server say to each other beyond the language server protocol. No editor type here. */

/** The server's own commands. The client registers them from the server's capabilities: the extension never does. */
export const ServerCommand = {
  runWave: "featureBuild/runWave",
  runTask: "featureBuild/runTask",
  runFeature: "featureBuild/runFeature",
  rerunFailed: "featureBuild/rerunFailed",
  cancel: "featureBuild/cancel",
  openLog: "featureBuild/openLog",
  init: "featureBuild/init",
} as const;

export type ServerCommand = (typeof ServerCommand)[keyof typeof ServerCommand];

/** Commands that start processes. */
export const STARTING: readonly string[] = [
  ServerCommand.runWave,
  ServerCommand.runTask,
  ServerCommand.runFeature,
  ServerCommand.rerunFailed,
];

/** Every event of every run. */
export const EVENT = "featureBuild/event";
/** Asks for features, waves and tasks. */
export const WAVES = "featureBuild/waves";
/** Tells for which features the answer to {@link WAVES} may be another one now. */
export const WAVES_CHANGED = "featureBuild/wavesChanged";
/** Asks for the runs of a workspace. */
export const RUNS = "featureBuild/runs";

/** The one argument of every command: names only, nothing that can go stale between the lens and the click. */
export interface Target {
  /** The workspace's root: a path, or a URI as lenses have it. */
  readonly root: string;
  readonly feature?: string;
  readonly wave?: string;
  readonly task?: string;
  /** How hard to cancel; where it is missing, the next level: terminate, then kill. */
  readonly level?: Level;
  /** The run that is cancelled, or whose failures are run again. */
  readonly run?: string;
  /** It was clicked where something else stood a moment ago: what has just come there ends nothing. */
  readonly lens?: boolean;
}

/** The answer to {@link ServerCommand.cancel}. */
export interface Cancelled {
  readonly cancelled: readonly string[];
  /** A lens that had only just come to stand where it was clicked ends nothing; how long that goes on. */
  readonly ignored?: { readonly left_ms: number };
}

/** How hard a run is ended; only goes up. */
export type Level = "finish-wave" | "terminate" | "kill";

/** The answer to a command that starts a run. */
export interface Started {
  readonly run: string | null;
  readonly reason?: string;
}

export type Outcome = "passed" | "failed" | "timed-out" | "cancelled" | "skipped" | "lost";

/** How a run ended as a whole. */
export type RunOutcome = "passed" | "failed" | "cancelled";

export type Counts = Partial<Record<Outcome, number>>;

export interface TaskRef {
  readonly id: string;
  readonly title: string;
  readonly file: string;
}

export interface WaveRef {
  readonly wave: string | null;
  readonly tasks: readonly TaskRef[];
}

interface Finished {
  readonly summary: Counts;
  readonly wall_ms: number;
  readonly serial_ms: number;
}

/** What happened in a run, as the journal holds it; how it ended is added by the server. */
export type RunEvent =
  | {
      readonly event: "run-started";
      readonly run: string;
      readonly root: string;
      readonly feature: string;
      readonly title: string;
      readonly waves: readonly WaveRef[];
    }
  /** No tasks named: the whole run. */
  | { readonly event: "run-cancelling"; readonly level: Level; readonly tasks: readonly string[] | null }
  | { readonly event: "wave-started"; readonly wave: string | null; readonly tasks: readonly string[] }
  | { readonly event: "task-started"; readonly task: string; readonly attempt: number; readonly log: string }
  | { readonly event: "task-progress"; readonly task: string; readonly text: string }
  /** An attempt did not pass; another one follows after the delay. */
  | {
      readonly event: "task-retrying";
      readonly task: string;
      readonly attempt: number;
      readonly outcome: Outcome;
      readonly exit_code: number | null;
      readonly delay_ms: number;
      readonly log: string | null;
      readonly rate_limited: boolean;
    }
  /** The task runs in another run: that one's outcome will be this one's. */
  | { readonly event: "task-attached"; readonly task: string; readonly run: string }
  /** All tasks are stopped, and so are their clocks. */
  | { readonly event: "run-paused" | "run-continued" }
  | {
      readonly event: "task-finished";
      readonly task: string;
      readonly outcome: Outcome;
      readonly exit_code: number | null;
      readonly duration_ms: number;
      readonly reason: string | null;
      readonly log: string | null;
    }
  | ({ readonly event: "wave-finished"; readonly wave: string | null } & Finished)
  | ({ readonly event: "run-finished"; readonly outcome: RunOutcome } & Finished);

/** One line of a run's journal. */
export type RunRecord = RunEvent & {
  readonly v: string;
  /** Number of the line, from 1 without a gap. */
  readonly seq: number;
  /** When it was written (RFC 3339, UTC). */
  readonly time: string;
};

/** The content of {@link EVENT}: a record with the names of its run and its workspace's root added. */
export type EventParams = RunRecord & {
  readonly run: string;
  readonly root: string;
  /** How long the run will probably go on; `null` where nothing tells. */
  readonly remaining_ms: number | null;
};

export type TaskState =
  "done" | "dropped" | "ready" | "waiting" | "needs-person" | "claimed" | "blocked" | "halted" | "unrunnable";

/** The newest attempt of a task that has ended, whichever run it was in. */
export interface LatestAttempt {
  readonly run: string;
  readonly outcome: Outcome;
  readonly exit_code: number | null;
  readonly reason: string | null;
  readonly duration_ms: number;
  /** An absolute path. */
  readonly log: string | null;
}

export interface TaskInfo {
  readonly id: string;
  readonly title: string;
  /** Relative to the root, `/`-separated. */
  readonly file: string;
  readonly status: string;
  readonly state: TaskState;
  readonly reason: string | null;
  readonly depends_on: readonly string[];
  /** Where in its file its lens stands, in bytes. */
  readonly anchor: number;
  readonly estimated_minutes: number | null;
  /** How long it will probably take; `null` where nothing tells. */
  readonly estimate_ms: number | null;
  readonly latest: LatestAttempt | null;
}

/** How far a feature or a wave is: the server's one answer. */
export interface Progress {
  /** All of it is done: what is left for a person, or cannot run, is not. */
  readonly done: boolean;
  /** Something is left, for whomever. */
  readonly open: boolean;
  /** A run would start something. */
  readonly startable: boolean;
  /** `1/2 done · 1 needs a person`. */
  readonly words: string;
  readonly needs_person: number;
  readonly unrunnable: number;
  readonly blocked: number;
  readonly claimed: number;
}

export interface WaveInfo {
  readonly wave: string | null;
  readonly progress: Progress;
  /** How long what is still to be done of it will probably take; `null` where nothing is, or nothing tells. */
  readonly estimate_ms: number | null;
  readonly tasks: readonly TaskInfo[];
}

export interface FeatureInfo {
  readonly id: string;
  readonly title: string;
  readonly dialect: string;
  readonly progress: Progress;
  readonly waves: readonly WaveInfo[];
}

export interface RunInfo {
  readonly run: string;
  readonly state: "running" | "finished" | "died";
  readonly feature: string;
  readonly title: string;
  readonly started: string;
  readonly tasks: number;
  readonly summary: Counts;
  readonly wall_ms: number | null;
  /** How long it will probably go on; `null` where it does not, or nothing tells. */
  readonly remaining_ms: number | null;
  /** How it ended; `null` where it has not finished. */
  readonly outcome: RunOutcome | null;
}

/** One workspace in the answer to {@link WAVES}. */
export interface RootInfo {
  /** Its root: a canonical path. */
  readonly root: string;
  /** The editor's URI for it: through a link, where the editor opened one. */
  readonly uri: string;
  /** Whether something is configured that runs a task. */
  readonly configured: boolean;
  readonly features: readonly FeatureInfo[];
}

/** What {@link WAVES} is asked for; nothing named: everything. */
export interface WavesParams {
  readonly root?: string;
  readonly features?: readonly string[];
}

/** The content of {@link WAVES_CHANGED}; no features named: all of the root. */
export interface WavesChanged {
  readonly root: string;
  readonly features: readonly string[] | null;
}

/** The answer to {@link RUNS}. */
export interface RunsAnswer {
  /** The newest first. */
  readonly runs: readonly RunInfo[];
}

export interface WavesAnswer {
  /** False while workspaces are still looked for. */
  readonly complete: boolean;
  readonly roots: readonly RootInfo[];
}
