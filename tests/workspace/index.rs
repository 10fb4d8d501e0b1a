use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feature_build::task::{Code, Severity, TaskId};
use feature_build::workspace::{Command, Config};
use proptest::prelude::*;

use super::{Workspace, everything, feature_ids, states};

const A: &str = "---\nid: A\ntitle: First\nstatus: backlog\nfeature_id: F\nwave: 1\n---\n# A\n";
const B: &str = "---\nid: B\nstatus: backlog\nfeature_id: F\nwave: 2\ndependencies: [A]\n---\n# Second\n";

fn two_tasks() -> Workspace {
    Workspace::new(&[("tasks/backlog/f/A.md", A), ("tasks/backlog/f/B.md", B)])
}

#[test]
fn reads_tasks_features_and_waves() {
    let workspace = two_tasks();
    let index = workspace.index();
    assert_eq!(feature_ids(&index), ["F"]);
    assert_eq!(states(&index), ["A: ready", "B: waiting"]);
    assert_eq!(&*index.task(Path::new("tasks/backlog/f/B.md")).unwrap().title, "Second");
    assert_eq!(&**index.file_of("A").unwrap(), Path::new("tasks/backlog/f/A.md"));
    assert_eq!(&*index.feature_of(&workspace.root().join("tasks/backlog/f/A.md")).unwrap().id, "F");
}

#[test]
fn folders_are_read_though_hidden_or_ignored_and_documents_are_not() {
    let workspace = two_tasks();
    workspace.write(".gitignore", "tasks/\n.planning/\n");
    workspace.write(".git/HEAD", "");
    workspace.write(".planning/phases/01-x/01-01-PLAN.md", "---\nphase: 01-x\nplan: 01\nwave: 1\n---\n# Plan\n");
    workspace.write(".planning/phases/01-x/01-01-RESEARCH.md", "---\nphase: 01-x\nplan: 01\n---\n");
    workspace.write("tasks/backlog/f/README.md", A);
    workspace.write("tasks/backlog/f/notes.md", "# Notes\n");
    workspace.write("tasks/backlog/f/agent.md", "---\nname: some-agent\ndescription: x\n---\n");
    workspace.write("docs/C.md", A);
    assert_eq!(states(&workspace.index()), ["01-01: ready", "A: ready", "B: waiting"]);
}

#[test]
fn what_is_copied_from_and_what_is_written_about_a_task_is_no_task() {
    let workspace = two_tasks();
    workspace.write("tasks/templates/task.md", "---\nid: TASK-001\nwave: 1\n---\n");
    workspace.write("tasks/backlog/f/A-SUMMARY.md", A);
    workspace.write("tasks/backlog/f/A_RESEARCH.md", A);
    workspace.write("tasks/backlog/templates/T.md", "---\nid: T\nfeature_id: F\nwave: 1\n---\n");
    assert_eq!(states(&workspace.index()), ["A: ready", "T: ready", "B: waiting"]);
}

#[test]
fn an_own_glob_takes_a_readme_only_where_it_names_it() {
    let task = "---\nid: A\nstatus: open\n---\n";
    let read = |glob: &str| {
        let config = format!("own:\n  files: ['{glob}']\n");
        let files = [("feature-build.yaml", config.as_str()), ("work/a/README.md", task)];
        Workspace::new(&files).index().features().count()
    };
    assert_eq!((read("work/**/*.md"), read("work/*/README.md")), (0, 1));
}

#[test]
fn a_file_whose_id_is_lost_is_told_of_instead_of_passed_over() {
    let own = "own:\n  files: [work/*.md]\n";
    for id in ["@TASK-1", "[", "[A, B]", ""] {
        for file in ["tasks/backlog/f/x.md", "work/x.md", "backlog/tasks/task-x.md"] {
            let text = format!("---\nid: {id}\nwave: 1\nstatus: backlog\n---\n# X\n");
            // An empty id alone may be anybody's; one that cannot be read was meant.
            let text = if id.is_empty() { text } else { text.replace("status: backlog\n", "") };
            let workspace = Workspace::new(&[("feature-build.yaml", own), (file, &text)]);
            let index = workspace.index();
            assert!(index.task(Path::new(file)).is_some(), "{file}: {text}");
            let has_error = index.problems(Path::new(file)).iter().any(|problem| problem.severity == Severity::Error);
            assert!(has_error, "{file}: {text}");
        }
    }
}

#[test]
fn tasks_without_a_folder_of_their_own_are_one_feature() {
    let task = |id: &str| format!("---\nid: {id}\nwave: 1\n---\n");
    let files = [("tasks/A.md", task("A")), ("tasks/B.md", task("B")), ("tasks/backlog/C.md", task("C"))];
    let workspace = Workspace::new(&files.each_ref().map(|(file, text)| (*file, text.as_str())));
    assert_eq!(feature_ids(&workspace.index()), ["C", "tasks"]);
}

#[cfg(unix)]
#[test]
fn links_never_lead_out_of_the_root() {
    use std::os::unix::fs::symlink;
    let outside = Workspace::new(&[("x/A.md", A), ("y/B.md", B)]);
    let workspace = Workspace::new(&[("tasks/backlog/C.md", "---\nid: C\n---\n")]);
    symlink(outside.root().join("x"), workspace.root().join("tasks/linked")).unwrap();
    symlink(outside.root().join("y/B.md"), workspace.root().join("tasks/backlog/B.md")).unwrap();
    symlink(outside.root(), workspace.root().join(".planning")).unwrap();
    let mut index = workspace.index();
    index.reload(Path::new("tasks/linked/A.md"));
    index.reload(Path::new("tasks/backlog/B.md"));
    index.reload(Path::new("tasks/linked"));
    assert_eq!(states(&index), ["C: ready"]);
}

#[test]
fn an_open_editors_text_counts_until_it_closes() {
    let workspace = two_tasks();
    let mut index = workspace.index();
    let file = Path::new("tasks/backlog/f/A.md");
    let changed = index.set_text(file, Some(A.replace("status: backlog", "status: completed").into()));
    assert_eq!(states(&index), ["A: done", "B: ready"]);
    assert_eq!(changed.features.iter().map(|id| &**id).collect::<Vec<_>>(), ["F"]);
    index.reload(file);
    assert_eq!(states(&index), ["A: done", "B: ready"], "the disk does not count while the editor is open");
    index.set_text(file, None);
    assert_eq!(states(&index), ["A: ready", "B: waiting"]);
}

#[test]
fn an_edit_that_changes_nothing_of_the_plan_touches_nothing() {
    let workspace = two_tasks();
    let mut index = workspace.index();
    let text: Arc<str> = format!("{A}\nmore body\n").into();
    let changed = index.set_text(Path::new("tasks/backlog/f/A.md"), Some(text));
    assert_eq!(changed, Default::default());
}

#[test]
fn files_and_folders_come_and_go() {
    let workspace = two_tasks();
    let mut index = workspace.index();
    workspace.write("tasks/backlog/g/C.md", "---\nid: C\nfeature_id: G\n---\n");
    index.reload(Path::new("tasks/backlog/g/C.md"));
    assert_eq!(feature_ids(&index), ["F", "G"]);
    workspace.remove("tasks/backlog/f/A.md");
    index.reload(Path::new("tasks/backlog/f/A.md"));
    assert_eq!(index.problems(Path::new("tasks/backlog/f/B.md"))[0].code, Code::UnknownDependency);
    std::fs::rename(workspace.root().join("tasks/backlog/f"), workspace.root().join("tasks/backlog/h")).unwrap();
    index.reload(Path::new("tasks/backlog/f"));
    index.reload(&workspace.root().join("tasks/backlog/h"));
    assert_eq!(everything(&index), everything(&workspace.index()));
}

#[test]
fn a_summary_ends_a_plan() {
    let plan = "---\nphase: 12-x\nplan: 05\nwave: 1\n---\n<objective>\nDo it well. Then rest.\n</objective>\n";
    let workspace = Workspace::new(&[(".planning/phases/12-x/12-PLAN-05.md", plan)]);
    let mut index = workspace.index();
    assert_eq!(states(&index), ["12-05: ready"]);
    assert_eq!(&*index.task(Path::new(".planning/phases/12-x/12-PLAN-05.md")).unwrap().title, "Do it well");
    workspace.write(".planning/phases/12-x/12-05-SUMMARY.md", "# Done\n");
    assert!(index.concerns(Path::new(".planning/phases/12-x/12-05-SUMMARY.md")));
    index.reload(Path::new(".planning/phases/12-x/12-05-SUMMARY.md"));
    assert_eq!(states(&index), ["12-05: done"]);
}

#[test]
fn what_an_agent_of_ours_claimed_is_not_claimed_by_somebody_else() {
    let task = |id: &str| format!("---\nid: {id}\nstatus: In Progress\n---\n");
    let workspace = Workspace::new(&[
        ("backlog/tasks/task-1 - x.md", &task("task-1")),
        ("backlog/tasks/task-2 - y.md", &task("task-2")),
    ]);
    let mut index = workspace.index();
    assert_eq!(states(&index), ["task-1: claimed", "task-2: claimed"]);
    index.set_tried(["task-2"].map(|id| TaskId::new(id).unwrap()).into());
    assert_eq!(states(&index), ["task-1: claimed", "task-2: ready"]);
}

#[test]
fn a_plan_is_named_by_its_objective() {
    let title = |body: &str| {
        let plan = format!("---\nphase: 12-x\nplan: 05\n---\n{body}");
        let workspace = Workspace::new(&[(".planning/phases/12-x/12-PLAN-05.md", &plan)]);
        workspace.index().task(Path::new(".planning/phases/12-x/12-PLAN-05.md")).unwrap().title.to_string()
    };
    let objective = "<objective>\nDo it well. Then rest.\n</objective>\n";
    let long = "x ".repeat(8_000);
    let context = "<context>\n\n# Prior plans\n\n</context>\n";
    assert_eq!(title(&format!("\n{objective}\n{context}")), "Do it well", "a heading behind it is one of its context");
    assert_eq!(title(&format!("\n# Phase 12: all of it\n\n{objective}")), "Do it well");
    assert_eq!(title(&format!("{context}{objective}")), "Do it well");
    assert_eq!(title(&format!("```\n# no heading\n```\n{long}\n{objective}")), "Do it well");
    assert_eq!(title(&format!("<objective>\n\n</objective>\n\n{long}\n\nIn the end\n==========")), "In the end");
    assert_eq!(title("no objective\n"), "12-05");
    for quoted in
        ["The `<objective>` tag is told of.", "<!-- <objective> old </objective> -->", "```\n<objective>\n```"]
    {
        assert_eq!(title(&format!("{quoted}\n\n# What it is\n\n{long}")), "What it is");
    }
    assert_eq!(title(&objective.replace(". Then rest.", "\n\nPurpose: more").replace('\n', "\r\n")), "Do it well");
}

/// Of a file 4,096 bytes are read first.
#[test]
fn a_line_that_begins_as_the_end_of_the_frontmatter_is_none_wherever_reading_stops() {
    for at in 4_090..4_100 {
        let begin = "---\nid: TASK-1\ntitle: T\n# ";
        let text = format!("{begin}{}\n---more\nwave: 7\n---\n", "x".repeat(at - begin.len()));
        let workspace = Workspace::new(&[("tasks/backlog/f/TASK-1.md", &text)]);
        let wave = workspace.index().task(Path::new("tasks/backlog/f/TASK-1.md")).unwrap().wave.clone();
        assert_eq!(wave.unwrap().value.to_string(), "7", "{at}");
    }
}

#[test]
fn backlogs_configuration_names_its_statuses_and_milestones() {
    let task = |id: &str, status: &str, more: &str| {
        format!("---\nid: {id}\ntitle: T\nstatus: {status}\nassignee: @me\ndependencies: []\n{more}---\n")
    };
    let workspace = Workspace::new(&[
        ("backlog/config.yml", "task_prefix: back\nstatuses: [\"To Do\", \"Shipped\"]\n"),
        ("backlog/milestones/m-1 - one.md", "---\nid: m-1\ntitle: \"First light\"\n---\n"),
        ("backlog/tasks/back-1 - x.md", &task("BACK-1", "shipped", "")),
        ("backlog/tasks/back-2 - y.md", &task("BACK-2", "Done", "milestone: m-1\n")),
        ("backlog/archive/tasks/back-3 - z.md", &task("BACK-3", "To Do", "milestone: First Light\n")),
    ]);
    let mut index = workspace.index();
    let mut found = states(&index);
    found.sort();
    assert_eq!(found, ["BACK-1: done", "BACK-2: ready", "BACK-3: dropped"]);
    let milestone = index.feature("m-1").unwrap();
    assert_eq!(&*milestone.title, "First light");
    assert_eq!(milestone.waves.iter().map(|wave| wave.tasks.len()).sum::<usize>(), 2);
    assert!(index.all_problems().is_empty(), "an `assignee: @me` does not matter");

    workspace.write("backlog/config.yml", "task_prefix: BACK\nstatuses: [\"To Do\", \"Done\"]\n");
    index.reload(Path::new("backlog/config.yml"));
    assert_eq!(everything(&index), everything(&workspace.index()));
}

#[test]
fn a_dialect_of_ones_own_is_read_as_the_configuration_says() {
    let workspace = Workspace::new(&[
        (
            "feature-build.yaml",
            "own:\n  files: ['work/**/*.md']\n  keys:\n    id: ticket\n    wave: stage\n    depends_on: after\n",
        ),
        ("work/a/1.md", "---\nticket: T-1\nstage: 1\n---\n# One\n"),
        ("work/a/2.md", "---\nticket: T-2\nstage: 2\nafter: [T-1]\n---\n# Two\n"),
        ("work/ignored/3.md", "---\nticket: T-3\n---\n"),
        (".gitignore", "ignored/\n"),
    ]);
    let mut index = workspace.index();
    assert_eq!(states(&index), ["T-1: ready", "T-2: waiting"]);
    index.reload(Path::new("work/ignored/3.md"));
    index.reload(Path::new("work/ignored"));
    assert_eq!(states(&index), ["T-1: ready", "T-2: waiting"], "git ignores it");
    workspace.write("work/a/4.md", "---\nticket: T-4\nstage: 1\n---\n");
    index.reload(Path::new("work/a/4.md"));
    assert_eq!(states(&index), ["T-1: ready", "T-4: ready", "T-2: waiting"]);
    workspace.write("feature-build.yaml", "dialect: gsd\n");
    index.reload(Path::new("feature-build.yaml"));
    assert_eq!(states(&index), Vec::<String>::new());
}

#[test]
fn a_broken_configuration_is_a_problem_and_the_last_good_one_stays() {
    let workspace = two_tasks();
    workspace.write("feature-build.yaml", "run:\n  command: make\n");
    let mut index = workspace.index();
    workspace.write("feature-build.yaml", "run:\n  comand: make\n");
    let changed = index.reload(Path::new("feature-build.yaml"));
    let problems = index.problems(Path::new("feature-build.yaml"));
    assert_eq!((problems[0].code, problems[0].severity), (Code::InvalidConfiguration, Severity::Error));
    assert!(changed.files.contains(Path::new("feature-build.yaml")));
    assert_eq!(index.config().run.command, Some(Command::Line("make".into())));
    assert_eq!(states(&index), ["A: ready", "B: waiting"]);
    workspace.remove("feature-build.yaml");
    index.reload(Path::new("feature-build.yaml"));
    assert_eq!((&**index.config(), index.all_problems().len()), (&Config::default(), 0));
}

#[test]
fn a_tasks_own_command_is_told_to_be_ignored() {
    let text = A.replace("wave: 1", "wave: 1\nrun: [make, it]");
    let workspace = Workspace::new(&[("tasks/backlog/f/A.md", &text)]);
    let mut index = workspace.index();
    assert_eq!(index.problems(Path::new("tasks/backlog/f/A.md"))[0].code, Code::IgnoredKey);
    workspace.write("feature-build.yaml", "task_commands: true\n");
    index.reload(Path::new("feature-build.yaml"));
    assert_eq!(index.all_problems(), []);
}

#[test]
fn a_passed_task_counts_as_done() {
    let workspace = two_tasks();
    let mut index = workspace.index();
    let changed = index.set_passed([TaskId::new("A").unwrap()].into());
    assert_eq!(states(&index), ["A: done", "B: ready"]);
    assert_eq!(changed.features.len(), 1);
}

/// Reading all of such a file would take far longer than this generous limit, and its memory.
#[test]
fn large_files_are_read_only_as_far_as_needed() {
    let workspace = two_tasks();
    let body = "x y z ".repeat(50 << 20 >> 3);
    workspace.write("tasks/backlog/f/C.md", format!("---\nid: C\nfeature_id: F\n---\n{body}"));
    workspace.write("tasks/backlog/f/D.md", format!("---\nid: D\nfeature_id: F\n{}", "key: value\n".repeat(4 << 20)));
    let started = Instant::now();
    let index = workspace.index();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(&*index.task(Path::new("tasks/backlog/f/C.md")).unwrap().title, "C");
    assert_eq!(index.problems(Path::new("tasks/backlog/f/D.md"))[0].code, Code::InvalidFrontmatter);
}

/// One edit of a random history.
#[derive(Debug, Clone)]
struct Edit {
    file: usize,
    text: Option<String>,
    in_editor: bool,
}

const FILES: [&str; 5] = [
    "tasks/backlog/f/1.md",
    "tasks/in_progress/f/1.md",
    "tasks/completed/2.md",
    "tasks/backlog/3.md",
    ".guardkit/features/FEAT-1.yaml",
];

fn edit() -> impl Strategy<Value = Edit> {
    let task = "---\nid: T-[1-3]\n(status: (backlog|completed|deferred)\n)?(wave: [1-3x]\n)?(feature_id: F[12]\n)?(dependencies: \\[T-[1-4]\\]\n)?---\n";
    let feature = "id: F1\ntasks:\n- id: T-[1-3]\n  status: (pending|completed)\norchestration:\n  parallel_groups:\n  - \\[T-[1-3]\\]\n";
    let file = prop_oneof![(0..4_usize, task), (Just(4_usize), feature)];
    (file, any::<bool>(), any::<bool>()).prop_map(|((file, text), gone, in_editor)| Edit {
        file,
        text: (!gone).then_some(text),
        in_editor,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Promise 8 must not cost the truth: after any history the index says what a fresh one says.
    #[test]
    fn an_index_that_followed_says_what_a_fresh_one_says(edits in prop::collection::vec(edit(), 1..12)) {
        let workspace = Workspace::new(&[]);
        let mut index = workspace.index();
        for Edit { file, text, in_editor } in edits {
            let path = Path::new(FILES[file]);
            if in_editor {
                index.set_text(path, text.as_deref().map(Into::into));
                if let Some(text) = text {
                    workspace.write(FILES[file], text);
                }
            } else {
                index.set_text(path, None);
                match text {
                    Some(text) => workspace.write(FILES[file], text),
                    None => drop(std::fs::remove_file(workspace.root().join(path))),
                }
                index.reload(path);
            }
            prop_assert_eq!(everything(&index), everything(&workspace.index()));
        }
    }
}
