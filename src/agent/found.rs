//! Which agents this machine has.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::{preset, safe};
use crate::workspace::{Agent, Config};

/// An agent that takes longer to say its version is shown without one.
const PATIENCE: Duration = Duration::from_secs(10);
/// More is no version.
const MOST: u64 = 4096;

/// An agent, and whether it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name that the configuration calls it by.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its program; `None` where it is not on PATH.
    pub program: Option<PathBuf>,
    /// What its program says its version is.
    pub version: Option<String>,
    /// How to get it, where somebody says so.
    pub get: Option<String>,
}

/// Looks on PATH for every agent that the configuration knows. Blocking, but quick: it starts nothing.
pub fn found(config: &Config, root: &Path) -> Vec<Found> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of = |name: String| {
        let agent = preset::agent(config, &name).unwrap_or_default();
        let program = program(&agent).and_then(|program| on_path(&program, &path, root));
        let title = agent.title.unwrap_or_else(|| name.clone());
        Found { name, title, program, version: None, get: agent.get }
    };
    preset::names(config).into_iter().map(of).collect()
}

/// The same, with their versions: asks all of them at the same time. Only presets are asked: what the configuration says
/// has to be trusted before it is started.
pub async fn found_with_versions(config: &Config, root: &Path) -> Vec<Found> {
    let mut all = found(config, root);
    let mut asked = tokio::task::JoinSet::new();
    for (at, agent) in all.iter().enumerate() {
        if config.agents.contains_key(&agent.name) {
            continue;
        }
        let version = preset::agent(config, &agent.name).and_then(|agent| agent.version?.words());
        if let (Some(program), Some(version)) = (agent.program.clone(), version) {
            asked.spawn(async move { (at, version_of(&program, version.get(1..).unwrap_or_default()).await) });
        }
    }
    while let Some(answer) = asked.join_next().await {
        let Ok((at, version)) = answer else { continue };
        if let Some(agent) = all.get_mut(at) {
            agent.version = version;
        }
    }
    all
}

fn program(agent: &Agent) -> Option<String> {
    agent.command.as_ref()?.words()?.into_iter().next()
}

/// The first file of the name on PATH that can be executed. A folder of PATH that is relative or lies in the workspace, be it
/// by way of a link, is passed over: a workspace must not be able to bring a program that merely has an agent's name.
fn on_path(program: &str, path: &OsStr, root: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return None;
    }
    let lies_in_root = |folder: &Path| folder.canonicalize().is_ok_and(|real| real.starts_with(root));
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute() && !lies_in_root(folder));
    folders.map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The first line that the program prints. Asked in a folder that nobody's project lies in.
async fn version_of(program: &Path, arguments: &[String]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()?;
    let mut output = Vec::new();
    let mut printed = child.stdout.take()?.take(MOST);
    tokio::time::timeout(PATIENCE, printed.read_to_end(&mut output)).await.ok()?.ok()?;
    output.split(|&byte| byte == b'\n').map(safe::line).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_program_is_looked_for_outside_the_workspace_only() {
        let folder = tempfile::tempdir().unwrap();
        let canonical = folder.path().canonicalize().unwrap();
        let (outside, root) = (canonical.join("bin"), canonical.join("work"));
        for dir in [&outside, &root] {
            std::fs::create_dir_all(dir).unwrap();
            let file = dir.join("codex");
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(outside.join("claude"), "no program").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&root, &link).unwrap();
        let path = std::env::join_paths([Path::new("."), &root, &link, &outside]).unwrap();
        assert_eq!(on_path("codex", &path, &root), Some(outside.join("codex")));
        assert_eq!(on_path("claude", &path, &root), None, "not executable");
        assert_eq!(on_path("./codex", &path, &root), None, "no name");
        let own = std::env::join_paths([&root]).unwrap();
        assert_eq!(on_path("codex", &own, &root), None);
    }
}
