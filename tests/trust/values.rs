//! What values of task files must not become: an option, a program, a shell's text, a file elsewhere.

use std::fs;

use crate::hostile::{Hostile, code, text};

#[test]
fn a_title_that_looks_like_an_option_is_told_and_stops_the_run_before_anything_starts() {
    let workspace = Hostile::new();
    workspace.write("feature-build.yaml", "run:\n  command: [touch, \"{title}\"]\n");
    workspace.write("tasks/backlog/f/T-1.md", "---\nid: T-1\ntitle: fine\nstatus: backlog\nwave: 1\n---\n");
    workspace.write("tasks/backlog/f/T-2.md", "---\nid: T-2\ntitle: --help\nstatus: backlog\nwave: 1\n---\n");
    let checked = workspace.call(&["check"]);
    assert_eq!(code(&checked), Some(1), "an error");
    let told = text(&checked.stdout);
    // It is the command that is wrong, so the harmless title is told of, too.
    for task in ["T-1.md:2:5: error[unsafe-value]", "T-2.md:2:5: error[unsafe-value]"] {
        assert!(told.contains(task), "{told}");
    }
    let refused = workspace.call(&["run", "--trust"]);
    assert_eq!(code(&refused), Some(2));
    let message = text(&refused.stderr);
    for said in ["task T-1 cannot be started", "argument 1", "$FEATURE_BUILD_TITLE", "stdin: body", "(unsafe-value)"] {
        assert!(message.contains(said), "{said}: {message}");
    }
    assert!(!workspace.root().join("fine").exists() && !workspace.root().join(".feature-build").exists());

    workspace.write("feature-build.yaml", "run:\n  command: [touch, --, \"{title}\"]\n");
    assert_eq!(code(&workspace.call(&["check"])), Some(0));
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    assert!(workspace.root().join("--help").exists());
}

#[test]
fn a_command_that_takes_a_value_where_none_may_stand_is_told_where_it_is_written() {
    let workspace = Hostile::new();
    fs::remove_file(workspace.root().join("tasks/backlog/f/T-1.md")).unwrap();
    workspace.write(
        "feature-build.yaml",
        "run:\n  command: [sh, -c, \"echo {title}\"]\nmodes:\n  direct:\n    command: [cat, \"{file}\"]\nverify:\n  - make T={title}\n\
         agents:\n  mine:\n    command: [a, \"{id}\"]\n    resume: [a, \"x{wave}\"]\n",
    );
    let checked = workspace.call(&["check"]);
    assert_eq!(code(&checked), Some(1), "an error");
    let told = text(&checked.stdout);
    for said in [
        "feature-build.yaml:2:22: error[unsafe-value]: in `run.command` `{title}` is in argument 2",
        "feature-build.yaml:7:10: error[unsafe-value]: in `verify` `{title}` is in argument 1",
        "feature-build.yaml:11:18: error[unsafe-value]: in `agents.mine.resume` `{wave}` is in argument 1",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!told.contains("modes.direct") && !told.contains("agents.mine.command"), "{told}");
}

#[test]
fn a_value_that_an_agents_command_would_take_for_an_option_is_told_before_a_run() {
    let workspace = Hostile::new();
    workspace.write("tasks/backlog/f/T-1.md", "---\nid: T-1\ntitle: --help\nstatus: backlog\nwave: 1\n---\n");
    let told = |configuration: &str| {
        workspace.write("feature-build.yaml", configuration);
        text(&workspace.call(&["check"]).stdout)
    };
    let own = "agents: {mine: {command: [touch, \"{title}\"]}, wrong: {command: [touch, \"x{title}\"]}}\n";
    for agent in ["agent: mine\n", "run: {agent: mine}\n", "agent: wrong\n", "agent: wrong\ntask_commands: true\n"] {
        if agent.contains("task_commands") {
            let task = "---\nid: T-1\ntitle: --help\nagent: mine\nstatus: backlog\nwave: 1\n---\n";
            workspace.write("tasks/backlog/f/T-1.md", task);
        }
        let told = told(&format!("{agent}{own}"));
        assert!(told.contains("error[unsafe-value]") || told.contains("unsafe-value"), "{agent}: {told}");
        assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(2), "{agent}");
    }
    let resumed = "agents: {mine: {command: [touch, --, \"{title}\"], resume: [touch, \"{title}\"]}}\nagent: mine\n";
    assert!(told(resumed).contains("unsafe-value"), "what goes on with its session");
    let safe = told("agent: safe\nagents: {safe: {command: [touch, --, \"{title}\"]}}\n");
    assert!(!safe.contains("unsafe-value"), "{safe}");
    assert!(!workspace.root().join("--help").exists() && !workspace.root().join(".feature-build").exists());
}

#[test]
fn a_tasks_own_keys_count_only_where_the_trusted_configuration_says_so() {
    let workspace = Hostile::new();
    let task = "---\nid: T-1\ntitle: T\nstatus: backlog\nwave: 1\nrun: [touch, own]\n---\n";
    workspace.write("tasks/backlog/f/T-1.md", task);
    assert!(text(&workspace.call(&["check"]).stdout).contains("ignored-key"));
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    assert!(workspace.has_started() && !workspace.root().join("own").exists());
    workspace.write("feature-build.yaml", "task_commands: true\n");
    assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(2), "asked again");
    assert!(!workspace.root().join("own").exists());
    assert_eq!(code(&workspace.call(&["run", "--redo", "--trust"])), Some(0));
    assert!(workspace.root().join("own").exists());
}

#[test]
fn ids_that_are_none_and_files_outside_are_no_tasks_that_start() {
    use std::os::unix::fs::symlink;
    let workspace = Hostile::new();
    fs::remove_file(workspace.root().join("tasks/backlog/f/T-1.md")).unwrap();
    let outside = workspace.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("T-1.md"), "---\nid: T-1\ntitle: T\nstatus: backlog\nwave: 1\n---\n").unwrap();
    symlink(outside.join("T-1.md"), workspace.root().join("tasks/backlog/f/T-1.md")).unwrap();
    symlink(&outside, workspace.root().join("tasks/backlog/g")).unwrap();
    workspace.write("tasks/backlog/f/T-2.md", "---\nid: ../T-2\ntitle: T\nstatus: backlog\nwave: 1\n---\n");
    let checked = text(&workspace.call(&["check"]).stdout);
    assert!(checked.contains("unsafe-id"), "{checked}");
    assert!(!text(&workspace.call(&["waves"]).stdout).contains("T-1"), "nothing is read through a link");
    workspace.call(&["run", "--trust"]);
    assert!(!workspace.has_started());
    let started: Vec<_> = fs::read_dir(workspace.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!started.iter().any(|name| name.to_string_lossy().starts_with("started")), "{started:?}");
}

#[test]
fn a_model_that_is_an_option_is_told_and_stops_the_run_before_anything_starts() {
    let workspace = Hostile::new();
    workspace.write("feature-build.yaml", "task_commands: true\nagent: claude\n");
    let task = "---\nid: T-1\ntitle: T\nstatus: backlog\nwave: 1\nmodel: --dangerously-skip-permissions\n---\n";
    workspace.write("tasks/backlog/f/T-1.md", task);
    let checked = workspace.call(&["check"]);
    assert_eq!(code(&checked), Some(1));
    assert!(text(&checked.stdout).contains("error[unsafe-value]: `model` is"), "{}", text(&checked.stdout));
    let refused = workspace.call(&["run", "--trust", "--task", "T-1"]);
    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains("(unsafe-value)"), "{}", text(&refused.stderr));
}

#[test]
fn a_command_that_could_run_a_value_is_refused_whatever_the_value_is() {
    let workspace = Hostile::new();
    workspace.write("tasks/backlog/f/T-1.md", "---\nid: T-1\ntitle: harmless\nstatus: backlog\nwave: 1\n---\n");
    for command in [
        r#"[bash, -c, -o, pipefail, "echo {title}"]"#,
        r#"[bash, -ceuo, pipefail, "echo {title}"]"#,
        r#"[bash, -c, -O, extglob, "echo {title}"]"#,
        r#"[timeout, "60", ssh, host, echo, "{title}"]"#,
        r#"[env, ssh, host, echo, "{title}"]"#,
        r#"[vim, -es, -c, "!{title}"]"#,
        r#"[python3, -c, "print('{title}')"]"#,
        r#"[node, -e, "{title}"]"#,
        r#"[make, "T={title}"]"#,
        r#"[nice, -n, "1", --, touch, "{title}"]"#,
        r#"[env, --, touch, "{title}"]"#,
        r#"[touch, "x{title}"]"#,
        r#"[sh, script.sh, "{title}"]"#,
        r#"[sh, -c, "note {title}"]"#,
        r#""sh -c 'note {file}'""#,
    ] {
        for configuration in
            [format!("run: {{command: {command}}}\n"), format!("run: {{command: [true]}}\nverify: [{command}]\n")]
        {
            workspace.write("feature-build.yaml", &configuration);
            let told = text(&workspace.call(&["check"]).stdout);
            assert!(told.contains("T-1.md:2:5: error[unsafe-value]"), "{configuration}: {told}");
            let refused = workspace.call(&["run", "--trust"]);
            assert_eq!(code(&refused), Some(2), "{configuration}");
            assert!(text(&refused.stderr).contains("(unsafe-value)"), "{}", text(&refused.stderr));
        }
    }
    assert!(!workspace.root().join(".feature-build").exists());
}

#[test]
fn the_ways_that_a_refusal_names_give_the_value_as_it_is() {
    let title = "$(touch hit)'; touch hit; \\\" -x";
    let yaml = title.replace('\'', "''");
    let task = format!("---\nid: T-1\ntitle: '{yaml}'\nstatus: backlog\nwave: 1\n---\n{title}\n");
    for run in [
        r#"{command: [sh, -c, 'printf %s "$FEATURE_BUILD_TITLE" > got']}"#,
        r#"{command: [sh, -c, 'printf %s "$1" > got', sh, "{title}"]}"#,
        r#"{command: [env, sh, -ec, 'printf %s "$2" > got', sh, --, "{title}"]}"#,
        r#"{command: [sh, -c, 'printf %s "$(cat)" > got'], stdin: body}"#,
    ] {
        let workspace = Hostile::new();
        workspace.write("tasks/backlog/f/T-1.md", &task);
        workspace.write("feature-build.yaml", &format!("run: {run}\n"));
        let ran = workspace.call(&["run", "--trust"]);
        assert_eq!(code(&ran), Some(0), "{run}: {}", text(&ran.stderr));
        assert_eq!(fs::read_to_string(workspace.root().join("got")).unwrap(), title, "{run}");
        assert!(!workspace.root().join("hit").exists(), "{run}");
    }
}
