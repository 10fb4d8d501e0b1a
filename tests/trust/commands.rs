//! Laws of what may stand in a command, with real programs: what is accepted gets a value as it is, and never runs it.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use feature_build::workspace::placeholder::{Author, Placeholder, Template};
use proptest::prelude::*;
use proptest::sample::select;

/// A folder with programs: one that writes down what it gets, and such as do what their namesakes do.
static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let joins = "shift; exec sh -c \"$*\"";
    for (name, script) in [
        ("record", "printf '%s\\0' \"$@\" > \"$RECORD\""),
        ("ssh", joins),
        ("kubectl", joins),
        ("tmux", joins),
        ("make", "for word; do eval \"$word\"; done"),
        ("python3", "while getopts c: flag; do eval \"$OPTARG\"; done"),
        ("vim", "while [ $# -gt 0 ]; do [ \"$1\" = -c ] && sh -c \"${2#!}\"; shift; done"),
        ("sudo", "exec \"$@\""),
        ("watch", "exec sh -c \"$*\""),
        ("evil", "touch hit"),
    ] {
        let file = place.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    place
});

fn filled(words: &[String], author: Author, text: &str) -> Option<Vec<String>> {
    let value = |placeholder| match placeholder {
        Placeholder::Id => Cow::Borrowed("T-1"),
        Placeholder::Workspace => PLACE.path().to_string_lossy(),
        Placeholder::File => Cow::Owned(format!("tasks/{text}.md")),
        Placeholder::Title | Placeholder::Feature | Placeholder::Wave => Cow::Borrowed(text),
    };
    Template::new(words.to_vec(), author, &|_| None).and_then(|template| template.fill(value)).ok()
}

/// Runs it; what the program that writes it down got, where that was started.
fn run(argv: &[String], folder: &Path) -> Option<Vec<String>> {
    let record = folder.join("record");
    let path = format!("{}:/usr/bin:/bin", PLACE.path().display());
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(folder).env("PATH", path).env("RECORD", &record);
    // A program that is none, or has options that it does not know, fails: that is no harm.
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let got = fs::read_to_string(record).ok()?;
    Some(got.split_terminator('\0').map(str::to_owned).collect())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn wrapper() -> impl Strategy<Value = Vec<String>> {
    select(vec![
        words(&["env"]),
        words(&["env", "-u", "X", "A=b", "B={id}"]),
        words(&["/usr/bin/env", "--"]),
        words(&["nice", "-n", "1"]),
        words(&["nice"]),
        words(&["timeout", "-k", "5", "60"]),
        words(&["timeout", "--foreground", "--", "60"]),
        words(&["nohup"]),
        words(&["setsid", "-w"]),
        words(&["stdbuf", "-oL", "-e", "L"]),
    ])
}

/// Ways to call the program that writes down what it gets, and what it shall get.
fn call() -> impl Strategy<Value = (Vec<String>, &'static str)> {
    select(vec![
        (words(&["record", "--", "{title}"]), "{title}"),
        (words(&["record", "--", "a", "{wave}"]), "{title}"),
        (words(&["record", "run", "--title={title}"]), "--title={title}"),
        (words(&["{workspace}/record", "--description={feature}"]), "--description={title}"),
        (words(&["record", "{file}"]), "{file}"),
        (words(&["record", "--input={file}"]), "--input={file}"),
        (words(&["record", "Do what {file} says"]), "Do what {file} says"),
        (words(&["sh", "-c", "record \"$@\"", "sh", "{title}"]), "{title}"),
        (words(&["sh", "-c", "record \"$0\"", "{title}"]), "{title}"),
        (words(&["bash", "-euo", "pipefail", "-c", "record \"$1\"", "bash", "{title}"]), "{title}"),
        (words(&["bash", "-c", "-O", "extglob", "--", "record \"$1\"", "bash", "x{title}"]), "x{title}"),
        (words(&["dash", "-ec", "record \"$1\"", "dash", "--file={file}"]), "--file={file}"),
    ])
}

/// Text of any kind, or such as a program might run.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[^\0]{0,12}", hostile()]
}

fn hostile() -> impl Strategy<Value = String> {
    select(vec![
        "evil",
        "./evil",
        "$(evil)",
        "`evil`",
        ";evil;",
        "x'; evil; '",
        "x\"; evil; \"",
        "x\nevil\n",
        "| evil",
        "&& evil #",
        "-cevil",
        "-c evil",
        "--",
        "-ec",
        "evil=1",
        "!evil",
        "${x:-$(evil)}",
        "A=b evil",
        "-oevil",
        "sh -c evil",
        "1 evil",
    ])
    .prop_map(str::to_owned)
}

/// Words in any order, more of those that are dangerous together.
fn any_command() -> impl Strategy<Value = Vec<String>> {
    let pieces: Vec<&[&str]> = vec![
        &["sh"],
        &["bash"],
        &["sh", "-c"],
        &["bash", "-ec"],
        &["-c"],
        &["-o", "pipefail"],
        &["-O", "extglob"],
        &["+x"],
        &["--"],
        &["env"],
        &["env", "-S"],
        &["nice"],
        &["nice", "-n", "1"],
        &["-n", "1"],
        &["timeout", "60"],
        &["60"],
        &["nohup"],
        &["setsid", "-w"],
        &["stdbuf", "-oL"],
        &["xargs"],
        &["ssh", "host"],
        &["kubectl", "exec"],
        &["tmux", "new"],
        &["make"],
        &["python3", "-c"],
        &["vim", "-es", "-c"],
        &["sudo"],
        &["watch"],
        &["record"],
        &["record", "--"],
        &["touch", "--"],
        &["A=b"],
        &["-i"],
        &["-u", "X"],
        &["-ceuo", "pipefail"],
        &["record \"$1\""],
        &["sh", "-c", "record \"$1\"", "sh"],
        &["{title}"],
        &["{title}"],
        &["{title}"],
        &["{file}"],
        &["x{title}"],
        &["A={title}"],
        &["echo {title}"],
        &["!{title}"],
        &["--title={title}"],
        &["-c{title}"],
        &["--exec={file}"],
        &["echo {file}"],
        &["{workspace}/evil"],
    ];
    let pieces: Vec<Vec<String>> = pieces.into_iter().map(words).collect();
    proptest::collection::vec(select(pieces), 1..6).prop_map(|pieces| pieces.concat())
}

fn runs_it(command: &[String], author: Author, text: &str) -> Option<bool> {
    let argv = filled(command, author, text)?;
    let folder = tempfile::tempdir().unwrap();
    fs::copy(PLACE.path().join("evil"), folder.path().join("evil")).unwrap();
    run(&argv, folder.path());
    Some(folder.path().join("hit").exists())
}

/// What makes `hit` by itself shows nothing about the value.
fn names_it_itself(command: &[String]) -> bool {
    command.iter().any(|word| word == "{workspace}/evil")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn what_is_accepted_gives_a_program_the_value_as_it_is(
        wrappers in proptest::collection::vec(wrapper(), 0..3), (call, wanted) in call(), text in text(),
    ) {
        let command = [wrappers.concat(), call].concat();
        let Some(argv) = filled(&command, Author::User, &text) else {
            return Err(TestCaseError::fail(format!("refused: {command:?}")));
        };
        let wanted = wanted.replace("{file}", "tasks/{title}.md").replacen("{title}", &text, 1);
        let folder = tempfile::tempdir().unwrap();
        let got = run(&argv, folder.path());
        prop_assert_eq!(got.as_ref().and_then(|got| got.last()), Some(&wanted), "{:?}", argv);
        prop_assert!(!folder.path().join("hit").exists());
    }
}

/// How many of the commands below were accepted with a value in them, and started.
static STARTED: AtomicUsize = AtomicUsize::new(0);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    fn no_accepted_command_runs_it(command in any_command(), text in hostile()) {
        let has_value = command.iter().any(|word| word.contains("{title}") || word.contains("{file}"));
        if has_value && !names_it_itself(&command) && let Some(runs) = runs_it(&command, Author::User, &text) {
            STARTED.fetch_add(1, Ordering::Relaxed);
            prop_assert!(!runs, "{:?} ran {:?}", command, text);
        }
    }
}

#[test]
fn whatever_the_command_no_value_that_is_accepted_runs_anything() {
    no_accepted_command_runs_it();
    let started = STARTED.load(Ordering::Relaxed);
    assert!(started > 30, "only {started} were started");
    // And the rule is what holds it: the same commands run the value where nobody looks at the place.
    for command in [
        &["bash", "-c", "-o", "pipefail", "echo {title}"][..],
        &["timeout", "60", "ssh", "host", "echo", "{title}"],
        &["vim", "-es", "-c", "!{title}"],
        &["python3", "-c", "x={title}"],
        &["make", "T={title}"],
        &["env", "-S", "sh -c {title}"],
    ] {
        let command = words(command);
        let is_run = |text: &str| runs_it(&command, Author::Preset, text) == Some(true);
        assert!(["$(evil)", "; evil", "evil"].into_iter().any(is_run), "{command:?}");
        assert_eq!(filled(&command, Author::User, "plain"), None, "{command:?}");
    }
}
