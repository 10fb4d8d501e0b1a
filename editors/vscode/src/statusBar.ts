import * as vscode from "vscode";
import { foreignLine } from "./foreign";
import { standing, tally, type RunView, type TaskView } from "./runs";
import type { Store } from "./store";
import * as text from "./text";

/** How often the remaining time is shown anew while nothing else happens. */
const TICK_MS = 5000;

/** The item in the status bar: how far the runs are, else how the last one ended. */
export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem("featureBuild.status", vscode.StatusBarAlignment.Left, 50);
  readonly #store: Store;
  readonly #listener: vscode.Disposable;
  #tick: NodeJS.Timeout | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#item.name = "Feature Build";
    this.#item.command = "featureBuild.showMenu";
    this.#listener = store.onDidChange(() => {
      this.#draw();
    });
  }

  dispose(): void {
    clearInterval(this.#tick);
    this.#listener.dispose();
    this.#item.dispose();
  }

  #draw(): void {
    const live = this.#store.runs.live();
    this.#tickWhile(live.length > 0);
    if (live.length > 0) {
      this.#show(text.progress(live, Date.now()), live);
      return;
    }
    const last = this.#store.runs.lastFinished();
    if (last === undefined) {
      this.#item.hide();
      return;
    }
    this.#show(text.ended(last), [last]);
  }

  #show(shown: string, runs: readonly RunView[]): void {
    const failed = runs.some((run) => standing(run) === "failed") || tally(runs).failed > 0;
    this.#item.text = shown;
    this.#item.tooltip = tooltip(runs);
    this.#item.accessibilityInformation = { label: `Feature Build: ${text.spoken(runs)}`, role: "button" };
    this.#item.backgroundColor = failed ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.#item.show();
  }

  /** The remaining time goes down by itself; without a run nothing ticks. */
  #tickWhile(running: boolean): void {
    if (running === (this.#tick !== undefined)) return;
    clearInterval(this.#tick);
    this.#tick = running ? setInterval(this.#draw.bind(this), TICK_MS) : undefined;
  }
}

/** More lines than this nobody reads in a tooltip. */
const TOOLTIP_TASKS = 20;

/** A text, not Markdown: what tasks and files say is never parsed. */
function tooltip(runs: readonly RunView[]): string {
  const lines = runs.flatMap((run) => {
    const tasks = [...run.tasks.values()];
    const shown = tasks.slice(0, TOOLTIP_TASKS).map(taskLine);
    const more = tasks.length > shown.length ? [`… and ${text.plural(tasks.length - shown.length, "more task")}`] : [];
    return [text.featureName({ id: run.feature, title: run.title }), ...shown, ...more];
  });
  return lines.map(foreignLine).join("\n");
}

function taskLine(task: TaskView): string {
  if (task.state === "finished") return `${text.sign(task.outcome)} ${task.id} ${text.outcome(task)}`;
  return `${task.state === "pending" ? "·" : "▶"} ${task.id}: ${text.doing(task, Date.now())}`;
}
