//! The user's own dialect: which key means what, from `feature-build.yaml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::folder_text;
use super::reader::{Found, Loss, Reader};
use crate::task::{Dialect, FeatureRef, RelPath, Spanned, Standing, Task, words};

/// Which key of a task file means what, in a dialect of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnKeys {
    /// The id. Default: `id`.
    pub id: String,
    /// The title. Default: `title`; without such a key the first heading.
    pub title: String,
    /// How far the task is. Default: `status`.
    pub status: String,
    /// The wave. Default: `wave`.
    pub wave: String,
    /// The ids that must be done before. Default: `depends_on`.
    pub depends_on: String,
    /// The feature. Default: `feature`; without such a key the folder.
    pub feature: String,
    /// The key of `modes:` that runs the task. Default: `implementation_mode`.
    pub mode: String,
    /// The files that the task declares to change. Default: `files`.
    pub files: String,
    /// Statuses that mean done, in any case. Default: `completed`, `closed`, `done`.
    pub done: Vec<String>,
    /// Statuses that mean given up, in any case. Default: `cancelled`, `superseded`, `obsolete`, `archived`, `deferred`,
    /// `deleted`.
    pub dropped: Vec<String>,
    /// Modes of tasks that a person has to do. Default: `manual`.
    pub person: Vec<String>,
}

impl Default for OwnKeys {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            id: "id".to_owned(),
            title: "title".to_owned(),
            status: "status".to_owned(),
            wave: "wave".to_owned(),
            depends_on: "depends_on".to_owned(),
            feature: "feature".to_owned(),
            mode: "implementation_mode".to_owned(),
            files: "files".to_owned(),
            done: texts(&["completed", "closed", "done"]),
            dropped: texts(&["cancelled", "superseded", "obsolete", "archived", "deferred", "deleted"]),
            person: texts(&["manual"]),
        }
    }
}

pub(super) fn read(file: &RelPath, mut reader: Reader<'_>, keys: &OwnKeys) -> Option<Task> {
    let id = reader.text(&keys.id, Loss::Place);
    let is_plainly_a_task = reader.has(&keys.status) && reader.has_any(&[&keys.wave, &keys.depends_on, &keys.id]);
    if id.is_none() && !is_plainly_a_task && !reader.has_lost_its_place() {
        return None;
    }
    let status = reader.text(&keys.status, Loss::Detail);
    let mode = reader.text(&keys.mode, Loss::Detail);
    let found = Found {
        dialect: Dialect::Own,
        title: reader.title_or_heading(&keys.title, id.as_ref()),
        standing: status.as_ref().map_or(Standing::Open, |status| standing(&status.value, keys)),
        remark: None,
        scope: None,
        is_archived: false,
        folder: None,
        wave: reader.wave(&[&keys.wave]),
        feature: reader.text(&keys.feature, Loss::Detail).map_or_else(
            || FeatureRef::Folder(words::shared(&folder_text(file))),
            |name| FeatureRef::Named(words::shared_at(&name)),
        ),
        feature_title: None,
        depends_on: reader.ids(&[&keys.depends_on]),
        needs_person: mode
            .as_ref()
            .filter(|mode| is_among(&mode.value, &keys.person))
            .map(|mode| Spanned::new(format!("{} is {}", keys.mode, mode.value).into(), mode.span)),
        files: reader.list(&keys.files, Loss::Detail),
        mode,
        status,
        id,
    };
    Some(reader.finish(file, found))
}

fn standing(status: &str, keys: &OwnKeys) -> Standing {
    if is_among(status, &keys.done) {
        Standing::Done
    } else if is_among(status, &keys.dropped) {
        Standing::Dropped
    } else {
        Standing::Open
    }
}

fn is_among(text: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(text))
}
