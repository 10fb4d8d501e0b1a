//! The question whether to trust a configuration.

use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, ShowDocumentParams};

use super::commands::{Command, Target};
use super::convert::uri_of;
use super::plain::{self, Plain};
use super::tell;
use crate::agent::{self, CONFIG_FILE};
use crate::error::with_causes;
use crate::workspace::trust::{Standing, Store, Subject};

/// The answers that the user may choose.
const YES: &str = "Trust and run";
const SHOW: &str = "Show configuration";
const SHOW_ALL: &str = "Show all of it";
const NO: &str = "Not now";
/// A message shows no more lines of what the configuration says, and no more of what changed.
const MOST_LINES: usize = 20;
/// And of each line no more characters.
const LONGEST_LINE: usize = 400;
/// And of all lines together: a dialog that is higher than the screen hides its end.
const LONGEST: usize = 4000;
/// Where a line of the document is folded: an editor may show only what fits its window, beside its other panes.
const FOLD: usize = 72;

/// What the user is asked.
#[derive(Debug)]
pub(super) struct TrustQuestion {
    pub(super) subject: Subject,
    pub(super) standing: Standing,
    pub(super) store: Store,
    /// What is to be started after a yes.
    pub(super) again: (Command, Target),
}

/// As much of it as a message holds.
pub(super) struct Shown {
    pub(super) text: String,
    /// There is more: nobody may agree to what is not all.
    is_cut: bool,
}

impl TrustQuestion {
    fn parts(&self) -> Vec<Vec<String>> {
        let parts = self.standing.describe(&self.subject, |name| agent::agent(self.subject.config(), name)?.command);
        parts.iter().map(|part| part.iter().map(|line| agent::safe::exact(line)).collect()).collect()
    }

    /// As much of it as a message holds.
    pub(super) fn shown(&self) -> Shown {
        let parts = self.parts();
        let mut is_cut = false;
        let lines: Vec<String> = parts.iter().flat_map(|part| shortened(part, &mut is_cut)).collect();
        let mut lines = lines.join("\n");
        if let Some((end, _)) = lines.char_indices().nth(LONGEST) {
            is_cut = true;
            lines.truncate(end);
            lines.push('…');
        }
        let why = match self.standing {
            Standing::Changed { .. } => "This configuration is not the one that you trusted.",
            Standing::Trusted(_) | Standing::New => "You have not trusted this configuration yet.",
        };
        let more = if is_cut { "\nThis is not all of it." } else { "" };
        Shown { text: format!("Run {}? {why}\n{lines}{more}", self.what()), is_cut }
    }

    fn what(&self) -> String {
        plain::line(&self.again.1.words())
    }

    /// All of it, for a document.
    fn whole(&self) -> String {
        let mut text = String::from(
            "What you are asked to trust, whole.\nCharacters that cannot be seen are written as their numbers.\n\
             A line that begins with \u{21b3} belongs to the one above.\n",
        );
        for part in self.parts() {
            text.push('\n');
            part.iter().for_each(|line| fold(line, &mut text));
        }
        text
    }
}

/// As much of it as a message holds. What changed has room of its own: a long list must not push it out.
fn shortened(part: &[String], is_cut: &mut bool) -> Vec<String> {
    let more = part.len().saturating_sub(MOST_LINES);
    let mut lines: Vec<String> = part.iter().take(MOST_LINES).map(|line| cut(line, is_cut)).collect();
    if more > 0 {
        *is_cut = true;
        lines.push(format!("  … {more} more"));
    }
    lines
}

fn cut(line: &str, is_cut: &mut bool) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line.into(),
        Some((end, _)) => {
            *is_cut = true;
            format!("{}…", line.get(..end).unwrap_or_default())
        }
    }
}

fn fold(line: &str, text: &mut String) {
    for (at, char) in line.chars().enumerate() {
        if at > 0 && at % FOLD == 0 {
            text.push_str("\n    \u{21b3} ");
        }
        text.push(char);
    }
    text.push('\n');
}

/// Asks; what is to be started where the user said yes.
pub(super) async fn ask(client: &Client, question: TrustQuestion, show_document: bool) -> Option<(Command, Target)> {
    let Shown { text, is_cut } = question.shown();
    // What was cut cannot be agreed to: the only way on is the whole text.
    let answers: &[&'static str] = if is_cut { &[SHOW_ALL, NO] } else { &[YES, SHOW, NO] };
    match choose(client, &text, answers).await? {
        YES if !is_cut => trust(client, question).await,
        SHOW if !is_cut => {
            tell::file(client, show_document, "configuration", &question.subject.root().join(CONFIG_FILE)).await;
            None
        }
        SHOW_ALL if is_cut => ask_beside_the_whole(client, question, show_document).await,
        _ => None,
    }
}

/// The answer that the user chose of these.
async fn choose(client: &Client, text: &str, answers: &[&'static str]) -> Option<&'static str> {
    let chosen = tell::ask(client, MessageType::WARNING, Plain::exact(text), answers).await?;
    answers.get(chosen).copied()
}

/// Opens a document with all of it, and asks again, on one line, so that an editor need not cover the document with it.
async fn ask_beside_the_whole(client: &Client, question: TrustQuestion, can_show: bool) -> Option<(Command, Target)> {
    let (store, root, text) = (question.store.clone(), question.subject.root().to_path_buf(), question.whole());
    let in_a_terminal = format!("call in a terminal: feature-build -C {} trust", root.display());
    let written =
        tokio::task::spawn_blocking(move || store.write_down(&root, &text).map_err(|error| with_causes(&error)));
    let document = match written.await.ok()? {
        Ok(document) => document,
        Err(reason) => {
            tell::user(client, MessageType::ERROR, &reason).await;
            return None;
        }
    };
    let asked = |uri| ShowDocumentParams { uri, external: None, take_focus: Some(true), selection: None };
    let is_shown = match uri_of(&document) {
        Some(uri) if can_show => client.show_document(asked(uri)).await.unwrap_or(false),
        _ => false,
    };
    if !is_shown {
        let how = format!("this editor cannot show all of what you are asked to trust; {in_a_terminal}");
        tell::user(client, MessageType::WARNING, &how).await;
        return None;
    }
    let text = "Do you trust all that the document says, to its end?";
    match choose(client, text, &[YES, NO]).await? {
        YES => trust(client, question).await,
        _ => None,
    }
}

async fn trust(client: &Client, question: TrustQuestion) -> Option<(Command, Target)> {
    let TrustQuestion { subject, store, again, .. } = question;
    let trusted = tokio::task::spawn_blocking(move || store.trust(&subject).map_err(|error| with_causes(&error)));
    match trusted.await.ok()? {
        Ok(_) => Some(again),
        Err(reason) => {
            tell::user(client, MessageType::ERROR, &reason).await;
            None
        }
    }
}
