//! What a folder from the internet could cost before anybody has said yes: time, memory, what the system has only once.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hostile::{BINARY, Hostile, code, text, wait, wait_until};

/// What a process may have, in kilobytes: no more than it needs for threads and the program itself.
const MEMORY: u64 = 1_500_000;
/// Longer than any memory here, and no longer than a file system allows.
const HUGE: u64 = 8 << 30;

impl Hostile {
    /// Calls the program with little memory; what it starts has as little. Its exit code, and all that it said.
    fn call_with_little(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let said = self.dir.path().join("said");
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c 0; ulimit -v $0; exec \"$@\"", &MEMORY.to_string(), BINARY, "-C"]);
        command.arg(self.root()).args(arguments).env("XDG_STATE_HOME", self.state_home()).stdin(Stdio::null());
        command.stdout(File::create(&said).unwrap()).stderr(File::options().append(true).open(&said).unwrap());
        let ended = wait(&mut command.spawn().unwrap(), &arguments.join(" "));
        (ended.code(), fs::read_to_string(said).unwrap())
    }

    fn place(&self, file: &str) -> PathBuf {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        path
    }

    fn huge(&self, file: &str) {
        File::create(self.place(file)).unwrap().set_len(HUGE).unwrap();
    }

    fn pipe(&self, file: &str) {
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, self.place(file), kind, 0o600.into(), 0).unwrap();
    }

    fn link(&self, file: &str, to: &Path) {
        symlink(to, self.place(file)).unwrap();
    }
}

/// The ways to look at a workspace that start nothing.
const LOOKS: [&[&str]; 6] = [&["waves"], &["check"], &["runs"], &["status"], &["trust", "--show"], &["prune"]];

#[test]
fn no_file_of_a_workspace_is_read_to_its_end_however_long_it_is() {
    let workspace = Hostile::new();
    for file in [
        "tasks/backlog/f/T-2.md",
        ".guardkit/features/FEAT-1.yaml",
        ".planning/phases/01-x/01-01-PLAN.md",
        ".planning/phases/01-x/01-01-SUMMARY.md",
        ".planning/ROADMAP.md",
        "backlog/config.yml",
        "backlog/milestones/m-1.md",
        "backlog/tasks/task-1 - x.md",
        ".feature-build/attempts",
        ".feature-build/locks/T-1.lock",
        ".feature-build/runs/20260101-000000-aaaa/journal.jsonl",
        ".feature-build/runs/20260101-000000-aaaa/run.json",
        ".feature-build/runs/20260101-000000-aaaa/run.seal",
        ".feature-build/runs/20260101-000000-aaaa/run.lock",
        ".feature-build/runs/20260101-000000-aaaa/result.json",
        ".feature-build/runs/20260101-000000-aaaa/health",
    ] {
        workspace.huge(file);
    }
    for way in LOOKS {
        let (code, said) = workspace.call_with_little(way);
        assert!(matches!(code, Some(0 | 1)), "{way:?}: {code:?} {said}");
    }
    let (code, said) = workspace.call_with_little(&["run", "--task", "T-1", "--trust"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(workspace.has_started());
    workspace.huge("feature-build.yaml");
    for way in [&["check"][..], &["trust"], &["run", "--trust"]] {
        let (code, said) = workspace.call_with_little(way);
        assert!(matches!(code, Some(1 | 2)) && said.contains("feature-build.yaml"), "{way:?}: {code:?} {said}");
    }
}

#[test]
fn a_body_that_no_agent_reads_is_told_and_starts_nothing() {
    let workspace = Hostile::new();
    workspace.write("feature-build.yaml", "run: {command: [touch, 'started-{id}'], stdin: body}\n");
    let task = workspace.root().join("tasks/backlog/f/T-1.md");
    File::options().append(true).open(&task).unwrap().set_len(2 << 30).unwrap();
    let (ended, said) = workspace.call_with_little(&["run", "--trust"]);
    assert_eq!(ended, Some(2), "{said}");
    assert!(said.contains("T-1.md") && said.contains("longer than 16 MB"), "{said}");
    assert!(!workspace.has_started());
    // Each one could be read, and all of them are too much.
    for number in 0..40 {
        let id = format!("M-{number}");
        workspace.write(&format!("tasks/backlog/f/{id}.md"), &format!("---\nid: {id}\ntitle: T\nwave: 1\n---\n"));
        let file = workspace.root().join(format!("tasks/backlog/f/{id}.md"));
        File::options().append(true).open(file).unwrap().set_len(8 << 20).unwrap();
    }
    fs::remove_file(task).unwrap();
    let (ended, said) = workspace.call_with_little(&["run", "--trust"]);
    assert_eq!(ended, Some(2), "{said}");
    assert!(said.contains("more than 256 MB together"), "{said}");
    assert_eq!(workspace.call_with_little(&["run", "--trust", "--task", "M-1"]).0, Some(0));
}

/// What git ignores is asked of a library, which opens whatever has the name.
#[test]
fn what_says_what_git_ignores_holds_nobody() {
    type Place = fn(&Hostile, &str);
    let places: [(&str, Place); 3] = [
        ("pipe", Hostile::pipe),
        ("huge", Hostile::huge),
        ("device", |workspace, file| {
            workspace.link(file, Path::new("/dev/zero"));
        }),
    ];
    for (kind, place) in places {
        for file in [".gitignore", ".ignore", "work/.gitignore", "work/deep/.ignore", ".git", ".git/info/exclude"] {
            let workspace = Hostile::new();
            workspace.write("feature-build.yaml", "own: {files: ['work/**/*.md']}\n");
            workspace.write("work/T-9.md", "---\nid: T-9\ntitle: T\nwave: 1\n---\n");
            place(&workspace, file);
            let (code, said) = workspace.call_with_little(&["waves"]);
            assert_eq!(code, Some(0), "{kind} {file}: {said}");
            assert_eq!(said.contains("T-9"), file != "work/.gitignore", "{kind} {file}: {said}");
        }
        // A worktree's own file may lead anywhere.
        for file in ["gone/commondir", "gone/info/exclude"] {
            let workspace = Hostile::new();
            workspace.write("feature-build.yaml", "own: {files: ['work/**/*.md']}\n");
            workspace.write("work/T-9.md", "---\nid: T-9\ntitle: T\nwave: 1\n---\n");
            workspace.write(".git", "gitdir: gone\n");
            workspace.write("gone/commondir", ".\n");
            place(&workspace, file);
            let (code, said) = workspace.call_with_little(&["waves"]);
            assert!(code == Some(0) && said.contains("T-9"), "{kind} {file}: {said}");
        }
    }
}

#[test]
fn expressions_and_globs_that_cost_too_much_are_told_and_hold_nobody() {
    let workspace = Hostile::new();
    for (config, words) in [
        (format!("retry_on:\n{}", "  - '\\w{200}'\n".repeat(2000)), "too costly"),
        (format!("own: {{files: ['{}']}}\n", "{a,b}".repeat(100_000)), "longer than"),
        (format!("own: {{files: ['{}a{}']}}\n", "{".repeat(2000), "}".repeat(2000)), "is no glob"),
        (format!("{}: 1\n", "x".repeat(1000)), "unknown key"),
        (format!("agent: {}\n", "x".repeat(1_000_000)), "unknown agent"),
    ] {
        workspace.write("feature-build.yaml", &config);
        assert_eq!(workspace.call_with_little(&["waves"]).0, Some(0), "the plan does not need it");
        let (code, said) = workspace.call_with_little(&["check"]);
        assert!(code == Some(1) && said.contains(words) && said.len() < 2000, "{words}: {code:?} {}", said.len());
    }
}

#[test]
fn what_a_link_leads_out_of_the_workspace_to_is_told_and_not_read() {
    let workspace = Hostile::new();
    let out = workspace.dir.path().join("out");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("config.yml"), "statuses: [Elsewhere]\n").unwrap();
    fs::write(out.join("done.md"), "").unwrap();
    fs::write(out.join("feature-build.yaml"), "run: {command: [touch, owned]}\n").unwrap();
    workspace.write("backlog/tasks/task-1 - x.md", "---\nid: task-1\ntitle: X\nstatus: Elsewhere\n---\n");
    workspace.write(".planning/phases/01-x/01-01-PLAN.md", "---\nphase: 01-x\nplan: 01\nwave: 1\n---\n");
    workspace.link("backlog/config.yml", &out.join("config.yml"));
    workspace.link("backlog/milestones", &out);
    workspace.link(".planning/phases/01-x/01-01-SUMMARY.md", &out.join("done.md"));
    let ended = workspace.call(&["check"]);
    let said = text(&ended.stdout);
    assert!(said.contains("backlog/config.yml") && said.contains("out of the workspace"), "{said}");
    for told in [
        "backlog/milestones:1:1: warning[unreadable]",
        "error[unreadable]: its summary .planning/phases/01-x/01-01-SUMMARY.md",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let plan = text(&workspace.call(&["waves", "--format", "json"]).stdout);
    assert!(plan.contains("01-01") && !plan.contains("\"state\":\"done\""), "a summary elsewhere says nothing: {plan}");
    // Inside, a link is as good as the file.
    workspace.write("shared/config.yml", "statuses: [To Do, Elsewhere]\n");
    workspace.write("shared/done.md", "");
    workspace.link("backlog/config.yml", &workspace.root().join("shared/config.yml"));
    workspace.link(".planning/phases/01-x/01-01-SUMMARY.md", &workspace.root().join("shared/done.md"));
    let said = text(&workspace.call(&["check"]).stdout);
    assert!(!said.contains("config.yml"), "{said}");
    assert!(text(&workspace.call(&["waves"]).stdout).contains("done"));

    workspace.link("feature-build.yaml", &out.join("feature-build.yaml"));
    for way in [&["check"][..], &["trust"], &["run", "--trust"]] {
        let ended = workspace.call(way);
        let said = text(&ended.stdout) + &text(&ended.stderr);
        assert!(matches!(code(&ended), Some(1 | 2)) && said.contains("out of the workspace"), "{way:?}: {said}");
    }
    workspace.write("shared/feature-build.yaml", "run: {command: [touch, 'started-{id}']}\n");
    workspace.link("feature-build.yaml", Path::new("shared/feature-build.yaml"));
    assert_eq!(code(&workspace.call(&["run", "--task", "T-1", "--trust"])), Some(0));
    assert!(workspace.has_started());
}

#[test]
fn a_task_called_supervisor_has_a_log_of_its_own() {
    let workspace = Hostile::new();
    workspace.write("feature-build.yaml", "run: {command: [echo, '{id}']}\n");
    let ids = ["supervisor", "run", "journal", "health", "result", "requests", "supervisor.log", "run.log.tail"];
    for id in ids {
        workspace.write(&format!("tasks/backlog/f/{id}.md"), &format!("---\nid: {id}\ntitle: T\nwave: 1\n---\n"));
    }
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    for id in ids {
        assert_eq!(text(&workspace.call(&["log", id]).stdout), format!("{id}\n"));
    }
    assert!(workspace.run_folder().join("supervisor~.log").exists());
}

/// The most memory that the program has had, in kilobytes, when it begins to say what it found: its output is not read.
fn peak(workspace: &Hostile, arguments: &[&str]) -> u64 {
    use std::io::Write as _;
    let (output, mut full) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&full).unwrap();
    rustix::fs::fcntl_setfl(&full, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while full.write(&[0; 4096]).is_ok() {}
    while full.write(&[0]).is_ok() {}
    rustix::fs::fcntl_setfl(&full, flags).unwrap();
    let mut command = workspace.command(&workspace.root(), arguments);
    let mut process = command.stdout(full).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let of_process = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.id())).unwrap_or_default();
    wait_until("it writes", || of_process("syscall").starts_with("1 0x1 "));
    let status = of_process("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = line.trim().trim_end_matches(" kB").parse().unwrap();
    drop(output);
    process.wait().unwrap();
    peak
}

/// What comes with a workspace is looked at piece by piece until its seal has been seen.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn what_is_not_sealed_costs_no_memory() {
    /// In bytes: the hash of a program that was not optimized makes some megabytes a second.
    const LONG: u64 = 5 << 20;
    /// In kilobytes.
    const SOME: u64 = 5 << 9;
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let folder = workspace.run_folder();
    let little = peak(&workspace, &["waves"]);
    let attempts = workspace.root().join(".feature-build/attempts");
    for first in [String::new(), format!("{}\n", "a".repeat(64))] {
        fs::write(&attempts, first).unwrap();
        File::options().write(true).open(&attempts).unwrap().set_len(LONG).unwrap();
        let much = peak(&workspace, &["waves"]);
        assert!(much < little + SOME, "{little} {much}");
    }
    fs::remove_file(attempts).unwrap();
    // A run that did not end, whose order is another one by now.
    let told = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    fs::write(folder.join("journal.jsonl"), told.split_inclusive('\n').take(1).collect::<String>()).unwrap();
    fs::remove_file(folder.join("result.json")).unwrap();
    let little = peak(&workspace, &["status"]);
    for file in ["run.json", "result.json"] {
        File::create(folder.join(file)).unwrap().set_len(LONG).unwrap();
        let much = peak(&workspace, &["status"]);
        assert!(much < little + SOME, "{file}: {little} {much}");
        let refused = workspace.call(&["run", "--resume"]);
        assert!(text(&refused.stderr).contains("cannot go on"), "{file}: {}", text(&refused.stderr));
    }
}

/// A few hundred small files must not cost what grows with the third power of their number.
#[test]
fn plans_that_were_made_to_cost_too_much_hold_nobody() {
    let task = |id: &str, more: &str| format!("---\nid: {id}\ntitle: x\nwave: 1\nstatus: backlog\n{more}---\n");
    type Make<'a> = &'a dyn Fn(&Hostile);
    let cases: [(&str, Make<'_>); 4] = [
        ("two ids of 400 files, each of which depends on both", &|workspace| {
            for number in 0..400 {
                let more = format!("feature: F{number}\ndepends_on: [D-0, D-1]\n");
                workspace.write(&format!("tasks/backlog/G-{number}.md"), &task(&format!("D-{}", number % 2), &more));
            }
        }),
        ("200 feature files that list the same 200 tasks", &|workspace| {
            let listed: String =
                (0..200).map(|number| format!("  - {{id: T-{number}, file_path: tasks/T-{number}.md}}\n")).collect();
            for number in 0..200 {
                workspace.write(&format!("tasks/T-{number}.md"), &task(&format!("T-{number}"), ""));
                let feature = format!("id: FEAT-{number}\nname: x\ntasks:\n{listed}");
                workspace.write(&format!(".guardkit/features/FEAT-{number}.yaml"), &feature);
            }
        }),
        ("60,000 dependencies of one task", &|workspace| {
            let all: String = (0..60_000).map(|number| format!("TX-{number},")).collect();
            workspace.write("tasks/T-1.md", &task("T-1", &format!("depends_on: [{all}]\n")));
        }),
        ("a long command with a value in each word", &|workspace| {
            let wrappers = "nice, ".repeat(400);
            let values = ", \"{file}\"".repeat(400);
            workspace.write("feature-build.yaml", &format!("run: {{command: [{wrappers}tool{values}]}}\n"));
            for number in 0..200 {
                workspace.write(&format!("tasks/T-{number}.md"), &task(&format!("T-{number}"), ""));
            }
        }),
    ];
    for (what, make) in cases {
        let workspace = Hostile::new();
        make(&workspace);
        for arguments in [&["waves"][..], &["check", "--format", "json"]] {
            let mut command = workspace.command(&workspace.root(), arguments);
            let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait(&mut process, &format!("{what}: {arguments:?}"));
        }
    }
}
