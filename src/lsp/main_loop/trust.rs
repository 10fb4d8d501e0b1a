//! Asking the user whether to trust a configuration, after the command that needed it was answered.

use super::requests::chain;
use super::*;

/// The answers that the user may choose.
const YES: &str = "Trust and run";
const SHOW: &str = "Show configuration";
const NO: &str = "Not now";
/// A message shows no more lines of what would run, and no more of what changed; the file itself has all.
const MOST_LINES: usize = 20;
/// And of each line no more characters.
const LONGEST_LINE: usize = 1000;

/// What the user is asked.
#[derive(Debug)]
pub(in crate::lsp) struct Question {
    pub(super) subject: Subject,
    pub(super) standing: Standing,
    pub(super) store: Store,
    /// What is to be started after a yes.
    pub(super) again: (Command, Target),
}

impl Question {
    fn text(&self) -> String {
        let parts = self.standing.describe(&self.subject, |name| agent::agent(self.subject.config(), name)?.command);
        let lines: Vec<String> = parts.iter().flat_map(|part| shortened(part)).collect();
        let what = plain::line(&self.again.1.words());
        let why = match self.standing {
            Standing::Changed { .. } => "This configuration is not the one that you trusted.",
            Standing::Trusted(_) | Standing::New => "You have not trusted this configuration yet.",
        };
        format!("Run {what}? {why}\n{}", lines.join("\n"))
    }
}

/// As much of it as a message holds. What changed has room of its own: a long list must not push it out.
fn shortened(part: &[String]) -> Vec<String> {
    let more = part.len().saturating_sub(MOST_LINES);
    let lines = part.iter().take(MOST_LINES).map(|line| cut(&agent::safe::exact(line)));
    lines.chain((more > 0).then(|| format!("  … {more} more, which are in the file only"))).collect()
}

/// Says where there is more: nobody shall trust what looks like all of a command and is not.
fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line.into(),
        Some((end, _)) => format!("{}… (more of it is in the file)", line.get(..end).unwrap_or_default()),
    }
}

impl State {
    /// Asks, unless a question about this root is open already.
    pub(super) fn ask_for_trust(&mut self, path: &Path, question: Question) {
        let Some(root) = self.roots.get_mut(path).filter(|root| !root.asking) else { return };
        if !self.abilities.message_requests {
            let text = question.text();
            let how = format!("{text}\nTo trust it, call in a terminal: feature-build -C {} trust", path.display());
            return self.message(MessageType::WARNING, Plain::exact(&how));
        }
        root.asking = true;
        let (client, happenings) = (self.client.clone(), self.happenings.clone());
        let show_document = self.abilities.show_document;
        tokio::spawn(async move {
            let root = question.subject.root().to_path_buf();
            let again = ask(&client, question, show_document).await;
            let _ = happenings.send(Happening::TrustAnswered { root, again }).await;
        });
    }

    pub(super) fn trust_answered(&mut self, path: &Path, again: Option<(Command, Target)>) {
        if let Some(root) = self.roots.get_mut(path) {
            root.asking = false;
        }
        let Some((command, target)) = again else { return };
        // Whoever sent the command has its answer already.
        let (answer, _) = oneshot::channel();
        self.command_in(path, Request::Command { command, target, loud: true, answer });
    }
}

/// Asks; what is to be started where the user said yes.
async fn ask(client: &Client, question: Question, show_document: bool) -> Option<(Command, Target)> {
    let answers = [YES, SHOW, NO];
    let chosen = tell::ask(client, MessageType::WARNING, Plain::exact(&question.text()), &answers).await?;
    match answers.get(chosen).copied()? {
        YES => trust(client, question).await,
        SHOW => {
            tell::file(client, show_document, "configuration", &question.subject.root().join(CONFIG_FILE)).await;
            None
        }
        _ => None,
    }
}

async fn trust(client: &Client, question: Question) -> Option<(Command, Target)> {
    let Question { subject, store, again, .. } = question;
    let trusted = tokio::task::spawn_blocking(move || store.trust(&subject).map_err(|error| chain(&error)));
    match trusted.await.ok()? {
        Ok(_) => Some(again),
        Err(reason) => {
            tell::user(client, MessageType::ERROR, &reason).await;
            None
        }
    }
}
