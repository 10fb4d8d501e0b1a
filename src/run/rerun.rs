//! What did not pass in a run and is to be run again: a pure decision over its journal.

use std::collections::HashMap;
use std::path::Path;

use super::{Event, JournalError, Outcome, Record, RunId, RunPaths, latest_attempts, read_run};
use crate::plan::{Asked, Include, Selection};
use crate::task::TaskId;

/// What running a run's failures again comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rerun {
    /// The feature's id.
    pub feature: String,
    /// The tasks to run again, in the order of the run.
    pub again: Vec<TaskId>,
    /// Tasks that did not pass in the run and have passed since, each with the run in which they did.
    pub passed_since: Vec<(TaskId, RunId)>,
}

impl Rerun {
    /// What did not pass in this run of the workspace, as things stand now. Blocking.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read(state_dir: &Path, run: &RunId) -> Result<Self, JournalError> {
        let records = read_run(&RunPaths::of(state_dir, run))?;
        let latest = latest_attempts(state_dir);
        Ok(rerun(&records, |task| {
            let attempt = latest.get(task).filter(|attempt| attempt.outcome == Some(Outcome::Passed))?;
            Some(attempt.run.clone())
        }))
    }

    /// What has to be asked for; `None`: nothing has to run again.
    pub fn selection(self) -> Option<Selection> {
        let tasks: Vec<String> = self.again.iter().map(ToString::to_string).collect();
        if tasks.is_empty() {
            return None;
        }
        // Also where a task's file says that it is done: that is what was asked for.
        Some(Selection {
            feature: Some(self.feature),
            asked: Asked::Tasks(tasks),
            redo: true,
            include: Include::default(),
        })
    }
}

/// What did not pass in a run: what failed, took too long, was cancelled or lost, what has no outcome because the
/// supervisor died, and what was skipped because of those. What was left out from the start (it needs a person, or
/// cannot run) is no failure of this run. `passed_in` tells the run of a task's latest attempt, where that passed.
pub fn rerun(records: &[Record], passed_in: impl Fn(&TaskId) -> Option<RunId>) -> Rerun {
    let mut outcomes: HashMap<&TaskId, Outcome> = HashMap::new();
    for record in records {
        if let Event::TaskFinished { task, outcome, .. } = &record.event {
            outcomes.entry(task).or_insert(*outcome);
        }
    }
    let mut rerun = Rerun::default();
    let Some(Event::RunStarted { feature, waves, .. }) = records.first().map(|record| &record.event) else {
        return rerun;
    };
    rerun.feature.clone_from(feature);
    let tasks = waves.iter().flat_map(|wave| &wave.tasks).filter(|task| !task.left_out);
    for task in tasks.filter(|task| outcomes.get(&task.id) != Some(&Outcome::Passed)) {
        match passed_in(&task.id) {
            Some(run) => rerun.passed_since.push((task.id.clone(), run)),
            None => rerun.again.push(task.id.clone()),
        }
    }
    rerun
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::run::{Counts, TaskRef, WaveRef};

    /// What became of a task of a made-up run.
    #[derive(Debug, Clone, Copy)]
    struct Fate {
        left_out: bool,
        /// `None`: the supervisor died before.
        outcome: Option<Outcome>,
        passed_since: bool,
    }

    fn fates() -> impl Strategy<Value = Vec<Vec<Fate>>> {
        let outcome = proptest::option::of(proptest::sample::select(Outcome::ALL.to_vec()));
        let fate = (any::<bool>(), outcome, any::<bool>()).prop_map(|(left_out, outcome, passed_since)| Fate {
            left_out,
            // What does not start is skipped, if anything.
            outcome: outcome.map(|outcome| if left_out { Outcome::Skipped } else { outcome }),
            passed_since,
        });
        proptest::collection::vec(proptest::collection::vec(fate, 0..5), 0..4)
    }

    fn id(wave: usize, task: usize) -> TaskId {
        TaskId::new(&format!("T-{wave}-{task}")).unwrap()
    }

    fn journal(fates: &[Vec<Fate>]) -> Vec<Record> {
        let task = |wave, task, fate: &Fate| TaskRef {
            id: id(wave, task),
            title: String::new(),
            file: String::new(),
            after: Vec::new(),
            estimate_ms: None,
            complexity: None,
            left_out: fate.left_out,
        };
        let waves = fates.iter().enumerate().map(|(wave, fates)| WaveRef {
            wave: Some(wave.to_string()),
            tasks: fates.iter().enumerate().map(|(number, fate)| task(wave, number, fate)).collect(),
        });
        let mut events = vec![Event::RunStarted {
            run: run("now"),
            root: "/w".into(),
            feature: "F".into(),
            title: "F".into(),
            waves: waves.collect(),
            max_parallel: 2,
            keep_going: false,
        }];
        for (wave, fates) in fates.iter().enumerate() {
            for (number, fate) in fates.iter().enumerate() {
                events.extend(fate.outcome.map(|outcome| ended(id(wave, number), outcome)));
            }
        }
        let record = |(number, event)| Record { v: "1.1".into(), seq: number as u64 + 1, time: String::new(), event };
        events.into_iter().enumerate().map(record).collect()
    }

    fn ended(task: TaskId, outcome: Outcome) -> Event {
        let finished = serde_json::json!({
            "event": "task-finished", "task": task, "outcome": outcome, "exit_code": null, "duration_ms": 0,
            "reason": null, "log": null,
        });
        serde_json::from_value(finished).unwrap()
    }

    fn run(name: &str) -> RunId {
        RunId(TaskId::new(name).unwrap())
    }

    /// The rule, said of one task: nothing of the others or their order matters.
    fn is_run_again(fate: &Fate) -> bool {
        let did_not_pass = match fate.outcome {
            None | Some(Outcome::Failed | Outcome::TimedOut | Outcome::Cancelled | Outcome::Lost) => true,
            Some(Outcome::Skipped) => true,
            Some(Outcome::Passed) => false,
        };
        did_not_pass && !fate.left_out
    }

    proptest! {
        #[test]
        fn what_did_not_pass_is_run_again(fates in fates()) {
            let fate_of = |task: &TaskId| {
                let mut numbers = task.as_str().split('-').skip(1).map(|number| number.parse::<usize>().unwrap());
                let (wave, number) = (numbers.next().unwrap(), numbers.next().unwrap());
                *fates.get(wave).unwrap().get(number).unwrap()
            };
            let all = fates.iter().enumerate().flat_map(|(wave, fates)| (0..fates.len()).map(move |task| id(wave, task)));
            let (passed, again): (Vec<TaskId>, Vec<TaskId>) =
                all.filter(|task| is_run_again(&fate_of(task))).partition(|task| fate_of(task).passed_since);

            let rerun = rerun(&journal(&fates), |task| fate_of(task).passed_since.then(|| run("later")));
            prop_assert_eq!(rerun.again, again);
            prop_assert_eq!(rerun.passed_since, passed.into_iter().map(|task| (task, run("later"))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_journal_that_has_not_begun_has_nothing_to_run_again() {
        assert_eq!(rerun(&[], |_| None), Rerun::default());
        let end = Event::RunFinished { summary: Counts::new(), wall_ms: 0, serial_ms: 0, exit_code: 0 };
        let record = Record { v: "1.1".into(), seq: 1, time: String::new(), event: end };
        assert_eq!(rerun(&[record], |_| None), Rerun::default());
    }
}
