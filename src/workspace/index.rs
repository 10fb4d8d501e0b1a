//! All task files of a workspace, parsed and planned, and kept so while files change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use super::backlog::{Backlog, Of};
use super::config::FILE_NAME;
use super::discover::{self, Places, Role, Source};
use super::placeholder::{Author, Placeholder, Template, UnsafeValue};
use super::program;
use super::{Command, Config, ConfigError, left_out, private, walk};
use crate::plan::{Asked, Catalog, Feature, KnownIds, Replanned, Set, UnknownId};
use crate::task::{
    self, BacklogFolder, Code, Dialect, FeatureFile, FeatureRef, OwnCommand, Problem, RelPath, Severity, Span, Summary,
    Surroundings, Task, TaskId,
};

/// More commands that were looked at are not remembered: each task may have its own.
const MOST_TEMPLATES: usize = 256;
/// No text that ranges are counted in is longer.
const LONGEST_TEXT: u64 = 64 << 20;

/// The problems of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileProblems {
    /// The file.
    pub file: RelPath,
    /// Its problems, in the order of their places.
    pub problems: Vec<Problem>,
}

/// The commands that were looked at: thousands of tasks have the same one, and it may be long.
#[derive(Debug, Default)]
struct Templates(Mutex<HashMap<Vec<String>, Looked>>);

/// What came of looking at a command.
type Looked = Arc<Result<Template, UnsafeValue>>;

impl Templates {
    fn of(&self, words: Vec<String>, root: &Path) -> Looked {
        // Poison means that another thread panicked; what is known still counts.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = known.get(&words) {
            return Arc::clone(template);
        }
        let real_name = |program: &str| program::real_name(program, root);
        let template = Arc::new(Template::new(words.clone(), Author::User, &real_name));
        if known.len() < MOST_TEMPLATES {
            known.insert(words, Arc::clone(&template));
        }
        template
    }
}

/// What one change of a file touched: followers refresh these and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files whose problems may be different now.
    pub files: BTreeSet<RelPath>,
    /// Features (by id) whose plan may be different now.
    pub features: BTreeSet<Box<str>>,
}

/// All task files of one root, parsed and planned. Cheap to update: a change of one file costs its feature, not the
/// workspace (promise 8).
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
    config: Arc<Config>,
    config_error: Option<ConfigError>,
    /// Its commands that take a value where none may stand.
    unsafe_commands: Vec<Problem>,
    templates: Templates,
    /// May a command of the configuration take a value of a task?
    fills_in: bool,
    places: Places,
    backlog: Backlog,
    /// The texts of open editors, which count instead of the disk's.
    open: BTreeMap<RelPath, Arc<str>>,
    catalog: Catalog,
    /// Files and folders that should be read and cannot, with the reason.
    unread: BTreeMap<RelPath, Box<str>>,
}

/// A wave could start without a task that has to come before: nobody knows what an unread file says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} cannot be read: {reason}{}; nobody knows which tasks that leaves out, so no wave is started. Make it readable, take \
     it away, or run single tasks by --task",
    .file.display(), and_more(*.more)
)]
pub struct Unread {
    /// The first such file or folder, relative to the root.
    pub file: RelPath,
    /// Why it is not read.
    pub reason: Box<str>,
    /// How many others there are.
    pub more: usize,
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (`feature-build check` names {more} more)") }
}

/// What one file says.
enum Said {
    Task(Arc<Task>),
    Feature(Arc<FeatureFile>),
    /// It cannot be read, with the reason.
    Nothing(RelPath, Box<str>),
}

impl Said {
    fn file(&self) -> &RelPath {
        match self {
            Self::Task(task) => &task.file,
            Self::Feature(feature_file) => &feature_file.file,
            Self::Nothing(file, _) => file,
        }
    }
}

impl Index {
    /// Reads the whole workspace. Never fails as a whole: what cannot be read is a problem. Blocking.
    pub fn build(root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let mut index = Self {
            places: Places::new(&Config::default(), &BacklogFolder::default()),
            root,
            config: Arc::default(),
            config_error: None,
            unsafe_commands: Vec::new(),
            templates: Templates::default(),
            fills_in: false,
            backlog: Backlog::default(),
            open: BTreeMap::new(),
            catalog: Catalog::new(),
            unread: BTreeMap::new(),
        };
        index.backlog = Backlog::load(&index.root);
        index.take_config();
        let (mut tasks, mut feature_files) = (Vec::new(), Vec::new());
        for said in index.read_closed(Path::new("")) {
            match said {
                Said::Task(task) => tasks.push(task),
                Said::Feature(feature_file) => feature_files.push(feature_file),
                Said::Nothing(file, reason) => drop(index.unread.insert(file, reason)),
            }
        }
        index.catalog = Catalog::of(&tasks, feature_files, walk::threads());
        index
    }

    /// The canonical root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration in force (the last good one where the file is broken now, else the default one; then a problem
    /// says so).
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Why the configuration file is not in force, where that is so.
    pub fn config_error(&self) -> Option<&ConfigError> {
        self.config_error.as_ref()
    }

    /// Features in the order of their ids.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        self.catalog.features()
    }

    /// One feature.
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        self.catalog.feature(id)
    }

    /// What a file says, where it is a task. Files may be named relative to the root or absolutely, here and below.
    pub fn task(&self, file: &Path) -> Option<&Task> {
        self.catalog.task(&self.relative(file)?).map(Arc::as_ref)
    }

    /// The feature that a task file belongs to.
    pub fn feature_of(&self, file: &Path) -> Option<&Feature> {
        self.catalog.feature_of(&self.relative(file)?)
    }

    /// The task file that counts for an id.
    pub fn file_of(&self, id: &str) -> Option<&RelPath> {
        self.catalog.file_of(id)
    }

    /// The problems of one file, planning's included.
    pub fn problems(&self, file: &Path) -> Vec<Problem> {
        match self.relative(file) {
            Some(file) if &*file == Path::new(FILE_NAME) => self.config_problems(),
            Some(file) => {
                let of_backlog = self.backlog_problems().filter(|(unread, _)| *unread == &*file);
                let of_backlog = of_backlog.map(|(_, problem)| problem).chain(self.unread_problem(&file));
                of_backlog.chain(self.catalog.problems(&file).iter().cloned()).collect()
            }
            None => Vec::new(),
        }
    }

    /// Everything that a run of what was asked for has to know could be read.
    ///
    /// # Errors
    /// [`Unread`]: a wave could start without a task that has to come before.
    pub fn all_read(&self, asked: &Asked) -> Result<(), Unread> {
        let is_of_waves = !matches!(asked, Asked::Tasks(_));
        match self.unread.iter().next().filter(|_| is_of_waves) {
            None => Ok(()),
            Some((file, reason)) => {
                Err(Unread { file: Arc::clone(file), reason: reason.clone(), more: self.unread.len() - 1 })
            }
        }
    }

    fn unread_problem(&self, file: &RelPath) -> Option<Problem> {
        let reason = self.unread.get(file)?;
        let message = format!("it cannot be read, so no wave is started: {reason}");
        let (code, severity) = (Code::Unreadable, Severity::Error);
        Some(Problem { code, severity, message: message.into(), span: Span::default(), related: Vec::new() })
    }

    /// The problems of all files that have any, in the order of their paths.
    pub fn all_problems(&self) -> Vec<FileProblems> {
        let planned = self.catalog.files_with_problems();
        let mut all: Vec<_> =
            planned.map(|(file, problems)| FileProblems { file: file.clone(), problems: problems.to_vec() }).collect();
        let of_config = (Path::new(FILE_NAME), self.config_problems());
        let of_backlog = self.backlog_problems().map(|(file, problem)| (file, vec![problem]));
        let of_configs = std::iter::once(of_config).chain(of_backlog).filter(|(_, problems)| !problems.is_empty());
        all.extend(of_configs.map(|(file, problems)| FileProblems { file: file.into(), problems }));
        let unread = self.unread.keys().filter(|file| self.catalog.problems(file).is_empty());
        all.extend(unread.map(|file| FileProblems { file: Arc::clone(file), problems: self.problems(file) }));
        all.sort_by(|a, b| a.file.cmp(&b.file));
        all
    }

    /// What looks like a planning tool's in this root and is not read, as the problem of the file `.`: `nothing-read` where
    /// no task was read at all, else `left-out`. Blocking: goes through folders that nothing else looks into, so it is
    /// asked for once and not kept.
    pub fn left_out(&self) -> Option<FileProblems> {
        let reads_any = self.catalog.features().next().is_some();
        let problem = left_out::problem(&self.root, reads_any)?;
        Some(FileProblems { file: Path::new(".").into(), problems: vec![problem] })
    }

    /// The dependency that this problem of a file is about, where nobody knows it.
    pub fn unknown_id(&self, file: &Path, problem: &Problem) -> Option<UnknownId> {
        self.catalog.unknown_id(&self.relative(file)?, problem)
    }

    /// Every id, to look for those nearest to an unknown one: costs a look at every id, so it is asked for when the user
    /// pauses, not on each keystroke.
    pub fn known_ids(&self) -> KnownIds {
        self.catalog.known_ids()
    }

    /// The text of a file as ranges count in it: the open editor's, else the disk's. Blocking.
    pub fn text(&self, file: &Path) -> Option<Arc<str>> {
        let file = self.relative(file)?;
        if let Some(text) = self.open.get(&file) {
            return Some(text.clone());
        }
        let path = self.places.on_disk(&self.root, &file).ok()?.unwrap_or_else(|| self.root.join(&file));
        let bytes = private::read_plain(&path, LONGEST_TEXT).ok()?;
        Some(task::decode(&bytes).into())
    }

    /// Would this path, if it existed, be read as a task file, feature file or configuration, or change how one is read?
    pub fn concerns(&self, file: &Path) -> bool {
        self.relative(file).is_some_and(|file| self.places.role(&file).is_some())
    }

    /// Takes the text of an open editor as the file's text (`None`: back to what the disk has).
    pub fn set_text(&mut self, file: &Path, text: Option<Arc<str>>) -> Changed {
        let Some(file) = self.relative(file) else { return Changed::default() };
        let closed = text.is_none();
        match text {
            Some(text) => self.open.insert(file.clone(), text),
            None => self.open.remove(&file),
        };
        // A run reads the configuration from disk, and so does the index: half-typed it would only forget every task.
        match self.places.role(&file) {
            Some(Role::Task(_) | Role::FeatureFile) => self.read_again(&file),
            _ if closed => return self.reload(&file),
            _ => return Changed::default(),
        }
        self.replanned()
    }

    /// Reads a file again that changed, appeared or went on disk; all of a folder's files where it is one. Blocking.
    pub fn reload(&mut self, file: &Path) -> Changed {
        let Some(file) = self.relative(file) else { return Changed::default() };
        let role = self.places.role(&file);
        let mut changed = Changed::default();
        match role {
            Some(Role::Config) => {
                changed.files.insert(file);
                if self.take_config() {
                    self.rescan();
                }
            }
            Some(Role::BacklogFacts) => self.read_backlog_again(),
            Some(Role::Summary) => self.read_plans_of(&file),
            Some(Role::Task(_) | Role::FeatureFile) => self.read_again(&file),
            None => self.read_folder_again(&file),
        }
        let replanned = self.replanned();
        changed.files.extend(replanned.files);
        changed.features.extend(replanned.features);
        changed
    }

    /// Tells which tasks passed in their latest attempt: they count as done everywhere.
    pub fn set_passed(&mut self, passed: BTreeSet<TaskId>) -> Changed {
        self.catalog.set_passed(passed);
        self.replanned()
    }

    /// Tells which tasks a run of ours has started before: a status that says that somebody works on one of them was
    /// written by its agent.
    pub fn set_tried(&mut self, tried: BTreeSet<TaskId>) -> Changed {
        self.catalog.set_tried(tried);
        self.replanned()
    }

    fn replanned(&mut self) -> Changed {
        let Replanned { features, files } = self.catalog.replan();
        Changed { files, features }
    }

    /// The path relative to the root; `None` where it lies outside.
    fn relative(&self, file: &Path) -> Option<RelPath> {
        let inside = if file.is_absolute() { self.strip_root(file)? } else { file.to_path_buf() };
        let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        is_plain.then(|| inside.components().collect::<PathBuf>().into()) // `a//b` is known as `a/b`
    }

    /// Editors name files as the user opened them, perhaps through a link that the canonical root does not have.
    fn strip_root(&self, file: &Path) -> Option<PathBuf> {
        if let Ok(inside) = file.strip_prefix(&self.root) {
            return Some(inside.to_path_buf());
        }
        let real = file.parent()?.canonicalize().ok()?.join(file.file_name()?);
        real.strip_prefix(&self.root).ok().map(Path::to_path_buf)
    }

    /// Backlog.md's configuration and milestones, where they are not read, and why.
    fn backlog_problems(&self) -> impl Iterator<Item = (&Path, Problem)> {
        self.backlog.unread().iter().map(|unread| {
            let problem = match unread.of {
                Of::Configuration => broken_config(Severity::Warning, &unread.why, Span::default()),
                Of::Milestone => not_read(Severity::Warning, &unread.why, Span::default()),
            };
            (&*unread.file, problem)
        })
    }

    fn config_problems(&self) -> Vec<Problem> {
        match &self.config_error {
            Some(error) => vec![broken_config(Severity::Error, &error.message, error.span)],
            None => self.unsafe_commands.clone(),
        }
    }

    /// Reads the configuration. True where task files must be read again because of it.
    fn take_config(&mut self) -> bool {
        let read = Config::read(&self.root).map(|bytes| task::decode(&bytes).into_owned());
        let (text, config) = match read.and_then(|text| Config::parse(&text).map(|config| (text, config))) {
            Ok(read) => read,
            Err(error) => {
                self.config_error = Some(error);
                return false;
            }
        };
        self.config_error = None;
        let old = std::mem::replace(&mut self.config, Arc::new(config));
        self.places = Places::new(&self.config, self.backlog.folder());
        self.fills_in = self.config.fills_in();
        self.templates = Templates::default();
        self.unsafe_commands = unsafe_commands(&self.config, &text, &|words| self.templates.of(words, &self.root));
        let now = &self.config;
        let reads = |config: &Config| (config.dialect, config.task_commands);
        let runs = |config: &'_ Config| (config.agent.clone(), config.verify.clone());
        reads(&old) != reads(now)
            || runs(&old) != runs(now)
            || (&old.own, &old.agents, &old.run, &old.modes) != (&now.own, &now.agents, &now.run, &now.modes)
    }

    /// Reads everything.
    fn rescan(&mut self) {
        self.load_backlog();
        self.rescan_within(Path::new(""));
    }

    fn load_backlog(&mut self) {
        self.backlog = Backlog::load(&self.root);
        self.places = Places::new(&self.config, self.backlog.folder());
    }

    /// Reads all files of a folder, and forgets those that it no longer has.
    fn rescan_within(&mut self, folder: &Path) {
        let read = self.read_closed(folder);
        let open = self.open.keys().filter(|file| file.starts_with(folder));
        let open: Vec<Said> = open.filter_map(|file| self.read_now(file)).collect();
        self.forget_others(folder, read.iter().chain(&open).map(Said::file));
        self.unread.retain(|file, _| !file.starts_with(folder));
        for said in read.into_iter().chain(open) {
            let file = Arc::clone(said.file());
            self.take(&file, Some(said));
        }
    }

    /// Reads all files of a folder, but for those that are open in an editor.
    fn read_closed(&self, folder: &Path) -> Vec<Said> {
        let take = |file: &Path, role: Role, source: Source<'_>| {
            let file: RelPath = file.into();
            let is_open = self.open.contains_key(&file);
            (!is_open).then(|| self.read(&file, role, source)).flatten()
        };
        self.places.each_file(&self.root, folder, take, |file, why| Said::Nothing(file.into(), why.into()))
    }

    /// Forgets the files of a folder that are not among these.
    fn forget_others<'a>(&mut self, folder: &Path, found: impl Iterator<Item = &'a RelPath>) {
        let known: Set<RelPath> = self.known_within(folder).cloned().collect();
        if known.is_empty() {
            return;
        }
        let found: Set<&RelPath> = found.collect();
        for file in known.iter().filter(|file| !found.contains(file)) {
            self.take(file, None);
        }
    }

    fn known_within<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a RelPath> {
        self.catalog.files().filter(move |file| file.starts_with(folder))
    }

    fn read_folder_again(&mut self, folder: &RelPath) {
        let concerns = self.known_within(folder).next().is_some() || self.root.join(folder).is_dir();
        if concerns {
            self.rescan_within(folder);
        }
    }

    fn read_backlog_again(&mut self) {
        let before = self.backlog.folder().clone();
        self.load_backlog();
        if *self.backlog.folder() != before {
            // Its tasks are looked for elsewhere, or by other names.
            self.rescan_within(Path::new(&*before.path));
        }
        let folder = self.backlog.folder().path.clone();
        self.rescan_within(Path::new(&*folder));
    }

    /// The plans whose summary this file is.
    fn read_plans_of(&mut self, summary: &Path) {
        let folder = summary.parent().unwrap_or(Path::new(""));
        let is_its_plan = |file: &&RelPath| {
            file.parent() == Some(folder) && task::summaries_of(file).iter().any(|its| its == summary)
        };
        let plans: Vec<_> = self.known_within(folder).filter(is_its_plan).cloned().collect();
        for plan in plans {
            self.read_again(&plan);
        }
    }

    fn read_again(&mut self, file: &RelPath) {
        let said = self.read_now(file);
        self.take(file, said);
    }

    fn read_now(&self, file: &RelPath) -> Option<Said> {
        let role = self.places.role(file)?;
        let is_new_of_own = role == Role::Task(Dialect::Own) && !self.catalog.has(file);
        if is_new_of_own && !discover::git_sees(&self.root, file) {
            return None;
        }
        if self.open.contains_key(file) {
            return self.read(file, role, Source::Path(file));
        }
        match self.places.on_disk(&self.root, file) {
            Ok(path) => self.read(file, role, Source::Path(&path?)),
            Err(why) => Some(Said::Nothing(Arc::clone(file), why.into())),
        }
    }

    fn take(&mut self, file: &RelPath, said: Option<Said>) {
        self.unread.remove(file);
        match said {
            Some(Said::Nothing(file, reason)) => {
                self.take(&file, None);
                self.unread.insert(file, reason);
            }
            Some(Said::Task(task)) => self.catalog.set_task(file, Some(task)),
            Some(Said::Feature(feature)) => self.catalog.set_feature_file(file, Some(feature)),
            None if self.places.role(file) == Some(Role::FeatureFile) => self.catalog.set_feature_file(file, None),
            None => self.catalog.set_task(file, None),
        }
    }

    /// Reads one file, from its editor or else from there. `None` where it is gone or no task.
    fn read(&self, file: &RelPath, role: Role, source: Source<'_>) -> Option<Said> {
        let read = match role {
            Role::Task(dialect) => {
                self.read_task(file, dialect, source).map(|task| task.map(|task| Said::Task(Arc::new(task))))
            }
            Role::FeatureFile => {
                let text =
                    self.open.get(file).cloned().map_or_else(|| discover::read_small(source).map(Into::into), Ok);
                text.map(|text: Arc<str>| Some(Said::Feature(Arc::new(FeatureFile::parse(file, &text)))))
            }
            Role::Config | Role::BacklogFacts | Role::Summary => Ok(None),
        };
        match read {
            Ok(said) => said,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Said::Nothing(Arc::clone(file), error.to_string().into())),
        }
    }

    fn read_task(&self, file: &RelPath, dialect: Dialect, source: Source<'_>) -> io::Result<Option<Task>> {
        let own = Some(&self.config.own.keys);
        let (summary, unread_summary) =
            if dialect == Dialect::Gsd { self.summary_of(file) } else { (Summary::default(), None) };
        let around = Surroundings { summary, backlog: self.backlog.facts(), own };
        let parse = |text: &str| task::parse(file, text, dialect, &around);
        let read = match self.open.get(file) {
            Some(text) => parse(text),
            None => {
                let parse_beginning = |text: &str| task::parse_beginning(file, text, dialect, &around);
                discover::read_task(source, parse_beginning, parse)?
            }
        };
        let Some(mut task) = read else { return Ok(None) };
        if let Some(why) = unread_summary.filter(|_| task.standing.is_open()) {
            task.problems.push(not_read(Severity::Error, &why, task.anchor));
            task.problems.sort_by_key(|problem| problem.span);
        }
        if self.config.task_commands {
            tell_of_unknown_agent(&mut task, &self.config);
            tell_of_unsafe_model(&mut task);
        } else {
            tell_of_ignored_keys(&mut task);
        }
        if self.fills_in || task.own.is_some() {
            self.tell_of_unsafe_value(&mut task);
        }
        Ok(Some(task))
    }

    /// A value that a run would refuse is told before anybody asks for the run.
    fn tell_of_unsafe_value(&self, task: &mut Task) {
        let Some((origin, refused)) = self.unsafe_value(task) else { return };
        let severity = if task.standing.is_open() { Severity::Error } else { Severity::Information };
        let span = match refused.placeholder() {
            Placeholder::Wave => task.wave.as_ref().map(|wave| wave.span),
            _ => task.id.as_ref().map(|id| id.span),
        };
        task.problems.push(Problem {
            code: Code::UnsafeValue,
            severity,
            message: format!("in {origin} {refused}").into(),
            span: span.unwrap_or(task.anchor),
            related: Vec::new(),
        });
        task.problems.sort_by_key(|problem| problem.span);
    }

    fn unsafe_value(&self, task: &Task) -> Option<(String, UnsafeValue)> {
        let feature = match &task.feature {
            FeatureRef::Named(name) => &*name.value,
            FeatureRef::Folder(name) => name,
            FeatureRef::Alone | FeatureRef::WholeBacklog => "",
        };
        let value = |placeholder| match placeholder {
            Placeholder::Id => task.id.as_ref().map_or("", |id| &id.value).into(),
            Placeholder::Title => (&*task.title).into(),
            Placeholder::File => task.file.to_string_lossy(),
            Placeholder::Feature => feature.into(),
            Placeholder::Wave => task.wave.as_ref().map_or("", |wave| wave.value.as_str()).into(),
            Placeholder::Workspace => self.root.to_string_lossy(),
        };
        let refused = |(origin, command): (String, Command)| {
            let refused = match &*self.templates.of(command.words()?, &self.root) {
                Ok(template) => template.fill(value).err()?,
                Err(refused) => refused.clone(),
            };
            Some((origin, refused))
        };
        commands_of(task, &self.config).into_iter().find_map(refused)
    }

    /// What the summary beside a plan says: of several the first, in the order in which GSD looks for them, that finishes
    /// the plan. Where none that can be read does, also why another cannot be read: it may finish the plan, which would be
    /// paid for twice.
    fn summary_of(&self, plan: &Path) -> (Summary, Option<String>) {
        let (mut found, mut unread) = (Summary::Missing, None);
        for file in task::summaries_of(plan) {
            let said = match discover::read_beginning(&self.root, &file) {
                Ok(text) => task::read_summary(&text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let of = file.display();
                    unread.get_or_insert(format!(
                        "its summary {of} cannot be read, so nobody knows if it is done: {error}"
                    ));
                    continue;
                }
            };
            match said {
                Summary::Complete => return (Summary::Complete, None),
                other if found == Summary::Missing => found = other,
                _ => {}
            }
        }
        (found, unread)
    }
}

fn not_read(severity: Severity, why: &str, span: Span) -> Problem {
    Problem { code: Code::Unreadable, severity, message: why.into(), span, related: Vec::new() }
}

fn broken_config(severity: Severity, message: &str, span: Span) -> Problem {
    Problem { code: Code::InvalidConfiguration, severity, message: message.into(), span, related: Vec::new() }
}

/// A task must not say what is started unless the configuration lets it; saying nothing would look as if it counted.
fn tell_of_ignored_keys(task: &mut Task) {
    let Some(own) = &task.own else { return };
    let keys = [
        ("run", own.run.as_ref().map(|run| run.span)),
        ("agent", own.agent.as_ref().map(|agent| agent.span)),
        ("model", own.model.as_ref().map(|model| model.span)),
        ("verify", own.verify.as_ref().map(|verify| verify.span)),
    ];
    for (key, span) in keys {
        let Some(span) = span else { continue };
        let message = format!("`{key}` counts only where feature-build.yaml says `task_commands: true`");
        add_problem(task, Code::IgnoredKey, message, span);
    }
}

fn tell_of_unknown_agent(task: &mut Task, config: &Config) {
    let Some(agent) = task.own.as_ref().and_then(|own| own.agent.as_ref()) else { return };
    if let Err(message) = config.knows_agent(&agent.value) {
        let span = agent.span;
        add_problem(task, Code::InvalidFrontmatter, message, span);
    }
}

/// A model is an argument, too.
fn tell_of_unsafe_model(task: &mut Task) {
    let Some(model) = task.own.as_ref().and_then(|own| own.model.as_ref()) else { return };
    if !model.value.starts_with('-') && !model.value.contains('\0') {
        return;
    }
    let (message, span) = (format!("`model` is {:?} here, which is no model", &*model.value), model.span);
    let severity = if task.standing.is_open() { Severity::Error } else { Severity::Information };
    let code = Code::UnsafeValue;
    task.problems.push(Problem { code, severity, message: message.into(), span, related: Vec::new() });
    task.problems.sort_by_key(|problem| problem.span);
}

fn add_problem(task: &mut Task, code: Code, message: String, span: Span) {
    let severity = if task.standing.is_open() { Severity::Warning } else { Severity::Information };
    task.problems.push(Problem { code, severity, message: message.into(), span, related: Vec::new() });
    task.problems.sort_by_key(|problem| problem.span);
}

/// Each command of the configuration in which a value stands where none may, whatever the value: told where it is mended, and
/// before there is a task.
fn unsafe_commands(config: &Config, text: &str, template: &dyn Fn(Vec<String>) -> Looked) -> Vec<Problem> {
    let refused = |(origin, command): (String, &Command)| {
        let words = command.words()?;
        let template = template(words.clone());
        let refused = template.as_ref().as_ref().err()?;
        let value = format!("{{{}}}", refused.placeholder().name());
        // Where the words stand as they are written; an escape or a second command like it may hide them.
        let word = words.iter().find(|word| word.contains(&value) && text.contains(word.as_str()));
        let word = word.map_or(value.as_str(), String::as_str);
        let start = text.find(word);
        Some(Problem {
            code: Code::UnsafeValue,
            severity: Severity::Error,
            message: format!("in {origin} {refused}").into(),
            span: start.map(|start| Span::new(start, start + word.len())).unwrap_or_default(),
            related: Vec::new(),
        })
    };
    let mut problems: Vec<Problem> = config.commands().filter_map(refused).collect();
    problems.sort_by_key(|problem| problem.span);
    problems
}

/// What is called for a task: its command or its agent's, and what verifies it. The presets are none of it: nothing that
/// they are filled with can become an option there.
fn commands_of(task: &Task, config: &Config) -> Vec<(String, Command)> {
    let own = |key: &str, command: &OwnCommand| {
        let command = match command {
            OwnCommand::Argv(words) => Command::Argv(words.iter().map(ToString::to_string).collect()),
            OwnCommand::Line(line) => Command::Line(line.to_string()),
        };
        (format!("`{key}` of this task"), command)
    };
    let mode = task.mode.as_ref().map(|mode| &*mode.value);
    let of_task = task.own.as_ref().filter(|_| config.task_commands);
    let own_verify = of_task.and_then(|task| task.verify.as_ref()).into_iter().flat_map(|verify| &verify.value);
    let verify = config.verify.iter().map(|command| ("`verify`".into(), command.clone()));
    let mut commands: Vec<(String, Command)> = verify.chain(own_verify.map(|command| own("verify", command))).collect();
    match of_task.map(|task| (&task.run, &task.agent)) {
        Some((Some(run), _)) => commands.push(own("run", &run.value)),
        Some((None, Some(agent))) => commands.extend(commands_of_agent(&agent.value, config)),
        _ => {
            commands
                .extend(config.command_of(mode).map(|command| ("the command of this task".into(), command.clone())));
            commands.extend(config.agent_of(mode).into_iter().flat_map(|agent| commands_of_agent(agent, config)));
        }
    }
    commands
}

fn commands_of_agent(name: &str, config: &Config) -> Vec<(String, Command)> {
    let agent = config.agents.get(name).into_iter();
    let commands = agent.flat_map(|agent| [("command", &agent.command), ("resume", &agent.resume)]);
    commands.filter_map(|(key, command)| Some((format!("`agents.{name}.{key}`"), command.clone()?))).collect()
}
