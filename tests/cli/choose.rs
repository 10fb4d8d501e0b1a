//! What `run` asks in a terminal where it was not told which feature, or would start many agents.

use crate::pty::{Shows, in_a_terminal};
use crate::workspace::{Printed, Workspace};

/// Two open features of a task each, and a large one.
fn workspace(large: usize) -> Workspace {
    let workspace = Workspace::new(&[("feature-build.yaml", "run: {command: [\"true\"]}\n")]);
    let task = |feature: &str, id: &str| {
        let text = format!("---\nid: {id}\nstatus: backlog\nfeature_id: {feature}\nwave: 1\n---\n");
        workspace.write(&format!("tasks/backlog/{feature}/{id}.md"), &text);
    };
    for feature in ["FEAT-A", "FEAT-B"] {
        task(feature, &format!("T-{feature}"));
    }
    (0..large).for_each(|number| task("FEAT-BIG", &format!("BIG-{number}")));
    workspace
}

fn run(workspace: &Workspace, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let command = workspace.command(&[&["run", "--trust"], arguments].concat());
    in_a_terminal(command, typed, &Shows::All)
}

/// The features that have run, the newest first.
fn ran(workspace: &Workspace) -> Vec<String> {
    let runs = workspace.json(&["runs", "--format", "json"]);
    runs["runs"].as_array().unwrap().iter().map(|run| run["feature"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_terminal_is_asked_which_of_several_features_is_meant() {
    for (typed, wanted) in [("\n", "FEAT-A"), ("2\n", "FEAT-B"), ("feat-b\n", "FEAT-B"), ("7\nnone\n2\n", "FEAT-B")] {
        let workspace = workspace(0);
        let (code, shown) = run(&workspace, &[], typed);
        assert_eq!(code, Some(0), "{typed:?}: {shown}");
        assert_eq!(ran(&workspace), [wanted], "{typed:?}: {shown}");
        assert!(
            shown.contains("2 features are open:") && shown.contains("1  FEAT-A  0/1 done  (the first one)"),
            "{shown}"
        );
    }
    for typed in ["q\n", "\u{4}"] {
        let workspace = workspace(0);
        let (code, shown) = run(&workspace, &[], typed);
        assert_eq!(code, Some(2), "{shown}");
        assert!(ran(&workspace).is_empty() && shown.contains("name one with --feature: FEAT-A, FEAT-B"), "{shown}");
    }
}

#[test]
fn the_feature_that_ran_last_is_proposed_then_that_of_the_branch() {
    let workspace = workspace(0);
    workspace.write(".git/HEAD", "ref: refs/heads/me/feat-b-checkout\n");
    workspace
        .write("tasks/backlog/FEAT-A/MORE.md", "---\nid: MORE\nstatus: backlog\nfeature_id: FEAT-A\nwave: 2\n---\n");
    let (_, shown) = run(&workspace, &[], "q\n");
    assert!(
        shown.contains("2  FEAT-B  0/1 done  (as the branch is called)") && shown.contains("Run which? [2]"),
        "{shown}"
    );
    run(&workspace, &["--task", "T-FEAT-A"], "");
    let (code, shown) = run(&workspace, &[], "\n");
    assert!(shown.contains("1  FEAT-A  1/2 done  (it ran last)"), "{shown}");
    assert_eq!((code, ran(&workspace)), (Some(0), vec!["FEAT-A".into(), "FEAT-A".into()]));
}

#[test]
fn many_agents_are_started_when_somebody_says_so() {
    let ask = "This starts 9 agents at once";
    for (arguments, typed, code) in [
        (&["--feature", "FEAT-BIG"][..], "y\n", 0),
        (&["--feature", "FEAT-BIG"], "\n", 2),
        (&["--feature", "FEAT-BIG", "--yes"], "", 0),
        (&["--feature", "FEAT-BIG", "-j", "9"], "", 0),
        (&["--feature", "FEAT-BIG", "-j", "2"], "", 0),
    ] {
        let workspace = workspace(9);
        let (answer, shown) = run(&workspace, arguments, typed);
        assert_eq!(answer, Some(code), "{arguments:?}: {shown}");
        assert_eq!(shown.contains(ask), !typed.is_empty(), "{arguments:?}: {shown}");
        assert_eq!(ran(&workspace).len(), usize::from(code == 0), "{shown}");
    }
    let (_, shown) = run(&workspace(8), &["--feature", "FEAT-BIG"], "");
    assert!(!shown.contains("agents at once"), "{shown}");
}

#[test]
fn nobody_is_asked_where_nobody_is_there() {
    let workspace = workspace(9);
    let Printed { code, err, .. } = workspace.run(&["run", "--trust"]);
    assert_eq!(code, 2);
    assert!(err.contains("several features are open; name one with --feature: FEAT-A, FEAT-B, FEAT-BIG"), "{err}");
    assert_eq!(workspace.run(&["run", "--trust", "--feature", "FEAT-BIG"]).code, 0);
    assert_eq!(workspace.run(&["run", "--trust", "--yes"]).code, 0);
    assert_eq!(ran(&workspace), ["FEAT-A", "FEAT-BIG"]);
}
