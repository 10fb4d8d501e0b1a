/** Words for numbers. No editor type here. */

import { BAD, type RunView, type Standing, type TaskView, isBad, remaining, standing, standingOf, tally } from "./runs";
import type { Counts, Level, Outcome, RunInfo } from "./protocol";

/** `850 ms`, `12 s`, `12 m 03 s`, `2 h 05 m`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${pad(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
}

function pad(number: number): string {
  return number.toString().padStart(2, "0");
}

/** `1 task`, `3 tasks`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** A feature's title with its id, which is the title where it has no other. */
export function featureName({ id, title }: { readonly id: string; readonly title: string }): string {
  return title === id ? id : `${title} (${id})`;
}

/** An outcome in words. */
const WORDS: Readonly<Record<Outcome, string>> = {
  passed: "passed",
  failed: "failed",
  "timed-out": "timed out",
  cancelled: "cancelled",
  skipped: "skipped",
  lost: "lost",
};

/** `2 passed, 1 failed`. */
export function counts(summary: Counts): string {
  const order: readonly Outcome[] = ["passed", ...BAD, "cancelled", "skipped"];
  const parts = order.flatMap((outcome) => {
    const count = summary[outcome] ?? 0;
    return count > 0 ? [`${count} ${WORDS[outcome]}`] : [];
  });
  return parts.length === 0 ? "nothing ran" : parts.join(", ");
}

/** How a run stands, for a list: `running`, `2 passed, 1 failed in 12 s`, `died: 1 passed`. */
export function runWords(run: RunInfo): string {
  const stands = standingOf(run);
  if (stands === "running") return SPOKEN.running;
  const counted = counts(run.summary);
  if (stands === "died") return `${SPOKEN.died}: ${counted}`;
  return run.wall_ms === null ? counted : `${counted} in ${duration(run.wall_ms)}`;
}

/** `failed (exit 3) after 12 s`. */
export function outcome(task: Pick<TaskView, "outcome" | "exitCode" | "durationMs">): string {
  if (task.outcome === undefined) return "";
  const exit = task.outcome === "failed" && task.exitCode != null ? ` (exit ${task.exitCode})` : "";
  const after =
    task.outcome !== "skipped" && task.durationMs !== undefined ? ` after ${duration(task.durationMs)}` : "";
  return `${WORDS[task.outcome]}${exit}${after}`;
}

/** `failed (exit 3), again in 4 s`, while a task waits for its next attempt. */
export function retrying({ retry }: TaskView, now: number): string {
  if (retry === undefined) return "waits for its next attempt";
  return `${outcome({ outcome: retry.outcome, exitCode: retry.exitCode })}, again in ${duration(retry.at - now)}`;
}

/** The status bar's text while runs are on: `▶ 2/3 · 1 failed · ~4 min`. */
export function progress(runs: readonly RunView[], now: number): string {
  const left = runs.map((run) => remaining(run, now));
  const known = left.filter((milliseconds) => milliseconds !== undefined);
  const parts = counted(runs);
  if (known.length > 0 && known.length === left.length) parts.push(about(Math.max(...known)));
  return `▶ ${parts.join(" · ")}`;
}

/** `2/3`, `1 failed`, `terminating`, `paused`: how far runs are, without what time alone changes. */
function counted(runs: readonly RunView[]): string[] {
  const { total, done, ...rest } = tally(runs);
  const parts = [`${done}/${total}`];
  for (const [what, count] of Object.entries(rest)) if (count > 0) parts.push(`${count} ${what}`);
  const live = runs.filter((run) => run.finished === undefined);
  const doing = new Set(live.map(doingTo));
  if (doing.size === 1) parts.push(...[...doing].filter((word) => word !== undefined));
  return parts;
}

/** What is being done to a run. */
function doingTo({ cancelling, paused }: RunView): string | undefined {
  if (cancelling === "finish-wave") return "stops after this wave";
  return ending(cancelling) ?? (paused === undefined ? undefined : "paused");
}

/** The same for a screen reader: `running, 2/3 done, 1 failed`. Nothing in it changes each second. */
export function spoken(runs: readonly RunView[]): string {
  const words = [...new Set(runs.map((run) => SPOKEN[standing(run)]))];
  const [done = "", ...rest] = counted(runs);
  return [...words, `${done} done`, ...rest].join(", ");
}

const SPOKEN: Readonly<Record<Standing, string>> = {
  running: "running",
  passed: "passed",
  failed: "failed",
  cancelled: "cancelled",
  left: "ended, not all of it was run",
  died: "died",
};

/** A time that is only known about: `~40 s`, `~4 min`, `~1 h 20 min`. */
export function about(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  const minutes = Math.ceil(seconds / 60);
  // In steps of ten seconds: a number that changes each second says more than is known.
  if (seconds <= 50) return `~${seconds <= 10 ? seconds : Math.ceil(seconds / 10) * 10} s`;
  return minutes <= 60 ? `~${minutes} min` : `~${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** The status bar's text after a run: `✓ 3/3`, `✗ 2/3 · 1 failed`, `■ 1/3 · 2 cancelled`. */
export function ended(run: RunView): string {
  return `${SIGNS[standing(run)]} ${counted([run]).join(" · ")}`;
}

const SIGNS: Readonly<Record<Standing, string>> = {
  running: "▶",
  passed: "✓",
  failed: "✗",
  cancelled: "■",
  left: "○",
  died: "✗",
};

/** The sign that stands before an outcome. */
export function sign(outcome: Outcome | undefined): string {
  if (outcome === "passed") return "✓";
  if (outcome === "skipped") return "○";
  return isBad(outcome) ? "✗" : "■";
}

/** What is being done to a task or run that has to end; nothing while it may come to its own end. */
export function ending(level: Level | undefined): string | undefined {
  return level === "terminate" ? "terminating" : level === "kill" ? "killing" : undefined;
}

/** What a task does that has not ended: `compiling`, `terminating`, `failed (exit 3), again in 4 s`, `waits for its turn`. */
export function doing(task: TaskView, now: number): string {
  if (task.state === "pending") {
    if (task.attached !== undefined) return "runs in another run";
    return task.cancelling === "finish-wave" ? "will not start" : "waits for its turn";
  }
  const ends = ending(task.cancelling);
  if (ends !== undefined) return ends;
  if (task.paused === true) return "paused";
  return task.state === "retrying" ? retrying(task, now) : (task.progress ?? "running");
}

/** A level of ending, as a choice. */
export function endOf(what: "run" | "task", name: string, level: Level): { icon: string; label: string } {
  switch (level) {
    case "finish-wave":
      return what === "run"
        ? { icon: "debug-step-over", label: `Stop ${name} after its present wave` }
        : { icon: "debug-step-over", label: `Do not start ${name}, nor try it again` };
    case "terminate":
      return { icon: "debug-stop", label: `Cancel ${name}` };
    case "kill":
      return { icon: "flame", label: `Kill ${name} now` };
  }
}
