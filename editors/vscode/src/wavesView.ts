import * as vscode from "vscode";
import { foreignLine } from "./foreign";
import type { FeatureInfo, Progress, RootInfo, Target, TaskInfo, TaskState, WaveInfo } from "./protocol";
import { harder, isActive, isBad, type TaskView } from "./runs";
import { targetOf, type PlacedTask, type Store } from "./store";
import * as text from "./text";

/** A row of the view; it names what it stands for, and is made anew when something changes. */
export type Row = FeatureRow | WaveRow | TaskRow;

export interface FeatureRow {
  readonly kind: "feature";
  readonly root: RootInfo;
  readonly feature: FeatureInfo;
}

export interface WaveRow {
  readonly kind: "wave";
  readonly root: RootInfo;
  readonly feature: FeatureInfo;
  readonly wave: WaveInfo;
}

export interface TaskRow {
  readonly kind: "task";
  readonly placed: PlacedTask;
}

/** How often running times are drawn anew. */
const TICK_MS = 1000;
/** At most this often rows are drawn anew for what happens: an agent may say much. */
const GATHER_MS = 200;

/**
 * The Waves view: features, their waves, their tasks, as they stand and as they run.
 *
 * VS Code forgets all rows when a view is drawn anew as a whole, and until it has asked for them again a click on a button
 * of a row meets none. So rows are objects that stay, and only those that look different are drawn anew.
 */
export class WavesView implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #store: Store;
  readonly #view: vscode.TreeView<Row>;
  readonly #changed = new vscode.EventEmitter<Row[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #disposables: { dispose(): unknown }[] = [];
  /** The rows there are, by their ids. */
  #rows = new Map<string, Row>();
  /** How each row looked when VS Code asked for it last. */
  readonly #looks = new WeakMap<Row, string>();
  #tick: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#view = vscode.window.createTreeView("featureBuild.waves", { treeDataProvider: this, showCollapseAll: true });
    this.#disposables.push(
      this.#view,
      this.#changed,
      store.onDidChange(() => {
        this.#showBadge();
        this.#tickWhileSeen();
        this.#gathering ??= setTimeout(() => {
          this.#gathering = undefined;
          this.#redraw();
        }, GATHER_MS);
      }),
      this.#view.onDidChangeVisibility(() => {
        this.#tickWhileSeen();
        this.#redraw();
      }),
    );
  }

  dispose(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#gathering);
    vscode.Disposable.from(...this.#disposables).dispose();
  }

  getChildren(row?: Row): Row[] {
    return this.#childrenOf(row).map((child) => this.#known(child));
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const item = asWords(this.#item(row));
    this.#looks.set(row, lookOf(item));
    return item;
  }

  #childrenOf(row: Row | undefined): Row[] {
    if (row === undefined) {
      return this.#store
        .roots()
        .flatMap((root) => this.#store.features(root).map((feature) => ({ kind: "feature", root, feature })));
    }
    if (row.kind === "feature") return row.feature.waves.map((wave) => ({ ...row, kind: "wave", wave }));
    if (row.kind === "wave") return row.wave.tasks.flatMap((task) => this.#taskRow(row.root, task.id));
    return [];
  }

  /** The object that VS Code has for a row, with what the row stands for now. */
  #known(row: Row): Row {
    const id = idOf(row);
    const known = Object.assign(this.#rows.get(id) ?? row, row);
    this.#rows.set(id, known);
    return known;
  }

  /** Draws what looks different; all of it where there are other rows than before. */
  #redraw(): void {
    if (!this.#view.visible) return;
    const before = [...this.#rows.keys()].join();
    const rows = this.getChildren().flatMap((feature) => [feature, ...this.#below(feature)]);
    this.#rows = new Map(rows.map((row) => [idOf(row), row]));
    if (before !== [...this.#rows.keys()].join()) {
      this.#changed.fire(undefined);
      return;
    }
    const stale = rows.filter((row) => {
      const look = this.#looks.get(row);
      // What VS Code has not asked for is in a row that is closed.
      return look !== undefined && look !== lookOf(asWords(this.#item(row)));
    });
    if (stale.length > 0) this.#changed.fire(stale);
  }

  #below(row: Row): Row[] {
    return this.getChildren(row).flatMap((child) => [child, ...this.#below(child)]);
  }

  #item(row: Row): vscode.TreeItem {
    const item = this.#plainItem(row);
    item.id = idOf(row);
    return item;
  }

  #plainItem(row: Row): vscode.TreeItem {
    if (row.kind === "feature") return this.#featureItem(row);
    if (row.kind === "wave") return this.#waveItem(row);
    return this.#taskItem(row);
  }

  #taskRow(root: RootInfo, id: string): TaskRow[] {
    const placed = this.#store.task(root.root, id);
    return placed === undefined ? [] : [{ kind: "task", placed }];
  }

  #showBadge(): void {
    const failures = this.#store.failures().length;
    const tooltip = `${text.plural(failures, "task")} did not pass`;
    this.#view.badge = failures === 0 ? undefined : { value: failures, tooltip };
  }

  #tickWhileSeen(): void {
    const wanted = this.#view.visible && this.#store.runs.live().length > 0;
    if (wanted === (this.#tick !== undefined)) return;
    clearInterval(this.#tick);
    this.#tick = wanted
      ? setInterval(() => {
          this.#redraw();
        }, TICK_MS)
      : undefined;
  }

  #featureItem({ root, feature }: FeatureRow): vscode.TreeItem {
    const tasks = feature.waves.flatMap((wave) => wave.tasks);
    const group = this.#group(root, feature.progress, tasks, "project");
    const item = new vscode.TreeItem(feature.title, group.collapsible);
    item.description = this.#describe(root, group.words.join(" · "));
    // The row may be too narrow for its words.
    item.tooltip = [text.featureName(feature), group.words.join(" · ")].join("\n");
    item.iconPath = group.icon;
    item.contextValue = context("feature", { runnable: feature.progress.startable, ...group.ends });
    item.accessibilityInformation = { label: [`Feature ${feature.title}`, ...group.spoken].join(", ") };
    return item;
  }

  /** With several workspaces each feature says where it lies. */
  #describe(root: RootInfo, words: string): string {
    if (this.#store.roots().length < 2) return words;
    return `${words} · ${root.root.slice(root.root.lastIndexOf("/") + 1)}`;
  }

  #waveItem({ root, feature, wave }: WaveRow): vscode.TreeItem {
    const group = this.#group(root, wave.progress, wave.tasks, "layers");
    const label = wave.wave === null ? "No wave" : `Wave ${wave.wave}`;
    const item = new vscode.TreeItem(label, group.collapsible);
    const takes = wave.estimate_ms === null ? [] : [text.about(wave.estimate_ms)];
    item.description = [...group.words, ...takes].join(" · ");
    item.tooltip = [
      `${label} of ${feature.title}`,
      group.words.join(" · "),
      ...takes.map((time) => `Takes ${time} by earlier attempts or estimates`),
    ].join("\n");
    item.iconPath = group.icon;
    item.contextValue = context("wave", { runnable: wave.progress.startable, ...group.ends });
    item.accessibilityInformation = { label: [`${label} of ${feature.title}`, ...group.spoken].join(", ") };
    return item;
  }

  /** What a feature and a wave show alike: how far the plan says they are, and what runs or failed of them. */
  #group(root: RootInfo, progress: Progress, tasks: readonly TaskInfo[], open: string): Group {
    const attempts = tasks.map((task) => ({ task, attempt: this.#store.attempt(root.root, task) }));
    const active = attempts.flatMap(({ attempt }) => (isActive(attempt) ? [attempt] : []));
    const running = active.length > 0;
    const paused = running && active.every((attempt) => attempt?.paused === true);
    const failed = attempts.filter(({ task, attempt }) => isFailed(task, attempt)).length;
    const words = [progress.words, ...(failed > 0 ? [`${failed} failed`] : [])];
    const states = [...(running ? [paused ? "paused" : "running"] : []), ...(failed > 0 ? ["failed"] : [])];
    return {
      ends: endsOf(attempts.map(({ attempt }) => attempt)),
      words,
      spoken: [...states, ...words.flatMap((word) => word.split(" · "))],
      icon: paused ? PAUSED : running ? RUNNING : failed > 0 ? FAILED : iconOf(progress, open),
      collapsible:
        progress.open || running ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
    };
  }

  #taskItem(row: TaskRow): vscode.TreeItem {
    const { root, task } = row.placed;
    const attempt = this.#store.attempt(root.root, task);
    const running = isActive(attempt);
    const item = new vscode.TreeItem(task.id, vscode.TreeItemCollapsibleState.None);
    const { icon, words, spoken } = this.#standing(task, attempt);
    item.description = [words, task.title].filter((part) => part !== "").join(" · ");
    item.tooltip = tooltip(row.placed, attempt);
    item.iconPath = icon;
    item.contextValue = context("task", {
      runnable: task.state === "ready" && !running && attempt?.state !== "pending",
      ...endsOf([attempt]),
      log: attempt?.log !== undefined,
    });
    item.command = { command: "featureBuild.openTask", title: "Open Task File", arguments: [row] };
    item.accessibilityInformation = { label: `Task ${task.id}, ${spoken ?? words}, ${task.title}` };
    return item;
  }

  /** How a task stands: as a sign, in words, and for a screen reader without what changes each second. */
  #standing(task: TaskInfo, attempt: TaskView | undefined): Sign {
    if (attempt !== undefined && attempt.state !== "finished") return unfinished(attempt);
    if (attempt?.outcome === "passed") return { icon: DONE, words: text.outcome(attempt) };
    if (isBad(attempt?.outcome) && attempt !== undefined) return { icon: FAILED, words: text.outcome(attempt) };
    if (attempt?.outcome === "cancelled" && task.state === "ready") {
      return { icon: icon("circle-slash"), words: text.outcome(attempt) };
    }
    return STATES[task.state];
  }
}

/** How a task stands that some run has not finished. */
function unfinished(attempt: TaskView): Sign {
  const words = text.doing(attempt, Date.now());
  if (attempt.state === "pending") return { icon: attempt.attached === undefined ? icon("watch") : RUNNING, words };
  if (attempt.paused === true) return { icon: PAUSED, words };
  if (attempt.state === "retrying") {
    return { icon: RETRYING, words, spoken: text.ending(attempt.cancelling) ?? "will be tried again" };
  }
  const since = attempt.since === undefined ? "" : text.duration(Date.now() - attempt.since);
  const spoken = text.ending(attempt.cancelling) ?? "running";
  return { icon: RUNNING, words: [since, words].filter(Boolean).join(" · "), spoken };
}

interface Sign {
  readonly icon: vscode.ThemeIcon;
  readonly words: string;
  readonly spoken?: string;
}

/** How what runs can be ended next: asked to, or, where it was asked, killed. */
type Ends = Readonly<Record<"running" | "ending", boolean>>;

function endsOf(attempts: readonly (TaskView | undefined)[]): Ends {
  const levels = attempts.filter(isActive).map((attempt) => harder(attempt?.cancelling));
  const running = levels.some((level) => level.includes("terminate"));
  return { running, ending: !running && levels.some((level) => level.includes("kill")) };
}

/** Its last attempt failed, and nobody has said since that it is done. */
function isFailed(task: TaskInfo, attempt: TaskView | undefined): boolean {
  return attempt?.state === "finished" && isBad(attempt.outcome) && task.state !== "done";
}

/** What a row shows that stands for several tasks. */
interface Group {
  readonly ends: Ends;
  readonly words: readonly string[];
  readonly spoken: readonly string[];
  readonly icon: vscode.ThemeIcon;
  readonly collapsible: vscode.TreeItemCollapsibleState;
}

/** Green only where all of it is done; where nothing of it can start, the sign of what keeps it from that. */
function iconOf(progress: Progress, open: string): vscode.ThemeIcon {
  if (progress.done) return DONE;
  if (!progress.open) return STATES.dropped.icon;
  if (progress.startable) return icon(open);
  if (progress.unrunnable > 0) return STATES.unrunnable.icon;
  if (progress.needs_person > 0) return STATES["needs-person"].icon;
  if (progress.claimed > 0) return STATES.claimed.icon;
  return progress.blocked > 0 ? STATES.blocked.icon : icon(open);
}

/** What makes a row the same one as before. */
function idOf(row: Row): string {
  if (row.kind === "feature") return JSON.stringify([row.root.root, row.feature.id]);
  if (row.kind === "wave") return JSON.stringify([row.root.root, row.feature.id, row.wave.wave]);
  const { root, feature, wave, task } = row.placed;
  return JSON.stringify([root.root, feature.id, wave.wave, task.id]);
}

/** All that is seen of a row. */
function lookOf({
  label,
  description,
  tooltip,
  iconPath,
  contextValue,
  accessibilityInformation,
}: vscode.TreeItem): string {
  return JSON.stringify([label, description, tooltip, iconPath, contextValue, accessibilityInformation]);
}

/** Is this a row? VS Code gives commands many things along. */
export function isRow(given: unknown): given is Row {
  return typeof given === "object" && given !== null && "kind" in given && ROWS.has(given.kind);
}

const ROWS: ReadonlySet<unknown> = new Set<Row["kind"]>(["feature", "wave", "task"]);

/** A command's argument for a row. */
export function rowTarget(row: Row): Target {
  if (row.kind === "task") return targetOf(row.placed);
  const target = { root: row.root.root, feature: row.feature.id };
  return row.kind === "wave" && row.wave.wave !== null ? { ...target, wave: row.wave.wave } : target;
}

const icon = (name: string, colour?: string): vscode.ThemeIcon =>
  new vscode.ThemeIcon(name, colour === undefined ? undefined : new vscode.ThemeColor(colour));

// Colours that can be seen in every theme: the yellow and the green of problems and tests vanish in light ones, and so does
// what is meant to be disabled.
const WARNING = "list.warningForeground";
const QUIET = "descriptionForeground";
const RUNNING = icon("sync~spin", "charts.blue");
const PAUSED = icon("debug-pause");
const RETRYING = icon("debug-rerun", WARNING);
const DONE = icon("pass-filled", "charts.green");
const FAILED = icon("error", "testing.iconFailed");

const STATES: Readonly<Record<TaskState, { icon: vscode.ThemeIcon; words: string }>> = {
  done: { icon: DONE, words: "done" },
  dropped: { icon: icon("circle-slash", QUIET), words: "dropped" },
  ready: { icon: icon("circle-large-outline"), words: "ready" },
  waiting: { icon: icon("watch"), words: "waiting" },
  "needs-person": { icon: icon("person"), words: "needs a person" },
  claimed: { icon: icon("account"), words: "claimed" },
  blocked: { icon: icon("lock"), words: "blocked" },
  halted: { icon: icon("circle-slash", QUIET), words: "halted" },
  unrunnable: { icon: icon("warning", WARNING), words: "cannot run" },
};

/** A row whose texts, which tasks and files say, are text and nothing else. */
function asWords(item: vscode.TreeItem): vscode.TreeItem {
  if (typeof item.label === "string") item.label = foreignLine(item.label);
  if (typeof item.description === "string") item.description = foreignLine(item.description);
  if (typeof item.tooltip === "string") item.tooltip = item.tooltip.split("\n").map(foreignLine).join("\n");
  if (item.accessibilityInformation !== undefined) {
    const { label, ...rest } = item.accessibilityInformation;
    item.accessibilityInformation = { ...rest, label: foreignLine(label) };
  }
  return item;
}

function context(kind: string, flags: Record<string, boolean>): string {
  const set = Object.keys(flags).filter((flag) => flags[flag] === true);
  return `${[kind, ...set].join(";")};`;
}

/** A text, not Markdown: what files and tasks say is never parsed. */
function tooltip({ task, feature, wave }: PlacedTask, attempt: TaskView | undefined): string {
  const lines = [
    `${task.id}: ${task.title}`,
    `${feature.title}${wave.wave === null ? "" : `, wave ${wave.wave}`}`,
    `Status in its file: ${task.status === "" ? "none" : task.status}`,
    ...(task.reason === null ? [] : [task.reason]),
    ...(task.depends_on.length === 0 ? [] : [`Depends on ${task.depends_on.join(", ")}`]),
    ...(task.estimate_ms === null || task.state === "done" ? [] : [`Takes ${text.about(task.estimate_ms)}`]),
    ...(attempt?.state === "finished" ? [`Last attempt: ${text.outcome(attempt)}`] : []),
    ...(attempt?.reason == null ? [] : [attempt.reason]),
  ];
  return lines.map(foreignLine).join("\n");
}
