//! Setting a workspace up from the editor: who shall do its tasks.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::Client;
use tower_lsp::ls_types::MessageType;

use super::State;
use crate::agent;
use crate::agent::CONFIG_FILE;
use crate::lsp::message::Event;
use crate::lsp::{plain, tell};
use crate::workspace::Config;

impl State {
    /// Asks which agent shall do the tasks, of those that are installed. Answered at once: the user may take his time.
    pub(super) fn choose(&mut self, path: &Path, answer: oneshot::Sender<Value>) {
        let Some(root) = self.roots.get(path) else { return };
        let Some(index) = root.index() else { return };
        let reason = if index.config_error().is_some() || index.config().runs_something() {
            Some(format!("{CONFIG_FILE} says already what runs the tasks"))
        } else if self.choosing.contains(path) {
            Some("the question is being asked already".to_owned())
        } else {
            None
        };
        let asks = reason.is_none();
        let _ = answer.send(json!({ "asked": asks, "reason": reason }));
        if !asks {
            return;
        }
        self.choosing.insert(path.to_path_buf());
        let name = root.shown().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (client, events, root) = (self.client.clone(), self.events.clone(), path.to_path_buf());
        tokio::spawn(async move {
            let result = ask(&client, root.clone(), &name).await;
            let _ = events.send(Event::Chosen { root, result }).await;
        });
    }

    /// The configuration is written, or the user did not want one.
    pub(super) fn chosen(&mut self, path: &Path, result: Result<Option<String>, String>) {
        self.choosing.remove(path);
        match result {
            Ok(None) => {}
            Ok(Some(title)) => {
                let file = path.join(CONFIG_FILE);
                // Not every editor watches files, and none tells at once.
                self.watched_files_changed(path, std::slice::from_ref(&file));
                self.message(MessageType::INFO, format!("{title} does the tasks: {CONFIG_FILE} is written"));
                self.show("configuration", &file);
            }
            Err(reason) => self.message(MessageType::ERROR, reason),
        }
    }
}

/// Asks, and writes what was chosen. The title of the agent; nothing where the user chose none.
async fn ask(client: &Client, root: PathBuf, name: &str) -> Result<Option<String>, String> {
    let looked = root.clone();
    let found = tokio::task::spawn_blocking(move || agent::found(&Config::default(), &looked)).await;
    let found = found.map_err(|error| format!("looking for agents: {error}"))?;
    let here: Vec<agent::Found> = found.into_iter().filter(|agent| agent.program.is_some()).collect();
    if here.is_empty() {
        let known = crate::workspace::PRESETS.join(", ");
        return Err(format!(
            "no agent that feature-build knows is installed ({known}); install one, or write a command of your own into {CONFIG_FILE}"
        ));
    }
    let name = plain::line(name);
    let question = format!("Who shall do the tasks of {name}? The answer is written into {CONFIG_FILE}.");
    let titles: Vec<&str> = here.iter().map(|agent| agent.title.as_str()).collect();
    let answer = tell::ask(client, MessageType::INFO, &question, &titles).await;
    let Some(chosen) = answer.and_then(|answer| here.into_iter().nth(answer)) else { return Ok(None) };
    let written = tokio::task::spawn_blocking(move || {
        let preset = agent::agent(&Config::default(), &chosen.name).unwrap_or_default();
        agent::write_starter(&root, &agent::starter(&chosen.name, &preset)).map(|()| chosen.title)
    });
    let written = written.await.map_err(|error| format!("writing {CONFIG_FILE}: {error}"))?;
    written.map(Some).map_err(|error| format!("writing {CONFIG_FILE}: {error}"))
}
