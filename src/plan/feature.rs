//! One feature, planned from its tasks and the look-ups into all others: waves, states, problems.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::graph::Graph;
use super::names::natural;
use super::tables::{Entry, GroupKey, Statement, Tables, plain_path};
use super::{Feature, Held, Map, PlannedTask, Set, State, Wave};
use crate::task::{
    Code, Dialect, FeatureFile, FeatureRef, Place, Problem, RelPath, Severity, Span, Spanned, Standing, Task, TaskId,
    Text, WaveLabel,
};

/// What planning a feature gives.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Planned {
    /// The name that the feature goes by: its id, where no other goes by the same.
    pub(super) name: Option<Box<str>>,
    /// The feature; `None` where it has no task (any more).
    pub(super) feature: Option<Feature>,
    /// All problems of its files, those of their own included, in the order of their places.
    pub(super) problems: BTreeMap<RelPath, Vec<Problem>>,
    /// Other features with tasks in a cycle with tasks of this one: what changes here changes their problems.
    pub(super) partners: BTreeSet<GroupKey>,
}

/// Longer lists of ids or places are cut: a cycle through 10,000 tasks must not write 10,000 messages of 10,000 ids.
const LONGEST_LIST: usize = 40;

/// Plans one feature.
pub(super) fn plan<'a>(awaited: &Awaited<'a>, group: &GroupKey) -> Planned {
    let tables = awaited.tables;
    let statement_of_waves = tables.feature_files_of(group).next().filter(|file| !file.waves.is_empty());
    let entries: Vec<&Entry> = tables.members(group).collect();
    let mut members: Vec<Member> = entries
        .iter()
        .filter(|entry| tables.counts(entry))
        .map(|entry| Member::new(tables, entry, statement_of_waves))
        .collect();
    members.sort_by(|a, b| natural(a.entry.id(), b.entry.id()).then_with(|| a.task.file.cmp(&b.task.file)));

    let links = Links::new(&members);
    let cycles = Cycles::find(awaited, &members, &links);
    let waves = Waves::new(&members, &links);
    let mut report = Report::default();
    report.own_problems(tables, &entries);
    report.duplicates(tables, &entries);
    for (at, member) in members.iter().enumerate() {
        report.unknown_dependencies(tables, member);
        report.dropped_dependencies(member);
        report.cycles(&cycles, at);
        report.later_dependencies(&members, &links, &cycles, &waves, at);
        report.wave_mismatch(member, statement_of_waves.map(AsRef::as_ref));
        if statement_of_waves.is_none() {
            report.missing_wave(member, &waves);
        }
    }
    report.overlaps(&members, &waves);
    for file in tables.feature_files_of(group) {
        report.feature_file(tables, group, file);
    }
    let feature = assemble(tables, group, &members, &cycles, &waves);
    Planned {
        name: feature.as_ref().map(|feature| feature.id.clone()),
        feature,
        problems: report.finish(),
        partners: cycles.partners.into_iter().filter(|partner| partner != group).collect(),
    }
}

/// A task that counts, with what the feature file and other files say of it.
struct Member<'a> {
    entry: &'a Entry,
    task: &'a Task,
    standing: Standing,
    statement: Option<Statement<'a>>,
    /// The declared wave that counts.
    wave: Option<WaveLabel>,
    dependencies: Vec<Dependency<'a>>,
}

/// What a task depends on.
struct Dependency<'a> {
    /// As written.
    text: &'a str,
    place: Place,
    /// The tasks that it means; several only where files claim one id.
    targets: Vec<&'a Entry>,
    met: Met,
}

/// Does a dependency let its task start?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    NotYet,
    /// It was dropped: nobody will ever do it.
    Dropped,
    /// It was halted: somebody has to decide how it goes on.
    Halted,
    /// No task has this id.
    Unknown,
}

impl<'a> Member<'a> {
    fn new(tables: &'a Tables, entry: &'a Entry, waves: Option<&'a Arc<FeatureFile>>) -> Self {
        let task = &*entry.task;
        let statement = tables.statement_of(task);
        let wave = match waves {
            Some(_) => statement.and_then(|statement| statement.wave).map(|(at, _)| WaveLabel::numbered(at + 1)),
            None => task.wave.as_ref().map(|wave| wave.value.clone()),
        };
        Self {
            entry,
            task,
            standing: tables.standing(entry),
            statement,
            wave,
            dependencies: dependencies(tables, entry),
        }
    }

    fn is_open(&self) -> bool {
        self.standing.is_open()
    }

    fn unmet(&self) -> impl Iterator<Item = &Dependency<'a>> {
        self.dependencies.iter().filter(|dependency| dependency.met == Met::NotYet)
    }

    /// The severity of what stops this task, or would if it were to run.
    fn severity(&self, while_open: Severity) -> Severity {
        if self.is_open() { while_open } else { Severity::Information }
    }

    fn place(&self, span: Span) -> Place {
        Place { file: Arc::clone(&self.task.file), span }
    }

    fn id_place(&self) -> Place {
        self.place(self.task.id_span())
    }

    /// Where its wave stands, else its id.
    fn wave_place(&self) -> Place {
        self.place(self.task.wave.as_ref().map_or_else(|| self.task.id_span(), |wave| wave.span))
    }

    /// Why a person has to do it.
    fn needs_person(&self) -> Option<Text> {
        let by_feature_file = || {
            let statement = self.statement?;
            let mode = statement.task?.mode.as_ref().filter(|mode| mode.value.eq_ignore_ascii_case("manual"))?;
            Some(format!("implementation_mode: {} in {}", mode.value, name_of(&statement.file.file)).into())
        };
        self.task.needs_person.as_ref().map(|why| why.value.clone()).or_else(by_feature_file)
    }
}

/// Of the files that claim one id no more are told apart from each other: none of them starts.
const MOST_TARGETS: usize = 16;

/// What a task depends on: by its own file, else by the feature file.
fn dependencies<'a>(tables: &'a Tables, entry: &'a Entry) -> Vec<Dependency<'a>> {
    let task = &*entry.task;
    let stated =
        || tables.statement_of(task).and_then(|statement| Some((statement.file, statement.task?.depends_on.as_ref()?)));
    let may_be_stated = task.depends_on.is_empty() && task.dialect == Dialect::GuardKit;
    let (file, texts) = match may_be_stated.then(stated).flatten() {
        Some((file, texts)) => (&file.file, texts.as_slice()),
        None => (&task.file, &*task.depends_on),
    };
    texts.iter().map(|text| dependency(tables, entry, file, text)).collect()
}

fn dependency<'a>(tables: &'a Tables, entry: &Entry, file: &RelPath, text: &'a Spanned<Text>) -> Dependency<'a> {
    let mut targets = tables.resolve(entry, &text.value);
    if entry.task.dialect == Dialect::Gsd {
        // A dropped plan is none to GSD, and a dependency on it is one that no plan of the phase meets.
        targets.retain(|target| tables.standing(target) != Standing::Dropped);
    }
    let met = if targets.is_empty() { met_without_file(tables, entry, &text.value) } else { met_by(tables, &targets) };
    targets.truncate(MOST_TARGETS);
    Dependency { text: &text.value, place: Place { file: Arc::clone(file), span: text.span }, targets, met }
}

fn met_by(tables: &Tables, targets: &[&Entry]) -> Met {
    let mut met = Met::Dropped;
    for target in targets {
        match tables.standing(target) {
            Standing::Done | Standing::Deferred => return Met::Yes,
            Standing::Open | Standing::Claimed | Standing::Blocked => met = Met::NotYet,
            Standing::Halted if met == Met::Dropped => met = Met::Halted,
            Standing::Halted | Standing::Dropped => {}
        }
    }
    met
}

/// A feature file may call a task completed whose file is gone.
fn met_without_file(tables: &Tables, entry: &Entry, text: &str) -> Met {
    let is_done = |task: &crate::task::FeatureTask| matches!(task.standing, Standing::Done | Standing::Deferred);
    let completed = tables.statement(text).and_then(|statement| statement.task).is_some_and(is_done);
    if completed && entry.task.dialect == Dialect::GuardKit { Met::Yes } else { Met::Unknown }
}

/// The dependencies inside a feature, as edges between its members.
struct Links {
    at: Map<Identity, usize>,
    graph: Graph,
}

/// An entry of the tables, told from others by its place in memory, which it keeps while it is planned with.
type Identity = *const Entry;

impl Links {
    fn new(members: &[Member]) -> Self {
        let mut links = Self { at: Map::default(), graph: Graph::new(members.len()) };
        if members.iter().all(|member| member.dependencies.is_empty()) {
            return links;
        }
        links.at = members.iter().enumerate().map(|(at, member)| (std::ptr::from_ref(member.entry), at)).collect();
        for (from, member) in members.iter().enumerate() {
            for target in member.dependencies.iter().flat_map(|dependency| &dependency.targets) {
                if let Some(to) = links.member_of(target) {
                    links.graph.add_edge(from, to);
                }
            }
        }
        links
    }

    /// The member that a dependency of one leads to; `None` where it leads out of the feature.
    fn member_of(&self, entry: &Entry) -> Option<usize> {
        self.at.get(&std::ptr::from_ref(entry)).copied()
    }
}

/// The waves that tasks stand in: declared, else computed.
struct Waves {
    declared: bool,
    /// The wave of each member; `None` is the group "no wave".
    labels: Vec<Option<WaveLabel>>,
}

impl Waves {
    fn new(members: &[Member], links: &Links) -> Self {
        if members.first().is_some_and(|member| member.task.dialect == Dialect::Gsd) {
            return Self { declared: false, labels: computed(members, links, &Numbering::of_gsd(members)) };
        }
        let declared = members.iter().any(|member| member.wave.is_some());
        let labels = if declared {
            members.iter().map(|member| member.wave.clone()).collect()
        } else {
            let only_open = members.first().is_some_and(|member| member.task.dialect == Dialect::BacklogMd);
            computed(members, links, &Numbering { only_open, ..Numbering::default() })
        };
        Self { declared, labels }
    }

    fn of(&self, member: usize) -> Option<&WaveLabel> {
        self.labels.get(member)?.as_ref()
    }
}

/// How computed waves are numbered.
#[derive(Default)]
struct Numbering {
    /// The first wave is 0 where a plan of the feature declares that one.
    from_zero: bool,
    /// The least wave of each member, counted from 1; none where it is empty.
    least: Vec<usize>,
    /// Finished tasks count for no wave: the first one holds what can start.
    only_open: bool,
}

impl Numbering {
    /// As gsd-core numbers waves (`computeDependencyLevels`), but that a larger one that a plan declares counts.
    fn of_gsd(members: &[Member]) -> Self {
        let declared: Vec<Option<usize>> = members.iter().map(declared_number).collect();
        let from_zero = declared.contains(&Some(0));
        let from_one = |wave: &Option<usize>| wave.map_or(1, |wave| wave.saturating_add(usize::from(from_zero)));
        Self { from_zero, least: declared.iter().map(from_one).collect(), only_open: false }
    }
}

/// The number that a plan's declared wave begins with.
fn declared_number(member: &Member) -> Option<usize> {
    let label = member.task.wave.as_ref()?.value.as_str();
    let end = label.find(|c: char| !c.is_ascii_digit()).unwrap_or(label.len());
    label.get(..end)?.parse().ok()
}

/// One more than the largest wave of what a task depends on; tasks of a cycle share one.
fn computed(members: &[Member], links: &Links, numbering: &Numbering) -> Vec<Option<WaveLabel>> {
    let mut numbers = vec![0_usize; members.len()];
    let counts = |member: usize| !numbering.only_open || members.get(member).is_some_and(Member::is_open);
    for component in links.graph.components() {
        let targets = component.iter().flat_map(|&node| links.graph.targets(node));
        let counting = targets.filter(|target| counts(**target));
        let latest = counting.filter_map(|&target| numbers.get(target)).max().copied().unwrap_or(0);
        let least = component.iter().filter_map(|&node| numbering.least.get(node)).max().copied().unwrap_or(1);
        for node in component {
            if let Some(number) = numbers.get_mut(node) {
                *number = latest.saturating_add(1).max(least);
            }
        }
    }
    let shown = |number: usize| WaveLabel::numbered(number.saturating_sub(usize::from(numbering.from_zero)));
    numbers.into_iter().map(|number| Some(shown(number))).collect()
}

/// The cycles that members of a feature stand in.
struct Cycles {
    /// By member.
    by_member: Map<usize, CycleOf>,
    partners: BTreeSet<GroupKey>,
}

/// A cycle as one of its members sees it.
struct CycleOf {
    /// The member cannot start before it has ended itself.
    stops: bool,
    /// The cycle's tasks by their ids, the first again at the end.
    text: Arc<str>,
    /// Where each task refers to the next: this member's own place, and all of them.
    place: Place,
    steps: Arc<[(Place, Box<str>)]>,
    /// The members of this feature with which it forms one.
    together: Arc<Set<usize>>,
}

impl Cycles {
    fn find<'a>(awaited: &Awaited<'a>, members: &[Member<'a>], links: &Links) -> Self {
        let mut cycles = Self { by_member: Map::default(), partners: BTreeSet::new() };
        cycles.find_open(awaited, members, links);
        cycles.find_past(members, links);
        cycles
    }

    fn of(&self, member: usize) -> Option<&CycleOf> {
        self.by_member.get(&member)
    }

    fn are_together(&self, a: usize, b: usize) -> bool {
        self.of(a).is_some_and(|cycle| cycle.together.contains(&b))
    }

    /// Cycles of open tasks stop them. They may lead through other features, so the search follows open tasks there.
    fn find_open<'a>(&mut self, awaited: &Awaited<'a>, members: &[Member<'a>], links: &Links) {
        let waiting = members.iter().filter(|member| member.is_open());
        let mut targets = waiting.flat_map(|member| member.unmet()).flat_map(|dependency| &dependency.targets);
        if links.graph.leads_back_only() && targets.all(|target| links.member_of(target).is_some()) {
            return;
        }
        let reach = Reach::new(awaited, members);
        for component in reach.graph.cyclic_components() {
            let entries = component.iter().filter_map(|&node| reach.entries.get(node));
            let inside: Set<usize> = entries.clone().filter_map(|entry| links.member_of(entry)).collect();
            if inside.is_empty() {
                continue;
            }
            self.partners.extend(entries.map(|entry| GroupKey::clone(&entry.home)));
            let together = Arc::new(inside);
            let is_inside = |node: usize| reach.entries.get(node).is_some_and(|entry| links.member_of(entry).is_some());
            for cycle in reach.graph.cycles(&component, is_inside) {
                let steps: Vec<Step> = reach.steps(awaited.tables, &cycle);
                self.add(links, &steps, &together, true);
            }
        }
    }

    /// Cycles through tasks that are done or dropped stop nobody, but are told.
    fn find_past(&mut self, members: &[Member], links: &Links) {
        for component in links.graph.cyclic_components() {
            if component.iter().all(|node| self.by_member.contains_key(node)) {
                continue;
            }
            let together = Arc::new(component.iter().copied().collect());
            for cycle in links.graph.cycles(&component, |_| true) {
                let steps: Vec<Step> = steps_between(members, links, &cycle);
                self.add(links, &steps, &together, false);
            }
        }
    }

    fn add(&mut self, links: &Links, steps: &[Step], together: &Arc<Set<usize>>, stops: bool) {
        let text: Arc<str> = cycle_text(steps).into();
        let places = steps.iter().take(LONGEST_LIST).map(|step| (step.place.clone(), step.text()));
        let places: Arc<[(Place, Box<str>)]> = places.collect();
        for step in steps {
            let Some(member) = links.member_of(step.from) else { continue };
            self.by_member.entry(member).or_insert_with(|| CycleOf {
                stops,
                text: Arc::clone(&text),
                place: step.place.clone(),
                steps: Arc::clone(&places),
                together: Arc::clone(together),
            });
        }
    }
}

/// One task of a cycle refers to the next.
struct Step<'a> {
    from: &'a Entry,
    to: &'a Entry,
    place: Place,
}

impl Step<'_> {
    fn text(&self) -> Box<str> {
        format!("{} depends on {} here", self.from.id(), self.to.id()).into()
    }
}

fn cycle_text(steps: &[Step]) -> String {
    let mut ids: Vec<&str> = steps.iter().map(|step| step.from.id()).collect();
    let first = ids.first().copied().unwrap_or_default();
    if ids.len() > LONGEST_LIST {
        let more = format!("({} more)", ids.len() - LONGEST_LIST);
        ids.truncate(LONGEST_LIST);
        return format!("{} -> {more} -> {first}", ids.join(" -> "));
    }
    ids.push(first);
    ids.join(" -> ")
}

fn steps_between<'a>(members: &[Member<'a>], links: &Links, cycle: &[usize]) -> Vec<Step<'a>> {
    let next = cycle.iter().cycle().skip(1);
    let steps = cycle.iter().zip(next).filter_map(|(&from, &to)| {
        let (from, to) = (members.get(from)?, members.get(to)?);
        let leads_there = |dependency: &&Dependency| {
            dependency
                .targets
                .iter()
                .any(|target| links.member_of(target).is_some() && target.task.file == to.task.file)
        };
        let dependency = from.dependencies.iter().find(leads_there)?;
        Some(Step { from: from.entry, to: to.entry, place: dependency.place.clone() })
    });
    steps.collect()
}

/// The open tasks that the open tasks of a feature wait for, in whatever feature they are.
struct Reach<'a> {
    entries: Vec<&'a Entry>,
    graph: Graph,
}

impl<'a> Reach<'a> {
    fn new(awaited: &Awaited<'a>, members: &[Member<'a>]) -> Self {
        let open = members.iter().filter(|member| member.is_open());
        let mut reach = Self { entries: open.map(|member| member.entry).collect(), graph: Graph::default() };
        let mut number: Map<Identity, usize> = Map::default();
        for (at, entry) in reach.entries.iter().enumerate() {
            number.insert(std::ptr::from_ref(*entry), at);
            reach.graph.add_node();
        }
        let (mut at, mut edges) = (0, 0);
        while let Some(&entry) = reach.entries.get(at).filter(|_| edges < MOST_EDGES) {
            let targets = awaited.by(entry);
            edges += targets.len();
            for &target in &*targets {
                let to = *number.entry(std::ptr::from_ref(target)).or_insert_with(|| {
                    reach.entries.push(target);
                    reach.graph.add_node()
                });
                reach.graph.add_edge(at, to);
            }
            at += 1;
        }
        reach
    }

    fn steps(&self, tables: &'a Tables, cycle: &[usize]) -> Vec<Step<'a>> {
        let next = cycle.iter().cycle().skip(1);
        let steps = cycle.iter().zip(next).filter_map(|(&from, &to)| {
            let (from, to) = (*self.entries.get(from)?, *self.entries.get(to)?);
            let mut dependencies = dependencies(tables, from).into_iter();
            let leads_there = dependencies
                .find(|dependency| dependency.targets.iter().any(|target| target.task.file == to.task.file))?;
            Some(Step { from, to, place: leads_there.place })
        });
        steps.collect()
    }
}

/// No search for the cycles of one feature goes through more dependencies than this: where it would, there may be some that
/// nobody tells, and their tasks wait all the same.
const MOST_EDGES: usize = 20_000;

/// What open tasks wait for, remembered while many features are planned: each looks through what the others do.
pub(super) struct Awaited<'a> {
    tables: &'a Tables,
    known: RefCell<Map<Identity, Rc<[&'a Entry]>>>,
}

impl<'a> Awaited<'a> {
    pub(super) fn new(tables: &'a Tables) -> Self {
        Self { tables, known: RefCell::default() }
    }

    fn by(&self, entry: &'a Entry) -> Rc<[&'a Entry]> {
        let identity = std::ptr::from_ref(entry);
        if let Some(known) = self.known.borrow().get(&identity) {
            return Rc::clone(known);
        }
        let targets: Rc<[&Entry]> =
            dependencies(self.tables, entry).into_iter().flat_map(open_targets(self.tables)).collect();
        self.known.borrow_mut().insert(identity, Rc::clone(&targets));
        targets
    }
}

/// What a dependency waits for; nothing where it is met.
fn open_targets<'a>(tables: &'a Tables) -> impl Fn(Dependency<'a>) -> Vec<&'a Entry> {
    |dependency| {
        if dependency.met != Met::NotYet {
            return Vec::new();
        }
        dependency.targets.into_iter().filter(|target| tables.standing(target).is_open()).collect()
    }
}

/// A file that an open task of a wave declares to change.
struct Declared<'a> {
    path: Cow<'a, Path>,
    wave: &'a WaveLabel,
    member: &'a Member<'a>,
    span: Span,
}

/// Collects problems by file.
#[derive(Default)]
struct Report {
    problems: BTreeMap<RelPath, Vec<Problem>>,
}

impl Report {
    fn add(&mut self, place: Place, code: Code, severity: Severity, message: String, related: Vec<(Place, Box<str>)>) {
        let problem = Problem { code, severity, message: message.into(), span: place.span, related };
        self.problems.entry(place.file).or_default().push(problem);
    }

    fn finish(mut self) -> BTreeMap<RelPath, Vec<Problem>> {
        for problems in self.problems.values_mut() {
            problems.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
            problems.dedup();
        }
        self.problems
    }

    /// What the files were read with; as information where nothing of it can stop a task.
    fn own_problems(&mut self, tables: &Tables, entries: &[&Entry]) {
        for entry in entries.iter().filter(|entry| !entry.task.problems.is_empty()) {
            let matters = tables.counts(entry) && tables.standing(entry).is_open();
            for problem in &entry.task.problems {
                let severity = if matters { problem.severity } else { Severity::Information };
                let problems = self.problems.entry(Arc::clone(&entry.task.file)).or_default();
                problems.push(Problem { severity, ..problem.clone() });
            }
        }
    }

    fn duplicates(&mut self, tables: &Tables, entries: &[&Entry]) {
        for entry in entries {
            let Some(verdict) = tables.verdict(entry).filter(|verdict| verdict.duplicates.contains(&entry.task.file))
            else {
                continue;
            };
            let rivals = verdict
                .duplicates
                .iter()
                .filter(|file| **file != entry.task.file)
                .filter_map(|file| tables.entry(file));
            let related = rivals.take(LONGEST_LIST).map(|rival| {
                let place = Place { file: Arc::clone(&rival.task.file), span: rival.task.id_span() };
                (place, format!("{} stands here too", rival.id()).into())
            });
            let severity = severity_of_duplicate(tables, entry, verdict.stops);
            let message = if verdict.stops {
                format!(
                    "duplicate id \"{}\": {} open files have it, so none of them may run",
                    entry.id(),
                    verdict.duplicates.len()
                )
            } else {
                format!("duplicate id \"{}\": {} files of one place have it", entry.id(), verdict.duplicates.len())
            };
            let place = Place { file: Arc::clone(&entry.task.file), span: entry.task.id_span() };
            self.add(place, Code::DuplicateId, severity, message, related.collect());
        }
    }

    fn unknown_dependencies(&mut self, tables: &Tables, member: &Member) {
        for dependency in member.dependencies.iter().filter(|dependency| dependency.met == Met::Unknown) {
            let is_gsd = member.task.dialect == Dialect::Gsd;
            let severity = member.severity(if is_gsd { Severity::Warning } else { Severity::Error });
            let why = match tables.statement(dependency.text) {
                _ if is_gsd => "no plan of this phase has this id, and GSD runs the plan without it".into(),
                Some(statement) => format!("{} lists it, but no task file has this id", name_of(&statement.file.file)),
                None => "no task of this workspace has this id".into(),
            };
            let message = format!("unknown dependency \"{}\": {why}", dependency.text);
            self.add(dependency.place.clone(), Code::UnknownDependency, severity, message, Vec::new());
        }
    }

    /// Of an open task only: nobody minds what a done one depended on.
    fn dropped_dependencies(&mut self, member: &Member) {
        for dependency in member.dependencies.iter().filter(|_| member.is_open()) {
            let how = match dependency.met {
                Met::Dropped => "is dropped: nobody will ever do it",
                Met::Halted => "was halted: nobody goes on with it",
                Met::Yes | Met::NotYet | Met::Unknown => continue,
            };
            let message = format!("it depends on {}, which {how}", dependency.text);
            let given_up = dependency.targets.iter().take(LONGEST_LIST);
            let place = |entry: &&Entry| Place { file: Arc::clone(&entry.task.file), span: entry.task.id_span() };
            let related = given_up.map(|entry| (place(entry), "given up here".into())).collect();
            self.add(dependency.place.clone(), Code::DroppedDependency, Severity::Error, message, related);
        }
    }

    fn cycles(&mut self, cycles: &Cycles, at: usize) {
        let Some(cycle) = cycles.of(at) else { return };
        let severity = if cycle.stops { Severity::Error } else { Severity::Information };
        let related = cycle.steps.iter().filter(|(place, _)| *place != cycle.place).cloned().collect();
        self.add(
            cycle.place.clone(),
            Code::DependencyCycle,
            severity,
            format!("dependency cycle: {}", cycle.text),
            related,
        );
    }

    fn later_dependencies(&mut self, members: &[Member], links: &Links, cycles: &Cycles, waves: &Waves, at: usize) {
        let (Some(member), Some(wave)) = (members.get(at), waves.of(at).filter(|_| waves.declared)) else { return };
        for dependency in &member.dependencies {
            let targets = dependency.targets.iter().filter_map(|target| links.member_of(target));
            for to in targets.filter(|&to| !cycles.are_together(at, to)) {
                let (Some(target), Some(later)) = (members.get(to), waves.of(to)) else { continue };
                if later < wave {
                    continue;
                }
                let waits = member.is_open() && target.is_open();
                let severity = if waits { Severity::Warning } else { Severity::Information };
                let which = if later == wave {
                    format!("its own wave {wave}")
                } else {
                    format!("the later wave {later}, its own is {wave}")
                };
                let message = format!("{} depends on {} of {which}", member.entry.id(), dependency.text);
                let related =
                    vec![(target.wave_place(), format!("{} stands in wave {later}", target.entry.id()).into())];
                self.add(dependency.place.clone(), Code::DependencyNotEarlier, severity, message, related);
            }
        }
    }

    /// Where the frontmatter and the feature file disagree; the feature file counts.
    fn wave_mismatch(&mut self, member: &Member, waves: Option<&FeatureFile>) {
        self.other_feature(member);
        let Some(waves) = waves else { return };
        let severity = member.severity(Severity::Warning);
        let file = name_of(&waves.file);
        let id = member.entry.id();
        let Some(written) = &member.task.wave else {
            if member.wave.is_none() && member.is_open() {
                let message = format!("{file} puts {id} into no wave: it runs only by --task");
                self.add(member.id_place(), Code::WaveMismatch, severity, message, Vec::new());
            }
            return;
        };
        let stated = member.statement.and_then(|statement| statement.wave.map(|(_, span)| (statement.file, span)));
        let (message, related) = match (&member.wave, stated) {
            (Some(counts), _) if *counts == written.value => return,
            (Some(counts), Some((file_of, span))) => {
                let place = Place { file: Arc::clone(&file_of.file), span };
                let message =
                    format!("{id} says wave {}, but {file} puts it into wave {counts}, which counts", written.value);
                (message, vec![(place, format!("wave {counts} by the feature file").into())])
            }
            _ => {
                let place = Place { file: Arc::clone(&waves.file), span: waves.id.span };
                let message = format!(
                    "{id} says wave {}, but {file} puts it into none, which counts: it runs only by --task",
                    written.value
                );
                (message, vec![(place, "the waves of this feature file count".into())])
            }
        };
        self.add(member.place(written.span), Code::WaveMismatch, severity, message, related);
    }

    fn other_feature(&mut self, member: &Member) {
        let (FeatureRef::Named(name), Some(statement)) = (&member.task.feature, &member.statement) else { return };
        // `parent_review` and `parent_task` name the task that the feature came from, not another feature.
        if name.value == statement.file.id.value || name.value.starts_with("TASK-") {
            return;
        }
        let (id, feature) = (member.entry.id(), &statement.file.id);
        let message = format!(
            "{id} names the feature {}, but {} lists it in {}, which counts",
            name.value,
            name_of(&statement.file.file),
            feature.value
        );
        let span = statement.task.map_or(feature.span, |task| task.id.span);
        let place = Place { file: Arc::clone(&statement.file.file), span };
        let related = vec![(place, format!("{id} is listed here").into())];
        self.add(member.place(name.span), Code::WaveMismatch, member.severity(Severity::Warning), message, related);
    }

    /// A task that was forgotten would never run with its feature: that must be told.
    fn missing_wave(&mut self, member: &Member, waves: &Waves) {
        let is_told = member.task.problems.iter().any(|problem| problem.code == Code::InvalidWave);
        if !waves.declared || member.wave.is_some() || !member.is_open() || is_told {
            return;
        }
        let name = Some(member.entry.id()).filter(|id| !id.is_empty()).unwrap_or("this task");
        let message = format!("{name} has no wave, while others of its feature have: it runs only by --task");
        self.add(member.id_place(), Code::InvalidWave, Severity::Warning, message, Vec::new());
    }

    fn overlaps(&mut self, members: &[Member], waves: &Waves) {
        let mut declared: Vec<Declared> = Vec::new();
        for (at, member) in members.iter().enumerate().filter(|(_, member)| member.is_open()) {
            let Some(wave) = waves.of(at) else { continue };
            let files = member.task.files.iter();
            declared.extend(files.map(|file| Declared {
                path: plain_path(&file.value),
                wave,
                member,
                span: file.span,
            }));
        }
        // Stable: who declares the same stays in the order of the feature.
        declared.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()).then_with(|| a.wave.cmp(b.wave)));
        for same in declared.chunk_by(|a, b| a.path == b.path && a.wave == b.wave).filter(|same| same.len() > 1) {
            let mut takers: Vec<&Declared> = same.iter().collect();
            takers.dedup_by(|later, first| later.member.task.file == first.member.task.file);
            if let [first, _, ..] = takers.as_slice() {
                self.overlap(first.wave, &first.path, &takers);
            }
        }
    }

    fn overlap(&mut self, wave: &WaveLabel, path: &Path, takers: &[&Declared]) {
        for Declared { member, span, .. } in takers {
            let others = || takers.iter().filter(|other| other.member.task.file != member.task.file).take(LONGEST_LIST);
            let names: Vec<&str> = others().map(|other| other.member.entry.id()).collect();
            let message =
                format!("{} is also declared by {} of the same wave ({wave})", path.display(), names.join(", "));
            let related = others().map(|Declared { member, span, .. }| {
                (member.place(*span), format!("{} declares it here", member.entry.id()).into())
            });
            self.add(member.place(*span), Code::FileOverlap, Severity::Warning, message, related.collect());
        }
    }

    /// What is wrong with a feature file itself.
    fn feature_file(&mut self, tables: &Tables, group: &GroupKey, file: &FeatureFile) {
        self.problems.entry(Arc::clone(&file.file)).or_default().extend(file.problems.iter().cloned());
        let mut told = Set::default();
        self.unfinished_by_feature_file(tables, file);
        self.missing_files(tables, file);
        let listed = file.tasks.iter().map(|task| (&task.id, task.standing));
        let in_waves = file.waves.iter().flatten().map(|id| (id, Standing::Open));
        for (id, standing) in listed.chain(in_waves).filter(|(id, _)| told.insert(id.value.clone())) {
            self.listed_task(tables, group, file, id, standing);
        }
        if self.problems.get(&file.file).is_some_and(Vec::is_empty) {
            self.problems.remove(&file.file);
        }
    }

    /// The feature file says that tasks are still to be done whose own files say done: one fact of the feature.
    fn unfinished_by_feature_file(&mut self, tables: &Tables, file: &FeatureFile) {
        let is_done = |id: &str| tables.find_listed(id).is_some_and(|entry| entry.task.standing == Standing::Done);
        let behind = file.tasks.iter().filter(|task| task.status.is_some() && task.standing.is_open());
        let behind: Vec<&Spanned<Text>> = behind.map(|task| &task.id).filter(|id| is_done(&id.value)).collect();
        let Some(first) = behind.first() else { return };
        let named: Vec<&str> = behind.iter().take(LONGEST_LIST).map(|id| &*id.value).collect();
        let more = behind.len().saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message =
            format!("{} calls tasks open whose own files say done: {}{more}", name_of(&file.file), named.join(", "));
        let place = Place { file: Arc::clone(&file.file), span: first.span };
        self.add(place, Code::StatusMismatch, Severity::Information, message, Vec::new());
    }

    /// GuardKit copies each task's file from where the feature file says that it is.
    fn missing_files(&mut self, tables: &Tables, file: &FeatureFile) {
        for task in file.tasks.iter().filter(|task| task.standing.is_open()) {
            let Some(path) = &task.file_path else { continue };
            let Some(entry) = tables.find_listed(&task.id.value).filter(|entry| tables.standing(entry).is_open())
            else {
                continue;
            };
            if tables.entry(&plain_path(&path.value)).is_some() {
                continue;
            }
            let message = format!("{} is not there; {} has this task", path.value, entry.task.file.display());
            let place = Place { file: Arc::clone(&file.file), span: path.span };
            self.add(place, Code::MissingFile, Severity::Warning, message, Vec::new());
        }
    }

    fn listed_task(
        &mut self,
        tables: &Tables,
        group: &GroupKey,
        file: &FeatureFile,
        id: &Spanned<Text>,
        standing: Standing,
    ) {
        let place = || Place { file: Arc::clone(&file.file), span: id.span };
        let severity = |open| if open { Severity::Warning } else { Severity::Information };
        let Some(entry) = tables.find_listed(&id.value) else {
            let message = format!("{} is listed here, but no task file has this id", id.value);
            self.add(place(), Code::WaveMismatch, severity(standing.is_open()), message, Vec::new());
            return;
        };
        let counts = tables.statement(&id.value).map(|statement| &statement.file.file);
        if let Some(other) = counts.filter(|other| **other != file.file) {
            let message = format!("{} is listed here, but {} counts for it", id.value, name_of(other));
            let related =
                vec![(Place { file: Arc::clone(other), span: Span::default() }, "this feature file counts".into())];
            let open = tables.standing(entry).is_open() && *entry.home != *group;
            self.add(place(), Code::WaveMismatch, severity(open), message, related);
        }
    }
}

fn severity_of_duplicate(tables: &Tables, entry: &Entry, stops: bool) -> Severity {
    let counting = tables.counting_for(entry);
    match tables.standing(counting) {
        standing if !standing.is_open() => Severity::Information,
        _ if stops => Severity::Error,
        _ => Severity::Warning,
    }
}

/// The feature as others see it.
fn assemble(tables: &Tables, group: &GroupKey, members: &[Member], cycles: &Cycles, waves: &Waves) -> Option<Feature> {
    let first = members.first()?;
    let mut by_label: BTreeMap<Option<&WaveLabel>, Vec<PlannedTask>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        by_label.entry(waves.of(at)).or_default().push(planned(tables, member, cycles.of(at)));
    }
    // `None` sorts first, but the tasks without a wave stand last.
    let wave = |label: Option<&WaveLabel>, tasks: Vec<PlannedTask>| Wave { label: label.cloned(), tasks: exact(tasks) };
    let outside = by_label.remove(&None).map(|tasks| wave(None, tasks));
    let inside = by_label.into_iter().map(|(label, tasks)| wave(label, tasks));
    let id = name_of_feature(group, first.task);
    Some(Feature {
        title: title(tables, group, members).unwrap_or_else(|| id.clone()),
        id,
        dialect: first.task.dialect,
        runs_unasked: *group != GroupKey::WholeBacklog,
        waves: exact(inside.chain(outside)),
    })
}

/// A list as long as what is in it: it is kept as long as its feature, and room for more would be a third of all plans.
fn exact<T>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    all.shrink_to_fit();
    all
}

/// The name that a feature goes by.
fn name_of_feature(group: &GroupKey, first: &Task) -> Box<str> {
    match group {
        GroupKey::Named(_, name) => (**name).into(),
        GroupKey::WholeBacklog => "backlog".into(),
        GroupKey::Alone(file) => match &first.id {
            Some(id) => (*id.value).into(),
            None => file.file_stem().map_or_else(|| "alone".into(), |stem| stem.to_string_lossy().into()),
        },
    }
}

fn title(tables: &Tables, group: &GroupKey, members: &[Member]) -> Option<Box<str>> {
    if let GroupKey::Alone(_) = group {
        return members.first().map(|member| (*member.task.title).into());
    }
    let by_feature_file = tables.feature_files_of(group).find_map(|file| file.name.as_deref());
    let title = by_feature_file.or_else(|| members.iter().find_map(|member| member.task.feature_title.as_deref()));
    title.map(Into::into)
}

fn planned(tables: &Tables, member: &Member, cycle: Option<&CycleOf>) -> PlannedTask {
    let targets = member.dependencies.iter().flat_map(|dependency| &dependency.targets);
    let mut planned = PlannedTask::new(&member.entry.task, state(tables, member, cycle), ids_of(targets).into());
    planned.is_done_by_run = planned.state == State::Done && !tables.is_done_by_files(member.entry);
    match member.statement {
        Some(statement) => planned.stated(statement.task, member.needs_person()),
        None => planned,
    }
}

/// The ids of these tasks, each once.
fn ids_of<'a>(tasks: impl Iterator<Item = &'a &'a Entry>) -> Vec<Text> {
    let mut ids: Vec<Text> = Vec::new();
    for task in tasks {
        if !ids.iter().any(|id| **id == *task.id()) {
            ids.push(task.id_text());
        }
    }
    ids
}

fn state(tables: &Tables, member: &Member, cycle: Option<&CycleOf>) -> State {
    match member.standing {
        Standing::Done => return State::Done,
        Standing::Dropped | Standing::Deferred => return State::Dropped,
        Standing::Halted => return State::Halted,
        Standing::Open | Standing::Claimed | Standing::Blocked => {}
    }
    if let Some(why) = member.needs_person() {
        return State::NeedsPerson(why);
    }
    if let Some(why) = obstacle(tables, member, cycle) {
        return State::Unrunnable(why);
    }
    let waits_for = ids_of(member.unmet().flat_map(|dependency| &dependency.targets));
    let status = || member.task.status.as_ref().map(|status| Arc::clone(&status.value)).unwrap_or_default();
    match member.standing {
        Standing::Claimed => State::Claimed(Held { status: status(), waits_for }),
        Standing::Blocked => State::Blocked(Held { status: status(), waits_for }),
        _ if waits_for.is_empty() => State::Ready,
        _ => State::Waiting(waits_for),
    }
}

/// The first problem that stops a task.
fn obstacle(tables: &Tables, member: &Member, cycle: Option<&CycleOf>) -> Option<Text> {
    let id = member.entry.id();
    if id.is_empty() {
        return Some("it has no id".into());
    }
    if let Err(unsafe_id) = TaskId::check(id) {
        return Some(unsafe_id.to_string().into());
    }
    if tables
        .verdict(member.entry)
        .is_some_and(|verdict| verdict.stops && verdict.duplicates.contains(&member.task.file))
    {
        return Some("several open files have its id".into());
    }
    if let Some(problem) = member.task.problems.iter().find(|problem| problem.severity == Severity::Error) {
        return Some((*problem.message).into());
    }
    if let Some(cycle) = cycle.filter(|cycle| cycle.stops) {
        return Some(format!("dependency cycle: {}", cycle.text).into());
    }
    member.dependencies.iter().find_map(|dependency| match dependency.met {
        // GSD drops it, and runs the plan.
        Met::Unknown if member.task.dialect == Dialect::Gsd => None,
        Met::Unknown => Some(format!("unknown dependency \"{}\"", dependency.text).into()),
        Met::Dropped => Some(format!("it depends on {}, which is dropped", dependency.text).into()),
        Met::Halted => Some(format!("it depends on {}, which was halted", dependency.text).into()),
        Met::Yes | Met::NotYet => None,
    })
}

fn name_of(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
