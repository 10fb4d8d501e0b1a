//! The part of `deny.toml` that needs no further tool: licences and duplicate versions of what is built here. The whole of
//! it, advisories too, is for `tests/deny.sh`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Name, version and licence of each package that these kinds of dependencies lead to on this machine.
fn packages(kinds: &str) -> BTreeSet<(String, String, String)> {
    let arguments = ["tree", "--offline", "--locked", "--prefix=none", "--no-dedupe", "--format={p}\t{l}", "--edges"];
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).arg(kinds).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| {
        let (package, licence) = line.split_once('\t').unwrap();
        let mut words = package.split(' ');
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned(), licence.to_owned())
    };
    String::from_utf8(output.stdout).unwrap().lines().map(line).collect()
}

/// The strings in one list of `deny.toml`, in the order of the file.
fn listed(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let (_, list) = text.split_once(&format!("\n{key} = [\n")).unwrap_or_else(|| panic!("{key} is a list"));
    let (list, _) = list.split_once("\n]").unwrap();
    let lines = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// An SPDX expression, of which one branch is allowed. `AND` binds closer than `OR`; `/` is the old way to write `OR`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let one = |licence: &str| {
        let licence = licence.trim().trim_matches(['(', ')']).trim();
        allowed.iter().any(|allowed| allowed == licence)
    };
    // No package has `OR` in parentheses beside `AND` but as its first or last part: then each part stands alone.
    let parts: Vec<&str> = expression.split(" AND ").collect();
    let branch = |text: &str| text.replace('/', " OR ").split(" OR ").any(one);
    if expression.contains('(') { parts.into_iter().all(branch) } else { any_of_all(expression, one) }
}

fn any_of_all(expression: &str, one: impl Fn(&str) -> bool + Copy) -> bool {
    expression.replace('/', " OR ").split(" OR ").any(|branch| branch.split(" AND ").all(one))
}

#[test]
fn every_licence_is_one_that_may_be_built_in() {
    let allowed = listed("allow");
    assert!(allowed.len() > 5, "{allowed:?}");
    let packages = packages("normal,build,dev");
    assert!(packages.len() > 50, "{} packages", packages.len());
    let other: Vec<_> = packages.iter().filter(|(_, _, licence)| !is_allowed(licence, &allowed)).collect();
    assert!(other.is_empty(), "{other:#?}");
}

#[test]
fn no_package_of_the_program_is_there_in_two_versions() {
    let known: Vec<String> =
        listed("skip").iter().filter_map(|skipped| Some(skipped.split_once('@')?.0.to_owned())).collect();
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version, _) in packages("normal,build") {
        versions.entry(name).or_default().push(version);
    }
    let twice: Vec<_> =
        versions.iter().filter(|(name, versions)| versions.len() > 1 && !known.contains(name)).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    for name in known {
        assert!(versions.get(&name).is_some_and(|versions| versions.len() > 1), "{name} is no exception any more");
    }
}

#[test]
fn an_expression_needs_one_whole_branch() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned);
    for (expression, wanted) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("GPL-3.0 OR MIT AND Apache-2.0", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), wanted, "{expression}");
    }
}
