//! What a terminal is asked before a run: which of several features is meant, and whether so many agents may start.

use std::io::{self, BufRead, Write};
use std::num::NonZeroU32;
use std::path::Path;

use super::super::complain;
use super::super::terminal::{self, shown};
use super::super::trust::{can_be_asked, is_yes};
use super::super::words::count;
use crate::plan::{Feature, Schedule, SelectError, feature_named};
use crate::run;
use crate::workspace::private;

/// So many agents at once need no question.
const MOST_UNASKED: usize = 8;
/// So many features are listed.
const LISTED: usize = 20;

/// The feature that is meant where several are open and none was named.
///
/// # Errors
/// [`SelectError::SeveralOpen`] where nobody can be asked, or nothing is chosen.
pub(super) fn feature(features: &[&Feature], open: &[String], root: &Path, yes: bool) -> anyhow::Result<String> {
    let open: Vec<&Feature> =
        features.iter().copied().filter(|feature| open.iter().any(|id| *id == *feature.id)).collect();
    let several = || SelectError::SeveralOpen(open.iter().map(|feature| feature.id.to_string()).collect());
    if !yes && !can_be_asked() {
        return Err(several().into());
    }
    let (at, why) = proposal(&open, root);
    let proposed = open.get(at).ok_or_else(several)?;
    if yes {
        complain(&format!("several features are open; running {} ({why})", shown(&proposed.id)));
        return Ok(proposed.id.to_string());
    }
    let chosen = ask(&open, at, why, &mut io::stdin().lock(), &mut io::stderr())?;
    chosen.ok_or_else(|| several().into())
}

/// Asks before more agents start at once than anybody would start without a thought. `limit`: what the user said.
///
/// # Errors
/// Where the answer is no.
pub(super) fn agents(
    schedule: &Schedule,
    usual: NonZeroU32,
    limit: Option<NonZeroU32>,
    yes: bool,
) -> anyhow::Result<()> {
    let at_once = at_once(schedule, usual);
    if yes || limit.is_some() || at_once <= MOST_UNASKED || !can_be_asked() {
        return Ok(());
    }
    let mut output = io::stderr();
    write!(output, "This starts {at_once} agents at once (`-j {MOST_UNASKED}` starts fewer). Start them? [y/N] ")?;
    output.flush()?;
    anyhow::ensure!(is_yes(&mut io::stdin().lock())?, "nothing was started");
    Ok(())
}

/// How many tasks a run would have at work at the same time.
fn at_once(schedule: &Schedule, most: NonZeroU32) -> usize {
    let widest = schedule.waves.iter().map(|wave| wave.tasks.iter().filter(|task| task.after.is_empty()).count()).max();
    widest.unwrap_or_default().min(usize::try_from(most.get()).unwrap_or(usize::MAX))
}

/// The place of the feature that is probably meant, and why.
fn proposal(open: &[&Feature], root: &Path) -> (usize, &'static str) {
    let runs = run::runs(&run::state_dir(root));
    let ran = runs.iter().find_map(|run| open.iter().position(|feature| *feature.id == *run.feature));
    if let Some(at) = ran {
        return (at, "it ran last");
    }
    let of_branch = branch(root).and_then(|branch| {
        let names = |feature: &&Feature| {
            let name = plain(&feature.id);
            let is_meant = |part: &str| {
                plain(part).strip_prefix(&*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            !name.is_empty() && branch.split('/').any(is_meant)
        };
        open.iter().position(names)
    });
    match of_branch {
        Some(at) => (at, "as the branch is called"),
        None => (0, "the first one"),
    }
}

/// A name as a branch may have it: small letters, digits, and `-` between them.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// No branch has a longer name.
const LONGEST_HEAD: u64 = 4096;

/// The branch that is checked out, as git's own file says it: gitrepository-layout(5).
fn branch(root: &Path) -> Option<String> {
    let read = |path: &Path| String::from_utf8(private::read_plain(path, LONGEST_HEAD).ok()?).ok();
    let place = root.join(".git");
    let folder = match read(&place) {
        // A worktree.
        Some(text) => root.join(text.strip_prefix("gitdir:")?.trim()),
        None => place,
    };
    let head = read(&folder.join("HEAD"))?;
    Some(head.strip_prefix("ref: refs/heads/")?.trim().to_owned())
}

/// Lists the features and asks for one: by number or by name, the proposed one by Enter.
fn ask(
    open: &[&Feature],
    proposed: usize,
    why: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Option<String>> {
    writeln!(output, "{} are open:", count(open.len(), "feature"))?;
    let width = open.iter().map(|feature| terminal::width(&shown(&feature.id))).max().unwrap_or(0).min(40);
    let digits = open.len().to_string().len();
    let is_listed = |at: usize| at < LISTED || at == proposed;
    for (at, feature) in open.iter().enumerate().filter(|(at, _)| is_listed(*at)) {
        let id = terminal::padded(&shown(&feature.id), width);
        let title = if feature.title == feature.id { String::new() } else { format!("  {}", shown(&feature.title)) };
        let remark = if at == proposed { format!("  ({why})") } else { String::new() };
        let number = at + 1;
        writeln!(output, "  {number:digits$}  {id}  {}{title}{remark}", feature.progress().words())?;
    }
    let more = (0..open.len()).filter(|at| !is_listed(*at)).count();
    if more > 0 {
        writeln!(output, "  … {more} more; any of them by its name")?;
    }
    loop {
        write!(output, "Run which? [{}] (q: none) ", proposed + 1)?;
        output.flush()?;
        let mut answer = String::new();
        if input.read_line(&mut answer)? == 0 {
            writeln!(output)?;
            return Ok(None);
        }
        let answer = answer.trim();
        if matches!(answer, "q" | "Q" | "n" | "no") {
            return Ok(None);
        }
        let by_number = answer.parse::<usize>().ok().and_then(|number| open.get(number.checked_sub(1)?));
        let chosen = if answer.is_empty() { open.get(proposed) } else { by_number };
        if let Some(feature) = chosen.copied().or_else(|| feature_named(open, answer).ok()) {
            return Ok(Some(feature.id.to_string()));
        }
        writeln!(output, "There is no feature {} among them.", shown(answer))?;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_branch_is_read_in_a_repository_and_in_a_worktree_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("main/.git/HEAD", "ref: refs/heads/feature/cart-1\n");
        write("main/.git/worktrees/w/HEAD", "ref: refs/heads/w\n");
        write("w/.git", &format!("gitdir: {}\n", dir.path().join("main/.git/worktrees/w").display()));
        write("detached/.git/HEAD", "0123456789\n");
        assert_eq!(branch(&dir.path().join("main")).as_deref(), Some("feature/cart-1"));
        assert_eq!(branch(&dir.path().join("w")).as_deref(), Some("w"));
        assert_eq!(branch(&dir.path().join("detached")), None);
        assert_eq!(branch(&dir.path().join("none")), None);
    }
}
