//! Trees of task files made from a seed: the shapes and proportions of those that people wrote, at any size.
//!
//! Counted in public repositories, and kept here: a bit more than half of the tasks are GuardKit's (of which six of ten
//! are completed, one of seven features has a feature file, one file of fifteen is no task, one id of sixteen was left
//! behind in a second folder), a twelfth are GSD's plans (each with a summary, and three documents a phase), the rest
//! Backlog.md's. Features have 3 to 30 tasks. The same seed and size give the same bytes.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A tree that was written.
#[derive(Debug)]
pub struct Made {
    /// Its root.
    pub root: PathBuf,
    /// How many tasks it has.
    pub tasks: usize,
    /// A file (relative to the root) of a GuardKit feature of 28 open tasks in one wave.
    pub in_large_feature: PathBuf,
}

/// The feature of [`Made::in_large_feature`], and how many tasks it has.
pub const LARGE: (&str, usize) = ("FEAT-LARGE", 28);

/// The seed of all measurements.
pub const SEED: u64 = 20_261_123;

/// [`Made::in_large_feature`] of every tree.
pub fn in_large_feature() -> &'static Path {
    Path::new(IN_LARGE)
}

const IN_LARGE: &str = "tasks/backlog/large/TASK-LARGE-007.md";

/// Numbers from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    /// So many words.
    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    /// The size of a feature: small ones are the most.
    fn feature_size(&mut self) -> usize {
        let (a, b) = (self.below(14), self.below(14));
        3 + a.min(b) + if self.one_in(12) { 14 } else { 0 }
    }
}

const WORDS: [&str; 24] = [
    "index", "parser", "token", "refresh", "store", "upload", "handler", "session", "retry", "schema", "report",
    "worker", "cache", "router", "export", "login", "audit", "search", "queue", "policy", "metric", "editor", "the",
    "with",
];

/// The tree of so many tasks at this place: written where it is not there yet. It stands there whole or not at all.
///
/// # Errors
/// Where a file cannot be written.
pub fn kept(root: &Path, tasks: usize) -> io::Result<Made> {
    let done = root.join("made");
    if !done.is_file() {
        let _ = fs::remove_dir_all(root);
        make(root, tasks, SEED)?;
        fs::write(done, "")?;
    }
    Ok(Made { root: root.to_path_buf(), tasks, in_large_feature: IN_LARGE.into() })
}

/// Writes a tree of so many tasks into an empty folder.
///
/// # Errors
/// Where a file cannot be written.
pub fn make(root: &Path, tasks: usize, seed: u64) -> io::Result<Made> {
    let mut tree = Tree { root: root.to_path_buf(), chance: Chance(seed), tasks: 0 };
    tree.write("feature-build.yaml", "run:\n  command: [\"true\"]\n")?;
    let in_large_feature = tree.large_feature()?;
    let guardkit = tasks * 55 / 100;
    for number in 0.. {
        if tree.tasks >= guardkit {
            break;
        }
        tree.guardkit_feature(number, guardkit)?;
    }
    let gsd = tree.tasks + tasks * 8 / 100;
    for number in 0.. {
        if tree.tasks >= gsd {
            break;
        }
        tree.gsd_phase(number, gsd)?;
    }
    tree.backlog(tasks)?;
    Ok(Made { root: tree.root, tasks: tree.tasks, in_large_feature })
}

struct Tree {
    root: PathBuf,
    chance: Chance,
    tasks: usize,
}

impl Tree {
    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.root.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)
    }

    fn large_feature(&mut self) -> io::Result<PathBuf> {
        let (feature, size) = LARGE;
        for number in 1..=size {
            let body = self.body(5_000);
            let text = format!(
                "---\nid: TASK-LARGE-{number:03}\ntitle: Large {number}\nstatus: backlog\nfeature_id: {feature}\n\
                 wave: 1\ncomplexity: 3\ndepends_on: []\n---\n{body}"
            );
            self.write(&format!("tasks/backlog/large/TASK-LARGE-{number:03}.md"), &text)?;
            self.tasks += 1;
        }
        Ok(IN_LARGE.into())
    }

    fn guardkit_feature(&mut self, number: usize, end: usize) -> io::Result<()> {
        let size = self.chance.feature_size().min(end - self.tasks);
        let code = format!("{:04X}", (number as u64).wrapping_mul(40_503) % 1_048_576);
        let slug = format!("{}-{}", self.chance.words(2).replace(' ', "-"), code.to_lowercase());
        let (status, month) = (self.chance.below(100), 1 + self.chance.below(9));
        let (folder, status) = match status {
            0..60 => (format!("tasks/completed/2026-{month:02}/{slug}"), "completed"),
            60..88 => (format!("tasks/backlog/{slug}"), "backlog"),
            88..96 => (format!("tasks/in_review/{slug}"), "in_review"),
            _ => (format!("tasks/in_progress/{slug}"), "in_progress"),
        };
        let waves = 1 + self.chance.below(4);
        let ids: Vec<String> = (1..=size).map(|at| format!("TASK-{code}-{at:03}")).collect();
        let wave_of = |at: usize| 1 + at * waves / size;
        for (at, id) in ids.iter().enumerate() {
            let dependencies: Vec<&str> = ids
                .iter()
                .enumerate()
                .filter(|(other, _)| wave_of(*other) + 1 == wave_of(at))
                .map(|(_, id)| &**id)
                .collect();
            let dependencies = &dependencies[..dependencies.len().min(2)];
            let text = self.guardkit_task(id, status, &code, wave_of(at), dependencies);
            let name = format!("{id}-{}.md", self.chance.words(4).replace(' ', "-"));
            self.write(&format!("{folder}/{name}"), &text)?;
            if status == "completed" && self.chance.one_in(10) {
                self.write(&format!("tasks/backlog/{slug}/{name}"), &text)?;
            }
            self.tasks += 1;
        }
        if size > 3 && self.chance.one_in(2) {
            let guide = format!("# Guide\n{}", self.body(4_000));
            self.write(&format!("{folder}/IMPLEMENTATION-GUIDE.md"), &guide)?;
        }
        if self.chance.one_in(7) {
            self.feature_file(&code, &folder, &ids, status, wave_of)?;
        }
        Ok(())
    }

    fn guardkit_task(&mut self, id: &str, status: &str, code: &str, wave: usize, dependencies: &[&str]) -> String {
        let chance = &mut self.chance;
        let title = chance.words(6);
        let title = if chance.one_in(3) { format!("\"{title}\"") } else { title };
        // What YAML rejects in a title: one file of two hundred.
        let title = if chance.one_in(200) { format!("fix: {title}: again") } else { title };
        let mut text = format!(
            "---\nid: {id}\ntitle: {title}\nstatus: {status}\ncreated: 2026-04-11T12:00:00Z\nupdated: 2026-04-12T09:30:00Z\n"
        );
        let _ = write!(
            text,
            "priority: {}\ntags: [{}, {}, {}]\ntask_type: {}\nparent_review: TASK-REV-{code}\nfeature_id: FEAT-{code}\n",
            chance.pick(&["high", "medium", "low"]),
            chance.pick(&WORDS),
            chance.pick(&WORDS),
            chance.pick(&WORDS),
            chance.pick(&["implementation", "testing", "documentation", "refactor"]),
        );
        let mode = chance.pick(&["task-work", "task-work", "direct", "manual"]);
        let _ = write!(text, "implementation_mode: {mode}\nwave: {wave}\ncomplexity: {}\n", 1 + chance.below(8));
        match dependencies {
            [] => text.push_str("dependencies: []\n"),
            [one] if chance.one_in(2) => {
                let _ = writeln!(text, "dependencies: [{one}]");
            }
            several => {
                text.push_str("dependencies:\n");
                several.iter().for_each(|id| text.push_str(&format!("  - {id}\n")));
            }
        }
        if chance.one_in(3) {
            let _ = writeln!(text, "conductor_workspace: {}-wave{wave}-1", code.to_lowercase());
        }
        if chance.one_in(4) {
            text.push_str("test_results:\n  status: passed\n  coverage: null\n  last_run: null\n");
        }
        if chance.one_in(8) {
            let _ = writeln!(text, "estimated_minutes: {}", 10 + chance.below(200));
        }
        text.push_str("---\n");
        text + &self.body(5_000)
    }

    fn feature_file(
        &mut self,
        code: &str,
        folder: &str,
        ids: &[String],
        status: &str,
        wave_of: impl Fn(usize) -> usize,
    ) -> io::Result<()> {
        let mut text = format!("id: FEAT-{code}\nname: {}\nstatus: {status}\ntasks:\n", self.chance.words(4));
        for id in ids {
            let _ = write!(
                text,
                "- id: {id}\n  name: {}\n  file_path: {folder}/{id}.md\n  complexity: 4\n  dependencies: []\n  status: \
                 {status}\n  implementation_mode: task-work\n  estimated_minutes: 60\n",
                self.chance.words(5)
            );
        }
        text.push_str("orchestration:\n  parallel_groups:\n");
        for (at, id) in ids.iter().enumerate() {
            let first = at == 0 || wave_of(at) != wave_of(at - 1);
            let _ = writeln!(text, "  {} - {id}", if first { "-" } else { " " });
        }
        self.write(&format!(".guardkit/features/FEAT-{code}.yaml"), &text)
    }

    fn gsd_phase(&mut self, number: usize, end: usize) -> io::Result<()> {
        let plans = (3 + self.chance.below(6)).min(end - self.tasks);
        let phase = format!("{number:02}-{}", self.chance.words(2).replace(' ', "-"));
        let folder = format!(".planning/phases/{phase}");
        for plan in 1..=plans {
            let text = self.gsd_plan(&phase, plan);
            self.write(&format!("{folder}/{number:02}-{plan:02}-PLAN.md"), &text)?;
            if !self.chance.one_in(8) {
                let summary = format!("---\nphase: {phase}\nplan: {plan:02}\nstatus: done\n---\n{}", self.body(6_000));
                self.write(&format!("{folder}/{number:02}-{plan:02}-SUMMARY.md"), &summary)?;
            }
            self.tasks += 1;
        }
        for document in ["CONTEXT", "RESEARCH", "VERIFICATION"] {
            let text = format!("# {document}\n{}", self.body(9_000));
            self.write(&format!("{folder}/{number:02}-{document}.md"), &text)?;
        }
        Ok(())
    }

    fn gsd_plan(&mut self, phase: &str, plan: usize) -> String {
        let wave = plan.div_ceil(2);
        let mut text = format!("---\nphase: {phase}\nplan: {plan:02}\ntype: execute\nwave: {wave}\n");
        match plan {
            1 | 2 => text.push_str("depends_on: []\n"),
            _ => text.push_str(&format!("depends_on: ['{:02}']\n", plan - 2)),
        }
        text.push_str("files_modified:\n");
        for at in 0..2 + self.chance.below(5) {
            let _ = writeln!(text, "  - apps/{}/{plan}-{at}.ts", self.chance.pick(&WORDS));
        }
        text.push_str("autonomous: true\n\nmust_haves:\n  truths:\n");
        for _ in 0..4 {
            let _ = writeln!(text, "    - '{}'", self.chance.words(8));
        }
        text.push_str("  artifacts:\n");
        for _ in 0..4 {
            let path = self.chance.pick(&WORDS);
            let _ = write!(
                text,
                "    - path: 'apps/{path}.ts'\n      provides: '{}'\n      contains: '{path}'\n      min_lines: 20\n",
                self.chance.words(4)
            );
        }
        let _ = write!(
            text,
            "---\n\n<objective>\n{}.\n\nPurpose: {}.\n</objective>\n",
            self.chance.words(12),
            self.chance.words(9)
        );
        text + &self.body(9_000)
    }

    /// Backlog.md: 25 tasks a milestone, and 40 without one.
    fn backlog(&mut self, end: usize) -> io::Result<()> {
        self.write("backlog/config.yml", "project_name: Made\nstatuses: [\"To Do\", \"In Progress\", \"Done\"]\n")?;
        let begin = self.tasks;
        while self.tasks < end {
            let number = self.tasks - begin + 1;
            let milestone = (number > 40).then(|| (number - 41) / 25 + 1);
            if let Some(milestone) = milestone.filter(|_| (number - 41).is_multiple_of(25)) {
                let text = format!("---\nid: m-{milestone}\ntitle: \"{}\"\n---\n", self.chance.words(3));
                self.write(&format!("backlog/milestones/m-{milestone}.md"), &text)?;
            }
            let (folder, status) = match self.chance.below(10) {
                0..2 => ("tasks", "To Do"),
                2 => ("tasks", "In Progress"),
                _ => ("completed", "Done"),
            };
            let text = self.backlog_task(number, status, milestone);
            let slug = self.chance.words(4).replace(' ', "-");
            self.write(&format!("backlog/{folder}/back-{number} - {slug}.md"), &text)?;
            self.tasks += 1;
        }
        Ok(())
    }

    fn backlog_task(&mut self, number: usize, status: &str, milestone: Option<usize>) -> String {
        let assignee = if self.chance.one_in(20) { "assignee: @somebody" } else { "assignee:\n  - '@somebody'" };
        let mut text = format!(
            "---\nid: BACK-{number}\ntitle: {}\nstatus: {status}\n{assignee}\ncreated_date: '2026-05-08 14:29'\n\
             updated_date: '2026-07-08 19:55'\nlabels:\n  - {}\n",
            self.chance.words(6),
            self.chance.pick(&WORDS)
        );
        if let Some(milestone) = milestone {
            let _ = writeln!(text, "milestone: m-{milestone}");
        }
        match number % 25 {
            2 | 3 | 7 => text.push_str(&format!("dependencies:\n  - BACK-{}\n", number - 1)),
            _ => text.push_str("dependencies: []\n"),
        }
        if self.chance.one_in(3) {
            text.push_str("modified_files:\n");
            for at in 0..1 + self.chance.below(4) {
                let _ = writeln!(text, "  - src/{}/{number}-{at}.ts", self.chance.pick(&WORDS));
            }
        }
        let _ = write!(text, "priority: {}\nordinal: {number}000\n---\n", self.chance.pick(&["high", "medium", "low"]));
        text + &self.body(3_200)
    }

    /// A body of about so many bytes.
    fn body(&mut self, about: usize) -> String {
        let wanted = about / 2 + self.chance.below(about);
        let mut text = format!("\n# {}\n\n## Description\n\n", self.chance.words(5));
        while text.len() < wanted {
            let line = self.chance.words(12);
            match self.chance.below(8) {
                0 => text.push_str(&format!("\n## {line}\n\n")),
                1 => text.push_str(&format!("- [ ] {line}\n")),
                _ => text.push_str(&format!("{line}\n")),
            }
        }
        text
    }
}
