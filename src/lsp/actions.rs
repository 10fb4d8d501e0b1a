//! Code actions: the same commands as the lenses, for editors that draw none.

use tower_lsp::ls_types::{self as lsp, CodeAction, CodeActionOrCommand, CodeActionParams};

use super::capabilities::{ACTION_KIND, ClientCapabilities};
use super::lenses::Offers;
use super::plain;

/// The offers of a file as code actions, where the editor asks for their kind.
pub(super) fn of(
    offers: &Offers,
    root: &str,
    params: &CodeActionParams,
    capabilities: &ClientCapabilities,
) -> Vec<CodeActionOrCommand> {
    let wanted = params.context.only.as_ref().is_none_or(|kinds| {
        // A kind asks for all that begin with it: `source` for `source.featureBuild` (LSP 3.17, `CodeActionKind`).
        let covers = |kind: &str| {
            ACTION_KIND.as_str().strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        kinds.iter().any(|kind| kind.as_str().is_empty() || covers(kind.as_str()))
    });
    if !wanted {
        return Vec::new();
    }
    let action = |offer: &super::lenses::Offer| {
        let arguments = serde_json::to_value(offer.target.at(root.to_string())).ok().map(|target| vec![target]);
        let title = plain::line(&offer.action);
        let command = lsp::Command { title: title.clone(), command: offer.command.id().to_string(), arguments };
        if !capabilities.action_literals {
            return CodeActionOrCommand::Command(command);
        }
        CodeActionOrCommand::CodeAction(CodeAction {
            title,
            kind: Some(ACTION_KIND),
            command: Some(command),
            ..CodeAction::default()
        })
    };
    offers.offers.iter().map(action).collect()
}
