//! `feature-build schema` and `completions`.

use crate::workspace::Workspace;

#[test]
fn every_listed_schema_is_a_valid_one() {
    let workspace = Workspace::new(&[]);
    let names = workspace.run(&["schema"]).out;
    assert_eq!(names.lines().collect::<Vec<_>>(), ["waves", "check", "status", "runs", "agents", "event", "config"]);
    for name in names.lines() {
        let schema = workspace.json(&["schema", name]);
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert!(schema["description"].is_string(), "{name} says what it is");
    }
    assert_eq!(workspace.json(&["schema", "config"]), workspace.json(&["schema", "feature-build.yaml"]));
    assert_eq!(workspace.run(&["schema", "nothing"]).code, 2);
}

#[test]
fn every_shell_gets_completions() {
    let workspace = Workspace::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let printed = workspace.run(&["completions", shell]);
        assert_eq!(printed.code, 0);
        assert!(printed.out.contains("waves"), "{shell}");
    }
}

#[test]
fn every_command_has_a_help_with_an_example() {
    let workspace = Workspace::new(&[]);
    for command in [
        "init",
        "agents",
        "waves",
        "run",
        "check",
        "runs",
        "watch",
        "status",
        "log",
        "cancel",
        "prune",
        "lsp",
        "schema",
        "completions",
    ] {
        let printed = workspace.run(&[command, "--help"]);
        assert_eq!(printed.code, 0, "{command}");
        assert!(printed.out.contains(&format!("feature-build {command}")), "{command}");
        assert!(printed.out.contains("Example"), "{command}");
    }
}
