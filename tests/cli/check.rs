//! `feature-build check`.

use serde_json::{Value, json};

use crate::workspace::{Workspace, assert_fits, task};

fn with_problems() -> Workspace {
    let workspace = Workspace::with_everything();
    // Two characters outside the basic plane stand before the reference: each is two UTF-16 units, and four bytes.
    workspace.write(
        "tasks/backlog/f/TASK-007.md",
        &task("TASK-007", "wave: 1\nstatus: backlog\ndependencies: [\"😀😀\", TASK-002]"),
    );
    workspace
        .write("tasks/backlog/f/TASK-008.md", &task("TASK-008", "wave: 2\nstatus: backlog\nblocked_by: [TASK-009]"));
    workspace
        .write("tasks/backlog/f/TASK-009.md", &task("TASK-009", "wave: 2\nstatus: backlog\nblocked_by: [TASK-008]"));
    workspace.write("tasks/completed/f/TASK-011.md", &task("TASK-011", "wave: 1\ndependencies: [gone]"));
    workspace
}

#[test]
fn people_see_each_problem_with_its_place() {
    let printed = with_problems().run(&["check", "--all"]);
    assert_eq!((printed.code, printed.err.as_str()), (1, ""));
    insta::assert_snapshot!("text", printed.out);
}

#[test]
fn machines_get_what_the_schema_says() {
    let workspace = with_problems();
    let check = workspace.json(&["check", "--all", "--format", "json"]);
    assert_fits(&workspace, "check", &check);
    let of = |file: &str| -> Vec<&Value> {
        check["problems"].as_array().unwrap().iter().filter(|problem| problem["file"] == file).collect()
    };
    let (emoji, same_wave) = (of("tasks/backlog/f/TASK-007.md")[0], of("tasks/backlog/f/TASK-007.md")[1]);
    assert_eq!((&emoji["code"], &emoji["severity"]), (&json!("unknown-dependency"), &json!("error")));
    assert_eq!(same_wave["code"], "dependency-not-earlier");
    assert_eq!(
        same_wave["range"],
        json!({ "start": { "line": 6, "character": 23 }, "end": { "line": 6, "character": 31 } })
    );
    assert_eq!(same_wave["related"][0]["file"], "tasks/backlog/f/TASK-002.md");
    assert_eq!(same_wave["related"][0]["range"]["start"], json!({ "line": 4, "character": 6 }));
    assert_eq!(of("tasks/completed/f/TASK-011.md")[0]["severity"], "information");
}

/// In every format: nobody can do anything about it.
#[test]
fn what_concerns_finished_work_is_told_where_it_is_asked_for() {
    let workspace = with_problems();
    let printed = workspace.run(&["check"]);
    assert!(!printed.out.contains("information["), "{}", printed.out);
    assert!(printed.out.ends_with(" (1 about finished work: --all)\n"), "{}", printed.out);
    assert_eq!(workspace.run(&["check", "tasks/completed"]).out, "no problems (1 about finished work: --all)\n");
    let number = |arguments: &[&str]| workspace.json(arguments)["problems"].as_array().unwrap().len();
    let (some, all) = (number(&["check", "--format", "json"]), number(&["check", "--all", "--format", "json"]));
    assert_eq!(some + 1, all);
}

#[test]
fn github_gets_annotations() {
    let printed = with_problems().run(&["check", "--all", "--format", "github", "tasks/backlog/f/TASK-010.md"]);
    assert_eq!(printed.code, 1);
    insta::assert_snapshot!("github", printed.out);
}

#[test]
fn only_errors_fail() {
    let clean = Workspace::new(&[("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: backlog"))]);
    let printed = clean.run(&["check"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, "no problems\n"));
    clean.write("tasks/backlog/f/TASK-2.md", &task("TASK-2", "wave: 1\nstatus: backlog\ndependencies: [TASK-1]"));
    let printed = clean.run(&["check"]);
    assert!(printed.out.contains("warning[dependency-not-earlier]"), "{}", printed.out);
    assert_eq!(printed.code, 0);
    clean.write("tasks/backlog/f/TASK-3.md", &task("TASK-3", "wave: 2\nstatus: backlog\ndependencies: [gone]"));
    assert_eq!(clean.run(&["check"]).code, 1);
}

#[test]
fn paths_restrict_the_report_and_the_exit_code() {
    let workspace = with_problems();
    let printed = workspace.run(&["check", "--all", "tasks/completed"]);
    assert_eq!(printed.code, 0);
    assert!(printed.out.ends_with("1 for information in 1 file\n"), "{}", printed.out);
    let printed = workspace.run(&["check", "nowhere"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("looking for nowhere"), "{}", printed.err);
    let printed = workspace.run(&["check", "/"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("lies outside of the workspace"), "{}", printed.err);
}

#[test]
fn a_broken_configuration_is_a_problem() {
    let workspace = Workspace::new(&[("feature-build.yaml", "task_comands: true\n")]);
    let check = workspace.json(&["check", "--format", "json"]);
    assert_eq!(check["problems"][0]["code"], "invalid-configuration");
    assert_eq!(workspace.run(&["check"]).code, 1);
}

/// Root reads whatever it likes, and so finds nothing that it cannot read: another user looks, with a copy of the program
/// where that one may go.
fn as_nobody(workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, String, String) {
    use std::os::unix::fs::PermissionsExt as _;
    let program = workspace.path().join("feature-build");
    if !program.exists() {
        // By a process of its own: what another thread starts in the meantime has all open files for a moment, and no system
        // starts a program that somebody may write to (ETXTBSY).
        let binary = env!("CARGO_BIN_EXE_feature-build");
        assert!(std::process::Command::new("cp").arg(binary).arg(&program).status().unwrap().success());
        std::fs::set_permissions(workspace.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command
    } else {
        std::process::Command::new(&program)
    };
    let output =
        command.arg("-C").arg(workspace.path()).args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_cannot_be_read_is_told_and_no_wave_starts_as_if_it_were_not_there() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    type Spoil = fn(&std::path::Path);
    let lock: Spoil = |path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let cases: [(&str, Spoil, &str); 6] = [
        ("tasks/backlog/f/TASK-1.md", lock, "Permission denied"),
        ("tasks/backlog/f", lock, "it cannot be listed: Permission denied"),
        ("tasks/backlog/f/TASK-3.md", |path| symlink("/nowhere.md", path).unwrap(), "it is a link that leads nowhere"),
        (
            "tasks/backlog/f/TASK-4.md",
            |path| symlink("/etc/passwd", path).unwrap(),
            "it is a link that leads out of the workspace",
        ),
        ("tasks/more", |path| symlink("../elsewhere", path).unwrap(), "it is a link to a folder"),
        (
            "tasks/backlog/f/TASK-5.md",
            |path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
            "it is no file that can be read",
        ),
    ];
    for (file, spoil, why) in cases {
        let workspace = Workspace::new(&[
            ("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: backlog")),
            ("tasks/backlog/g/TASK-2.md", &task("TASK-2", "wave: 2\nstatus: backlog")),
            ("elsewhere/TASK-6.md", &task("TASK-6", "wave: 1\nstatus: backlog")),
        ]);
        workspace.write("feature-build.yaml", "run: {command: [\"true\"]}\n");
        let path = workspace.path().join(file);
        spoil(&path);
        let (code, out, _) = as_nobody(&workspace, &["check"]);
        assert_eq!(code, Some(1), "{file}: {out}");
        assert!(
            out.contains(&format!("{file}:1:1: error[unreadable]: it cannot be read, so no wave is started: ")),
            "{out}"
        );
        assert!(out.contains(why), "{why}: {out}");
        for arguments in [&["run", "--trust"][..], &["run", "--wave", "2", "--trust"], &["run", "--next", "--trust"]] {
            let (code, out, error) = as_nobody(&workspace, arguments);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{file}: {error}");
            assert!(error.contains(file) && error.contains("no wave is started"), "{error}");
        }
        let (_, out, error) = as_nobody(&workspace, &["waves"]);
        assert!(out.contains("TASK-2") && error.contains(file), "{out}{error}");
        if file.ends_with("/f") || file.ends_with("-1.md") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let (code, out, _) = as_nobody(&workspace, &["check"]);
        assert_eq!((code, out.as_str()), (Some(0), "no problems\n"), "{file}");
    }
}

/// What stands beside tasks and cannot be read: a summary could say that the plan is done.
#[test]
fn a_summary_or_a_milestone_that_cannot_be_read_is_told() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    type Spoil = fn(&std::path::Path);
    let lock: Spoil = |path| {
        std::fs::write(path, "---\nstatus: complete\n---\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    let out_of: Spoil = |path| symlink("/etc/passwd", path).unwrap();
    let nowhere: Spoil = |path| symlink("nowhere.md", path).unwrap();
    let summary = ".planning/phases/01-a/01-01-SUMMARY.md";
    let cases = [
        (summary, lock, "Permission denied"),
        (summary, out_of, "a link leads from it to /etc/passwd, out of the workspace"),
        (summary, nowhere, "it is a link that leads nowhere"),
        ("backlog/milestones/m-1 - One.md", lock, "Permission denied"),
        ("backlog/milestones/m-1 - One.md", out_of, "a link leads from it to /etc/passwd, out of the workspace"),
        ("backlog/milestones/m-1 - One.md", nowhere, "No such file"),
        ("backlog/milestones", |path| symlink("/etc", path).unwrap(), "a link leads out of the workspace there"),
    ];
    for (file, spoil, why) in cases {
        let workspace = Workspace::new(&[
            (
                ".planning/phases/01-a/01-01-PLAN.md",
                "---\nphase: 01-a\nplan: 01\n---\n<objective>\nDo it.\n</objective>\n",
            ),
            ("backlog/tasks/task-1 - One.md", "---\nid: task-1\ntitle: One\nstatus: To Do\n---\n"),
            ("feature-build.yaml", "run: {command: [\"true\"]}\n"),
        ]);
        let path = workspace.path().join(file);
        if file.ends_with(".md") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        spoil(&path);
        let (code, out, _) = as_nobody(&workspace, &["check"]);
        let is_of_plan = file == summary;
        let told = if is_of_plan {
            format!(".planning/phases/01-a/01-01-PLAN.md:3:7: error[unreadable]: its summary {file} cannot be read")
        } else {
            format!("{file}:1:1: warning[unreadable]: ")
        };
        assert!(out.contains(&told) && out.contains(why), "{told} {why}: {out}");
        assert_eq!(code, Some(i32::from(is_of_plan)), "{file}: {out}");
        let (_, out, error) = as_nobody(&workspace, &["waves"]);
        assert_eq!(out.contains("unrunnable"), is_of_plan, "{file}: {out}{error}");
        std::fs::remove_file(&path).unwrap();
        let (code, out, _) = as_nobody(&workspace, &["check"]);
        assert_eq!((code, out.as_str()), (Some(0), "no problems\n"), "{file}");
    }
}

#[test]
fn utf16_a_byte_order_mark_cr_alone_and_a_link_inside_are_read() {
    let text = |id: &str| task(id, "wave: 1\nstatus: backlog\ndependencies: [gone]");
    let workspace = Workspace::new(&[("tasks/backlog/f/T-0.md", &text("T-0")), ("notes/T-6.md", &text("T-6"))]);
    let write = |id: &str, bytes: &[u8]| {
        std::fs::write(workspace.path().join(format!("tasks/backlog/f/{id}.md")), bytes).unwrap();
    };
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    // Longer than what is read of a file at once.
    let long = text("T-1") + &"A line of the body.\n".repeat(1000);
    write("T-1", &[&[0xff, 0xfe], &*utf16(&long, u16::to_le_bytes)].concat());
    write("T-2", &[&[0xfe, 0xff], &*utf16(&text("T-2"), u16::to_be_bytes)].concat());
    write("T-3", &utf16(&text("T-3"), u16::to_le_bytes));
    write("T-4", (text("T-4") + &"A line of the body.\n".repeat(1000)).replace('\n', "\r").as_bytes());
    write("T-5", format!("\u{feff}{}", text("T-5")).as_bytes());
    std::os::unix::fs::symlink("../../../notes/T-6.md", workspace.path().join("tasks/backlog/f/T-6.md")).unwrap();
    let check = workspace.json(&["check", "--format", "json"]);
    let problems = check["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 7, "{check:#}");
    for (at, problem) in problems.iter().enumerate() {
        assert_eq!(problem["file"], format!("tasks/backlog/f/T-{at}.md"));
        assert_eq!(problem["code"], "unknown-dependency");
        let range = json!({ "start": { "line": 6, "character": 15 }, "end": { "line": 6, "character": 19 } });
        assert_eq!(problem["range"], range, "T-{at}: places count in what is read");
    }
    let waves = workspace.json(&["waves", "--format", "json"]);
    let tasks = waves["features"][0]["waves"][0]["tasks"].as_array().unwrap();
    let titles: Vec<&str> = tasks.iter().map(|task| task["title"].as_str().unwrap()).collect();
    assert_eq!(titles, (0..7).map(|at| format!("Title of T-{at}")).collect::<Vec<_>>());
}

#[test]
fn a_program_that_is_not_there_is_told_before_a_run() {
    let workspace = Workspace::new(&[("tasks/backlog/f/T-1.md", &task("T-1", "wave: 1\nstatus: backlog"))]);
    workspace.write(
        "feature-build.yaml",
        "run: {command: [sh, -c, \"true\"]}\nverify:\n  - no-such-verifier --all\n  - ./made-by-a-task\n",
    );
    let printed = workspace.run(&["check"]);
    assert_eq!(printed.code, 0);
    let told = "`no-such-verifier`, the program of verify, is not found on PATH: tasks would fail there";
    assert_eq!(printed.out, format!("feature-build.yaml:3:5: warning[missing-program]: {told}\n1 warning in 1 file\n"));
    let refused = workspace.run(&["run"]);
    assert!(
        refused.err.starts_with(&format!("feature-build: {told}\n")),
        "before the question of trust: {}",
        refused.err
    );
    workspace.write("feature-build.yaml", "agent: aider\n");
    let mut command = workspace.command(&["check"]);
    let output = command.env("PATH", "/nowhere").output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("warning[missing-program]: `aider`, the program of agent aider, is not found"), "{out}");
}
