//! An editor for tests: owns the real binary over real framing, waits for messages that fit, answers the server's
//! requests, and never waits for a time, only for a condition with a generous deadline.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use feature_build::run::{self, Level, RunState};
use feature_build::workspace::trust::{Store, Subject};
use serde_json::{Value, json};

/// Long enough for a slow machine under load; a test that passes never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_feature-build");

/// A workspace of its own, gone with the test, and its runs with it.
pub struct Workspace {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Workspace {
    /// An empty one. Its name has what URIs must encode.
    pub fn new() -> Self {
        Self::named("with space \u{fc}")
    }

    /// An empty one in a folder of this name.
    pub fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(&root).unwrap();
        Self { _folder: folder, root }
    }

    /// One with a configuration whose tasks run `sh tools/agent.sh ID`, which is this script.
    pub fn with_agent(script: &str) -> Self {
        let workspace = Self::new();
        workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 1\n");
        workspace.write("tools/agent.sh", script);
        workspace
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Moves it to another place.
    pub fn move_away(&mut self) {
        let moved = self.root.with_file_name("moved");
        std::fs::rename(&self.root, &moved).unwrap();
        self.root = moved;
    }

    /// A copy of it beside it, whose configuration is not trusted.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("copy");
        assert!(Command::new("cp").arg("-r").args([&self.root, &root]).status().unwrap().success());
        Self { _folder: folder, root }
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        if file == "feature-build.yaml" {
            self.trust();
        }
    }

    /// Trusts the configuration, where it can be read. The store is the tests' own: `.cargo/config.toml` says so.
    pub fn trust(&self) {
        if let Ok(subject) = Subject::read(&self.root) {
            Store::of_user().unwrap().trust(&subject).unwrap();
        }
    }

    /// Trusts it no longer.
    pub fn distrust(&self) {
        assert!(Store::of_user().unwrap().revoke(&self.root).unwrap());
    }

    /// A task of GuardKit's dialect, in feature `FEAT-1`.
    pub fn task(&self, id: &str, wave: u32, more: &str) -> String {
        let file = format!("tasks/backlog/feat/{id}.md");
        self.write(&file, &task_text(id, wave, more));
        file
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    pub fn uri(&self, file: &str) -> String {
        uri(&self.root.join(file))
    }

    /// The argument of a command.
    pub fn target(&self, more: Value) -> Value {
        let mut target = json!({ "root": uri(&self.root), "feature": "FEAT-1" });
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        target
    }
}

/// A run outlives its editor and a test that fails: nobody else would end its tasks, which wait for what never comes.
impl Drop for Workspace {
    fn drop(&mut self) {
        let state = self.path(".feature-build");
        let running = || run::runs(&state).into_iter().filter(|run| run.state == RunState::Running);
        let give_up = Instant::now() + DEADLINE;
        // Again and again: a run that was being started a moment ago is seen a moment later.
        while Instant::now() < give_up && running().next().is_some() {
            for run in running() {
                let _ = run::cancel(&state, &run.run, None, Level::Kill);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether a message about a progress bar is about that of a run, not of reading the task files.
pub fn is_of_run(message: &Value) -> bool {
    message["params"]["token"].as_str().is_some_and(|token| !token.starts_with("feature-build/index/"))
}

pub fn task_text(id: &str, wave: u32, more: &str) -> String {
    format!(
        "---\nid: {id}\ntitle: Task {id}\nstatus: backlog\nfeature_id: FEAT-1\nwave: {wave}\n{more}---\n\n# Task {id}\n"
    )
}

pub fn uri(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.to_str().unwrap().bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// What a server request is answered with.
type Answers = Box<dyn Fn(&str, &Value) -> Answer>;

/// An answer to a server request.
pub enum Answer {
    Result(Value),
    Error,
    Silence,
}

/// The editor.
pub struct Editor {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Messages that came while another was waited for.
    kept: VecDeque<Value>,
    answers: Answers,
    next_id: i64,
    versions: std::collections::HashMap<String, i32>,
    /// The answer to `initialize`.
    pub capabilities: Value,
}

/// Everything that the server can use.
pub fn able() -> Value {
    json!({
        "general": { "positionEncodings": ["utf-16"] },
        "window": {
            "workDoneProgress": true,
            "showDocument": { "support": true },
            "showMessage": { "messageActionItem": { "additionalPropertiesSupport": false } }
        },
        "workspace": {
            "codeLens": { "refreshSupport": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
            "workspaceFolders": true
        },
        "textDocument": { "codeAction": { "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [""] } } } }
    })
}

impl Editor {
    /// An able editor that has opened the workspace.
    pub fn open(workspace: &Workspace) -> Self {
        Self::start(&[workspace.root()], able(), json!({}))
    }

    /// An editor with these folders, abilities and initialization options.
    pub fn start(folders: &[&Path], capabilities: Value, options: Value) -> Self {
        Self::spawn().initialize(folders, capabilities, options)
    }

    /// This server, as an editor with these folders begins with it.
    pub fn initialize(mut self, folders: &[&Path], capabilities: Value, options: Value) -> Self {
        let folders: Vec<Value> =
            folders.iter().map(|folder| json!({ "uri": uri(folder), "name": "folder" })).collect();
        let params = json!({
            "processId": null, "rootUri": null, "workspaceFolders": folders,
            "capabilities": capabilities, "initializationOptions": options
        });
        self.capabilities = self.request("initialize", params)["capabilities"].clone();
        self.notify("initialized", json!({}));
        self
    }

    /// The server alone.
    pub fn spawn() -> Self {
        Self::spawn_with(&[])
    }

    /// The server alone, with these variables.
    pub fn spawn_with(variables: &[(&str, &std::ffi::OsStr)]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["lsp", "--stdio"])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, messages) = channel();
        std::thread::spawn(move || {
            let mut stdout = stdout;
            while let Some(message) = read_message(&mut stdout) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            messages,
            kept: VecDeque::new(),
            answers: Box::new(|method, _| match method {
                "window/showDocument" => Answer::Result(json!({ "success": true })),
                _ => Answer::Result(Value::Null),
            }),
            next_id: 0,
            versions: std::collections::HashMap::new(),
            capabilities: Value::Null,
        }
    }

    /// Answers the server's requests like this.
    pub fn answer_with(&mut self, answers: impl Fn(&str, &Value) -> Answer + 'static) {
        self.answers = Box::new(answers);
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request; the answer comes with [`Editor::answer`].
    pub fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The result of a request.
    pub fn answer(&mut self, id: i64) -> Value {
        let response = self.response(id);
        assert!(response.get("error").is_none(), "request {id} failed: {response}");
        response["result"].clone()
    }

    /// The whole response of a request.
    pub fn response(&mut self, id: i64) -> Value {
        self.wait("an answer", |message| message.get("method").is_none() && message["id"] == id)
    }

    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        self.answer(id)
    }

    pub fn command(&mut self, command: &str, argument: Value) -> Value {
        self.request("workspace/executeCommand", json!({ "command": command, "arguments": [argument] }))
    }

    pub fn open_text(&mut self, uri: &str, text: &str) {
        self.versions.insert(uri.into(), 1);
        let item = json!({ "uri": uri, "languageId": "markdown", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": item }));
    }

    /// Opens a file of a workspace as it is on disk.
    pub fn open_file(&mut self, workspace: &Workspace, file: &str) -> String {
        let uri = workspace.uri(file);
        let text = std::fs::read_to_string(workspace.path(file)).unwrap();
        self.open_text(&uri, &text);
        uri
    }

    pub fn change(&mut self, uri: &str, changes: Value) {
        let version = self.versions.get_mut(uri).unwrap();
        *version += 1;
        let identifier = json!({ "uri": uri, "version": *version });
        self.notify("textDocument/didChange", json!({ "textDocument": identifier, "contentChanges": changes }));
    }

    pub fn lenses(&mut self, uri: &str) -> Vec<Value> {
        let answer = self.request("textDocument/codeLens", json!({ "textDocument": { "uri": uri } }));
        answer.as_array().unwrap().clone()
    }

    pub fn titles(&mut self, uri: &str) -> Vec<String> {
        let title = |lens: &Value| lens["command"]["title"].as_str().unwrap().to_string();
        self.lenses(uri).iter().map(title).collect()
    }

    /// Asks for lenses each time the server says that they changed, until they fit.
    pub fn titles_until(&mut self, uri: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let titles = self.titles(uri);
            if fits(&titles) {
                return titles;
            }
            assert!(Instant::now() < deadline, "the lenses stay {titles:?}");
            self.wait("a refresh of lenses", |message| message["method"] == "workspace/codeLens/refresh");
        }
    }

    /// What a lens sends, once it is there.
    pub fn lens(&mut self, uri: &str, title: &str) -> Value {
        self.titles_until(uri, |titles| titles.iter().any(|shown| shown == title));
        let lens = self.lenses(uri).into_iter().find(|lens| lens["command"]["title"] == title);
        lens.unwrap_or_else(|| panic!("the lens {title}"))["command"].clone()
    }

    /// Clicks a lens, once it is there; again as long as it has stood there for too short a time.
    pub fn click(&mut self, uri: &str, title: &str) -> Value {
        let lens = self.lens(uri, title);
        loop {
            let answer = self.command(lens["command"].as_str().unwrap(), lens["arguments"][0].clone());
            let Some(left) = answer["ignored"]["left_ms"].as_u64() else { return answer };
            std::thread::sleep(Duration::from_millis(left));
        }
    }

    /// The first diagnostics of a file, from now on or kept, that fit.
    pub fn diagnostics(&mut self, uri: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let message = self.wait(&format!("diagnostics of {uri}"), |message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && fits(message["params"]["diagnostics"].as_array().unwrap())
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// The next message of a method.
    pub fn next(&mut self, method: &str) -> Value {
        self.wait(method, |message| message["method"] == method)["params"].clone()
    }

    /// The next `$/progress` of a run that fits. Where reading the task files takes a while, that has a bar of its own.
    pub fn progress(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let fits = |message: &Value| {
            message["method"] == "$/progress" && is_of_run(message) && fits(&message["params"]["value"])
        };
        self.wait("progress", fits)["params"].clone()
    }

    /// Waits for a message that fits; others are kept.
    pub fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).unwrap();
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("waited for {what}; kept: {:#?}", self.kept),
                Err(RecvTimeoutError::Disconnected) => panic!("the server ended while {what} was waited for"),
            };
            self.answer_request(&message);
            if fits(&message) {
                return message;
            }
            self.kept.push_back(message);
        }
    }

    /// What came so far, after a round trip: what the server had to say before its answer is there.
    pub fn heard(&mut self) -> Vec<Value> {
        self.request("textDocument/codeLens", json!({ "textDocument": { "uri": "untitled:x" } }));
        self.kept.drain(..).collect()
    }

    fn answer_request(&mut self, message: &Value) {
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else { return };
        match (self.answers)(method, &message["params"]) {
            Answer::Result(result) => self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result })),
            Answer::Error => {
                let error = json!({ "code": -32603, "message": "no" });
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
            }
            Answer::Silence => {}
        }
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let stdin = self.stdin.as_mut().unwrap();
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        stdin.flush().unwrap();
    }

    /// Closes the editor's end without a word.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// The server's process.
    #[allow(dead_code)] // the fault tests kill it
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the server's end.
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::yield_now();
        }
    }

    /// `shutdown` and `exit`, as the protocol wants it.
    pub fn quit(mut self) {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        assert_eq!(self.end().code(), Some(0));
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills all that has its working directory in a workspace, again and again until nothing is left: supervisors, guards, tasks.
pub fn kill_all_in(root: &Path) {
    let is_here = |pid: &i32| {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        folder.starts_with(root) && !state.contains(") Z ")
    };
    eventually("all of it is dead", || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let here: Vec<i32> = pids.filter(is_here).collect();
        for pid in &here {
            // It may have ended meanwhile.
            let pid = rustix::process::Pid::from_raw(*pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        here.is_empty()
    });
}

fn read_message(stdout: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok();
        }
    }
    let mut body = vec![0; length?];
    stdout.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("nothing but the protocol on standard output"))
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not so");
        std::thread::sleep(Duration::from_millis(10));
    }
}
