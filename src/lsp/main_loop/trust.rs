//! Asking the user whether to trust a configuration, after the command that needed it was answered.

use std::path::Path;

use tokio::sync::oneshot;
use tower_lsp::ls_types::MessageType;

use super::State;
use crate::lsp::commands::{Command, Target};
use crate::lsp::message::{CommandCall, Event};
use crate::lsp::plain::Plain;
use crate::lsp::trust_prompt;
use crate::lsp::trust_prompt::TrustQuestion;

impl State {
    /// Asks, unless a question about this root is open already.
    pub(super) fn ask_for_trust(&mut self, path: &Path, question: TrustQuestion) {
        let Some(root) = self.roots.get_mut(path).filter(|root| !root.asking) else { return };
        if !self.capabilities.message_requests {
            let text = question.shown().text;
            let how = format!("{text}\nTo trust it, call in a terminal: feature-build -C {} trust", path.display());
            return self.message(MessageType::WARNING, Plain::exact(&how));
        }
        root.asking = true;
        let (client, events) = (self.client.clone(), self.events.clone());
        let show_document = self.capabilities.show_document;
        tokio::spawn(async move {
            let root = question.subject.root().to_path_buf();
            let again = trust_prompt::ask(&client, question, show_document).await;
            let _ = events.send(Event::TrustAnswered { root, again }).await;
        });
    }

    pub(super) fn trust_answered(&mut self, path: &Path, again: Option<(Command, Target)>) {
        if let Some(root) = self.roots.get_mut(path) {
            root.asking = false;
        }
        let Some((command, target)) = again else { return };
        // Whoever sent the command has its answer already.
        let (answer, _) = oneshot::channel();
        self.command_in(path, CommandCall { command, target, notify_user: true, answer });
    }
}
