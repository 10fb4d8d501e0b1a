import assert from "node:assert/strict";
import test from "node:test";
import type { Counts, EventParams, Level, Outcome, RunEvent, RunInfo, RunOutcome } from "../src/protocol";
import { Runs, harder, standingOf } from "../src/runs";
import { counts, duration, ended, outcome, progress, retrying, runWords, spoken } from "../src/text";

const ROOT = "/w";
const START = Date.parse("2026-01-14T09:30:00Z");

class Story {
  #seq = 0;
  constructor(readonly run = "r1") {}

  tell(event: RunEvent, second = 0, remaining: number | null = null): EventParams {
    this.#seq += 1;
    const time = new Date(START + second * 1000).toISOString();
    return { root: ROOT, run: this.run, v: "1.0", seq: this.#seq, time, remaining_ms: remaining, ...event };
  }
  started(waves: Record<string, string[]>): EventParams {
    const ref = (id: string): { id: string; title: string; file: string } => ({ id, title: id, file: `${id}.md` });
    return this.tell({
      event: "run-started",
      run: this.run,
      root: "/w",
      feature: "F",
      title: "Feature",
      waves: Object.entries(waves).map(([wave, tasks]) => ({ wave, tasks: tasks.map(ref) })),
    });
  }
  wave(wave: string, tasks: string[]): EventParams {
    return this.tell({ event: "wave-started", wave, tasks });
  }
  task(id: string, second = 0): EventParams {
    return this.tell({ event: "task-started", task: id, attempt: 1, log: `${id}.log` }, second);
  }
  end(id: string, how: Outcome, exit = how === "passed" ? 0 : 1): EventParams {
    return this.tell({
      event: "task-finished",
      task: id,
      outcome: how,
      exit_code: exit,
      duration_ms: 2000,
      reason: null,
      log: null,
    });
  }
  over(how: RunOutcome, summary: Counts = {}): EventParams {
    return this.tell({ event: "run-finished", outcome: how, summary, wall_ms: 1, serial_ms: 1 });
  }
}

const INFO: RunInfo = {
  run: "r1",
  state: "running",
  feature: "F",
  title: "F",
  started: "",
  tasks: 2,
  summary: {},
  wall_ms: null,
  remaining_ms: null,
  outcome: null,
};

function fold(records: EventParams[]): Runs {
  const runs = new Runs();
  for (const record of records) runs.apply(record, START);
  return runs;
}

test("a run as its records tell", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A", "B", "C"] }), story.task("A"), story.task("B"), story.task("C")]);
  assert.equal(progress(runs.live(), START), "▶ 0/3");
  runs.apply(story.end("A", "passed"), START);
  runs.apply(story.end("B", "failed", 3), START);
  assert.equal(progress(runs.live(), START), "▶ 1/3 · 1 failed");
  assert.equal(spoken(runs.live()), "running, 1/3 done, 1 failed");
  assert.equal(runs.newest(ROOT, "C")?.task.state, "running");
  const failed = runs.live()[0]?.tasks.get("B");
  assert.ok(failed);
  assert.equal(outcome(failed), "failed (exit 3) after 2 s");
  assert.equal(failed.log, "B.log", "the end does not take the log away");
  runs.apply(story.end("C", "passed"), START);
  runs.apply(story.over("failed"), START);
  assert.deepEqual(runs.live(), []);
  const last = runs.lastFinished();
  assert.ok(last);
  assert.equal(ended(last), "✗ 2/3 · 1 failed");
  assert.equal(spoken([last]), "failed, 2/3 done, 1 failed");
});

test("each end of a run has a sign and words of its own, and which one it is the server says", () => {
  const end = (outcomes: readonly Outcome[], how: RunOutcome): string[] => {
    const story = new Story();
    const ids = outcomes.map((_, at) => `T${at}`);
    const records = [story.started({ "1": ids })];
    const ends = outcomes.map((how, at) => story.end(`T${at}`, how));
    const summary = Object.fromEntries(outcomes.map((how) => [how, outcomes.filter((each) => each === how).length]));
    const last = fold([...records, ...ends, story.over(how, summary)]).lastFinished();
    assert.ok(last);
    return [ended(last), spoken([last])];
  };
  assert.deepEqual(end(["passed"], "passed"), ["✓ 1/1", "passed, 1/1 done"]);
  assert.deepEqual(end(["cancelled"], "cancelled"), ["■ 0/1 · 1 cancelled", "cancelled, 0/1 done, 1 cancelled"]);
  assert.deepEqual(end(["failed"], "failed"), ["✗ 0/1 · 1 failed", "failed, 0/1 done, 1 failed"]);
  assert.deepEqual(end(["passed", "skipped"], "passed"), [
    "○ 1/2 · 1 skipped",
    "ended, not all of it was run, 1/2 done, 1 skipped",
  ]);
  // Whoever cancels a run in which something failed has cancelled it, here as in a terminal.
  assert.deepEqual(end(["failed", "cancelled"], "cancelled"), [
    "■ 0/2 · 1 failed · 1 cancelled",
    "cancelled, 0/2 done, 1 failed, 1 cancelled",
  ]);
});

test("a run in a list stands as the server says, in the same words as everywhere", () => {
  const shown = (info: Partial<RunInfo>): [string, string] => {
    const run = { ...INFO, state: "finished", wall_ms: 12_000, ...info } as const;
    return [standingOf(run), runWords(run)];
  };
  const passed = { outcome: "passed", summary: { passed: 2 } } as const;
  assert.deepEqual(shown(passed), ["passed", "2 passed in 12 s"]);
  assert.deepEqual(shown({ ...passed, summary: { passed: 1, skipped: 1 } }), ["left", "1 passed, 1 skipped in 12 s"]);
  const failed = { outcome: "failed", summary: { passed: 2, failed: 1 } } as const;
  assert.deepEqual(shown(failed), ["failed", "2 passed, 1 failed in 12 s"]);
  assert.deepEqual(shown({ ...failed, outcome: "cancelled" }), ["cancelled", "2 passed, 1 failed in 12 s"]);
  assert.deepEqual(shown({ state: "running", wall_ms: null }), ["running", "running"]);
  assert.deepEqual(shown({ state: "died", wall_ms: null, summary: { passed: 1 } }), ["died", "died: 1 passed"]);
});

test("ending a task or a run only gets harder", () => {
  const story = new Story();
  const cancelling = (level: Level, tasks: string[] | null): EventParams =>
    story.tell({ event: "run-cancelling", level, tasks });
  const begun = story.started({ "1": ["A", "B"], "2": ["C"] });
  const runs = fold([begun, story.wave("1", ["A", "B"]), story.task("A"), story.task("B")]);
  const asked = (): (Level | undefined)[] => {
    const run = runs.live()[0];
    return [run?.cancelling, run?.tasks.get("A")?.cancelling, run?.tasks.get("B")?.cancelling];
  };
  assert.deepEqual(asked(), [undefined, undefined, undefined]);
  runs.apply(cancelling("terminate", ["A"]), START);
  runs.apply(cancelling("finish-wave", ["A"]), START);
  assert.deepEqual(asked(), [undefined, "terminate", undefined], "a softer word changes nothing, the run goes on");
  runs.apply(cancelling("finish-wave", null), START);
  assert.deepEqual(asked(), ["finish-wave", "terminate", undefined], "the present wave goes on");
  assert.deepEqual(harder("terminate"), ["kill"]);
  runs.apply(cancelling("terminate", null), START);
  assert.deepEqual(asked(), ["terminate", "terminate", "terminate"]);
  assert.equal(progress(runs.live(), START), "▶ 0/3 · terminating");
});

test("a story that is told twice changes nothing", () => {
  const story = new Story();
  const records = [story.started({ "1": ["A"] }), story.task("A"), story.end("A", "passed"), story.over("passed")];
  const runs = fold(records);
  for (const record of records) assert.equal(runs.apply(record, START), undefined);
  const last = runs.lastFinished();
  assert.ok(last);
  assert.equal(ended(last), "✓ 1/1");
});

test("a run whose supervisor died is over", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A", "B"] }), story.task("A")]);
  runs.settle(ROOT, [INFO], START);
  assert.equal(runs.live().length, 1);
  runs.settle(ROOT, [{ ...INFO, state: "died" }], START);
  assert.deepEqual(runs.live(), []);
  const died = runs.lastFinished();
  assert.equal(died?.tasks.get("A")?.outcome, "lost");
  assert.ok(died);
  assert.equal(spoken([died]), "died, 0/2 done, 1 failed");
  assert.equal(runs.newest(ROOT, "B"), undefined, "what was never started waits for nothing");
  // Until a next one takes it over.
  runs.apply(story.end("A", "passed"), START);
  runs.apply(story.task("B"), START);
  assert.equal(runs.live()[0]?.tasks.get("A")?.outcome, "passed");
  runs.settle(ROOT, [{ ...INFO, state: "died" }], START);
  runs.apply(story.tell({ event: "run-continued" }), START);
  assert.equal(runs.live()[0]?.tasks.get("B")?.state, "running");
  assert.equal(runs.live()[0]?.tasks.get("B")?.outcome, undefined);
  runs.apply(story.end("B", "failed"), START);
  runs.apply(story.over("failed"), START);
  assert.deepEqual(runs.live(), []);
});

test("of two runs in one second the one that started last is the newest", () => {
  const first = new Story("20260101-000000-zzzz");
  const second = new Story("20260101-000000-aaaa");
  const start = (story: Story, milliseconds: number): EventParams => {
    const record = story.started({ "1": ["A"] });
    return { ...record, time: new Date(START + milliseconds).toISOString() };
  };
  const runs = fold([start(first, 0), start(second, 1)]);
  assert.equal(runs.newest(ROOT, "A")?.run, second.run);
  assert.ok(runs.has(ROOT, first.run) && !runs.has(ROOT, "another"));
});

test("records of an unknown run or task change nothing", () => {
  const story = new Story();
  const runs = fold([story.task("A")]);
  assert.deepEqual(runs.live(), []);
  runs.apply(new Story().started({ "1": ["A"] }), START);
  runs.apply(new Story().task("B"), START);
  assert.equal(runs.live()[0]?.tasks.size, 1);
});

test("the time that is left goes by from what the server said, and stands still in a pause", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A", "B"] })]);
  const run = runs.live()[0];
  assert.ok(run);
  assert.equal(progress([run], START), "▶ 0/2");
  runs.apply(story.tell({ event: "task-started", task: "A", attempt: 1, log: "A.log" }, 0, 300_000), START);
  assert.equal(progress([run], START + 60_000), "▶ 0/2 · ~4 min");
  runs.apply(story.tell({ event: "run-paused" }, 60, 240_000), START + 60_000);
  assert.equal(progress([run], START + 120_000), "▶ 0/2 · paused · ~4 min");
  runs.apply(story.tell({ event: "run-continued" }, 120, 240_000), START + 120_000);
  assert.equal(progress([run], START + 329_000), "▶ 0/2 · ~40 s");
  assert.equal(progress([run], START + 999_000), "▶ 0/2 · ~1 s");
});

test("what stands still says so, and its time goes on where it stood", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A", "B"] }), story.task("A")]);
  const run = runs.live()[0];
  const task = run?.tasks.get("A");
  assert.ok(run && task);
  runs.apply(story.tell({ event: "run-paused" }, 60), START);
  assert.equal(progress([run], START), "▶ 0/2 · paused");
  assert.equal(spoken([run]), "running, 0/2 done, paused");
  assert.equal(task.paused, true);
  runs.apply(story.tell({ event: "run-continued" }, 100), START);
  assert.equal(progress([run], START), "▶ 0/2");
  assert.equal(task.paused, undefined);
  assert.equal(task.since, START + 40_000, "as if it had begun later");
});

test("a run that stops after its present wave says so, and so do the tasks that will not start", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A", "B"], "2": ["C"] }), story.wave("1", ["A", "B"])]);
  const run = runs.live()[0];
  assert.ok(run);
  runs.apply(story.tell({ event: "run-cancelling", level: "finish-wave", tasks: null }), START);
  assert.equal(progress([run], START), "▶ 0/3 · stops after this wave");
  const asked = [...run.tasks.values()].map((task) => task.cancelling);
  assert.deepEqual(asked, [undefined, undefined, "finish-wave"], "the present wave goes on");
  assert.deepEqual(harder(run.cancelling), ["terminate", "kill"]);
  runs.apply(story.tell({ event: "run-cancelling", level: "finish-wave", tasks: ["B"] }), START);
  assert.equal(run.tasks.get("B")?.cancelling, "finish-wave", "but for a task that is named");
});

test("a task that waits for its next attempt has not failed", () => {
  const story = new Story();
  const runs = fold([story.started({ "1": ["A"] }), story.task("A")]);
  const run = runs.live()[0];
  const task = run?.tasks.get("A");
  assert.ok(run && task);
  const again = { outcome: "failed", exit_code: 3, delay_ms: 5000, log: "A~1.log", rate_limited: false } as const;
  runs.apply(story.tell({ event: "task-retrying", task: "A", attempt: 1, ...again }, 10), START);
  assert.equal(task.state, "retrying");
  assert.equal(retrying(task, START + 11_000), "failed (exit 3), again in 4 s");
  assert.equal(progress([run], START), "▶ 0/1");
  runs.apply(story.task("A", 15), START);
  assert.equal(task.state, "running");
  assert.equal(task.retry, undefined);
});

test("numbers in words", () => {
  assert.equal(duration(850), "850 ms");
  assert.equal(duration(12_400), "12 s");
  assert.equal(duration(723_000), "12 m 03 s");
  assert.equal(duration(7_500_000), "2 h 05 m");
  assert.equal(counts({ passed: 2, failed: 1, skipped: 0 }), "2 passed, 1 failed");
  assert.equal(counts({}), "nothing ran");
});
