//! The task's lock, and what stands in it: the marks of those who held it.
//!
//! While a guard holds the lock, the first line is its attempt's mark. Other lines are marks of guards that did not come
//! to a proper end: what carries them is killed by the next holder before it starts anything. After a proper end there
//! is one line, `ended`, the mark and the time. An attempt whose mark never stood there has started nothing.
//!
//! Files can be taken away, moved, and put back from a copy while their holders live: what is alive says who has a task, too.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::lock::{self, Lock, PutBack};
use super::super::private;
use super::super::seal;
use super::super::system::{self, now_ms};
use super::super::{RunId, RunPaths};
use crate::task::TaskId;

const ENDED: &str = "ended";
/// No lock's text is longer: a line for each attempt in a row that did not come to a proper end. What is behind it was
/// written by nobody who held the lock.
const LONGEST: u64 = 64 << 10;
/// Each mark costs a look at all processes. There are two or three where guards were killed, one after another.
const MOST_MARKS: usize = 32;
/// What stands in a lock whose holder has ended, and nobody has to know how: an empty one tells nothing.
const FREE: &str = "free";
/// How long to wait for a holder that has lost its lock.
const PAUSE: Duration = Duration::from_millis(100);

/// The task belongs to this process.
#[derive(Debug)]
pub(super) struct Hold {
    lock: Lock,
    mark: String,
    /// What stood in the lock.
    before: String,
    /// The state folder that the lock lies in.
    state_dir: Option<PathBuf>,
}

/// Whether the attempt with this mark holds this lock of its task, or held it and came to no proper end. Where that
/// cannot be read it may have. Blocking.
pub(in crate::run) fn has_mark(lock: &Path, mark: &str) -> bool {
    match private::open(lock).and_then(|file| beginning(&file)) {
        Ok(text) => text.lines().any(|line| line == mark),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// What is alive of a task, as its processes tell.
enum Alive {
    /// The attempt with this mark has a guard.
    Guarded(String),
    /// The attempts of this workspace with these marks have none.
    Left(Vec<String>),
}

/// Looks at the processes of the task that this mark is of: those that carry the workspace's nonce, and those that were
/// started at its root. Blocking.
fn alive(own: &str, root: &Path) -> Alive {
    let nonce = nonce_of(own);
    let is_ours = |mark: &str| nonce.is_some() && nonce_of(mark) == nonce;
    let found = system::marked(|marked| {
        marked.mark != own
            && task_of(&marked.mark) == task_of(own)
            && (is_ours(&marked.mark) || marked.workspace.as_deref() == Some(root))
    });
    let has_guard = |log: &Path| lock::is_held(log) || system::has_guard(log);
    if let Some(guarded) = found.iter().find(|marked| marked.log.as_deref().is_some_and(has_guard)) {
        return Alive::Guarded(guarded.mark.clone());
    }
    let mut marks: Vec<String> = found.into_iter().map(|marked| marked.mark).filter(|mark| is_ours(mark)).collect();
    marks.sort_unstable();
    marks.dedup();
    Alive::Left(marks)
}

/// What came of asking for a task.
#[derive(Debug)]
pub(super) enum Taken {
    Held(Hold),
    /// The attempt with this mark has the task, or had it when this run had been asked for it already.
    ByAnother(String),
}

impl Hold {
    /// Takes the task of the workspace at this root for the attempt with this mark, which begins with [`Self::begin`].
    /// `asked_ms`: when its run was asked for the task; an attempt of another run that ended later is what was asked for. Blocking.
    pub(super) fn take(path: &Path, mark: &str, asked_ms: u64, root: &Path) -> io::Result<Taken> {
        let (lock, left) = loop {
            if let Some(lock) = Lock::acquire_unless_lost(path)? {
                // That it is free is no proof that nothing of the task is alive: it may be a new one, or an old one that was
                // put back, or lie in another folder than that of the run which has the task.
                match alive(mark, root) {
                    Alive::Guarded(other) => return Ok(Taken::ByAnother(other)),
                    // A lock in which something stands tells itself what came to no proper end; what else carries a mark has
                    // only copied an environment.
                    Alive::Left(marks) => break if lock.is_blank() { (lock, marks) } else { (lock, Vec::new()) },
                }
            }
            // Empty for the moment between taking the lock and writing the mark.
            let text = beginning(&private::open(path)?)?;
            if let Some(holder) = text.lines().next().filter(|line| is_mark(line)) {
                return Ok(Taken::ByAnother(holder.to_string()));
            }
            if let Alive::Guarded(other) = alive(mark, root) {
                return Ok(Taken::ByAnother(other));
            }
            // Its holder puts it back, or ends.
            std::thread::sleep(PAUSE);
        };
        let state_dir = path.parent().and_then(Path::parent).map(Path::to_path_buf);
        let mut hold = Self { lock, mark: mark.to_string(), before: String::new(), state_dir };
        hold.before = beginning(hold.lock.file())?;
        hold.before.extend(left.iter().map(|mark| format!("{mark}\n")));
        if let Some(ended) = ended_since(&hold.before, asked_ms).filter(|ended| run_of(ended) != run_of(mark)) {
            return Ok(Taken::ByAnother(ended.to_string()));
        }
        Ok(Taken::Held(hold))
    }

    /// The attempt begins: what those left that held the task before is ended first. One's own mark before that: whoever
    /// finds this process dead kills what it started, and what it had to kill. Blocking.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let own = format!("{}\n", self.mark);
        let before = std::mem::take(&mut self.before);
        let is_left = |line: &&str| is_mark(line) && self.is_ours(line);
        let left: Vec<&str> = before.lines().filter(is_left).take(MOST_MARKS).collect();
        self.write(&left.iter().fold(own.clone(), |text, mark| text + mark + "\n"))?;
        if left.is_empty() {
            return Ok(());
        }
        left.iter().for_each(|mark| system::kill_all_marked(mark));
        self.write(&own)
    }

    /// Whether a mark is of an attempt of this workspace. In a copy of one the lock names attempts of the original, and a
    /// lock that came with a workspace names whatever it likes: what carries that must not be killed.
    fn is_ours(&self, mark: &str) -> bool {
        match mark.split_once('@') {
            Some((_, nonce)) => nonce_of(&self.mark) == Some(nonce),
            // Of an earlier version: then its run's order lies here, sealed at this place.
            None => run_of_mark(mark)
                .zip(self.state_dir.as_deref())
                .is_some_and(|(run, state_dir)| seal::read_order(&RunPaths::of(state_dir, &run)).is_ok()),
        }
    }

    /// Whether the lock is where it was.
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        self.lock.is_at(path)
    }

    /// Makes the lock anew where it was taken away. Blocking.
    pub(super) fn put_back(&mut self, path: &Path) -> io::Result<PutBack> {
        self.lock.put_back(path)
    }

    /// The task is free and nothing of the attempt is left. `counts`: the attempt ended by itself, so that who asked
    /// for the task meanwhile needs no other.
    pub(super) fn end(mut self, counts: bool) -> io::Result<()> {
        if counts {
            let line = format!("{ENDED} {} {}\n", self.mark, now_ms());
            return self.write(&line);
        }
        self.write(&format!("{FREE}\n"))
    }

    /// The new text first, then the end of the file: a reader never sees it empty in between.
    fn write(&mut self, text: &str) -> io::Result<()> {
        let mut file = self.lock.file();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }
}

fn task_of(mark: &str) -> Option<&str> {
    mark.split('/').nth(1)
}

fn nonce_of(mark: &str) -> Option<&str> {
    mark.split_once('@').map(|(_, nonce)| nonce)
}

fn run_of_mark(mark: &str) -> Option<RunId> {
    TaskId::new(run_of(mark)).ok().map(RunId)
}

/// The whole lines among the first bytes of a lock's text.
fn beginning(file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == LONGEST {
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `run/task/attempt@workspace`, in earlier versions without the workspace: ids have no slash.
fn is_mark(line: &str) -> bool {
    !line.starts_with(ENDED) && line.matches('/').count() == 2
}

fn run_of(mark: &str) -> &str {
    mark.split('/').next().unwrap_or_default()
}

/// The mark of the attempt that came to a proper end at this time or later. Not one that ended in the future: then the
/// system's clock was set back, and nobody knows.
fn ended_since(text: &str, asked_ms: u64) -> Option<&str> {
    let mut words = text.lines().next()?.split(' ');
    let (word, mark, at) = (words.next()?, words.next()?, words.next()?.parse::<u64>().ok()?);
    (word == ENDED && is_mark(mark) && (asked_ms..=now_ms()).contains(&at)).then_some(mark)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn held(path: &Path, mark: &str, asked_ms: u64) -> Hold {
        match Hold::take(path, mark, asked_ms, Path::new("/")).unwrap() {
            Taken::Held(mut hold) => {
                hold.begin().unwrap();
                hold
            }
            Taken::ByAnother(by) => panic!("held by {by}"),
        }
    }

    fn by(path: &Path, mark: &str, asked_ms: u64) -> String {
        match Hold::take(path, mark, asked_ms, Path::new("/")).unwrap() {
            Taken::Held(_) => panic!("not held"),
            Taken::ByAnother(by) => by,
        }
    }

    #[test]
    fn who_asks_meanwhile_learns_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.lock");
        let hold = held(&path, "one/T/1", 0);
        assert_eq!(by(&path, "two/T/1", now_ms()), "one/T/1");
        let asked = now_ms();
        hold.end(true).unwrap();
        assert_eq!(by(&path, "two/T/1", asked), "one/T/1", "it ended after it was asked for");
        held(&path, "one/T/2", asked).end(true).unwrap();
        held(&path, "two/T/1", now_ms() + 1).end(false).unwrap();
        held(&path, "three/T/1", 0).end(false).unwrap();
    }

    #[test]
    fn what_did_not_end_properly_is_known_to_all_who_come_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.lock");
        drop(held(&path, "a-much-longer-name/T/1", 0));
        drop(held(&path, "two/T/1", 0));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two/T/1\n", "the first one was cleaned up after");
    }

    #[test]
    fn who_does_not_begin_leaves_no_mark_and_all_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.lock");
        drop(held(&path, "one/T/1", 0));
        drop(Hold::take(&path, "two/T/1", 0, Path::new("/")).unwrap());
        assert!(has_mark(&path, "one/T/1") && !has_mark(&path, "two/T/1"));
        drop(held(&path, "two/T/1", 0));
        assert!(!has_mark(&path, "one/T/1") && has_mark(&path, "two/T/1"));
        assert!(!has_mark(&dir.path().join("other.lock"), "one/T/1"));
    }

    /// A workspace may bring its locks.
    #[test]
    fn a_lock_as_long_as_somebody_liked_costs_no_more_than_a_usual_one() {
        let dir = tempfile::tempdir().unwrap();
        let (sparse, marks) = (dir.path().join("S.lock"), dir.path().join("M.lock"));
        File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
        std::fs::write(&marks, "a/b/1\n".repeat(1_000_000)).unwrap();
        for path in [&sparse, &marks] {
            assert!(!has_mark(path, "one/T/1"));
            assert!(beginning(&File::open(path).unwrap()).unwrap().len() <= 64 << 10);
            let began = std::time::Instant::now();
            let hold = held(path, "one/T/1", 0);
            // One look at all processes, or a few: not one for each mark.
            assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
            assert!(has_mark(path, "one/T/1"));
            assert_eq!(by(path, "two/T/1", now_ms()), "one/T/1");
            hold.end(true).unwrap();
            assert!(path.metadata().unwrap().len() < 100);
        }
    }

    #[test]
    fn an_end_in_the_future_tells_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.lock");
        std::fs::write(&path, format!("{ENDED} one/T/1 {}\n", now_ms() + 86_400_000)).unwrap();
        drop(held(&path, "two/T/1", 0));
    }
}
