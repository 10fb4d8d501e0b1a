import { homedir } from "node:os";
import * as vscode from "vscode";
import {
  CodeLensRequest,
  LanguageClient,
  ShowMessageNotification,
  ShowMessageRequest,
  type LanguageClientOptions,
  State,
  type Middleware,
} from "vscode-languageclient/node";
import { Asking } from "./asking";
import { findServer } from "./findServer";
import { foreignLine } from "./foreign";
import { openServerPath, serverPath } from "./ignoredSetting";
import {
  EVENT,
  RUNS,
  STARTING,
  ServerCommand,
  WAVES_CHANGED,
  type Cancelled,
  type EventParams,
  type RunInfo,
  type RunsAnswer,
  type Started,
  type WavesChanged,
} from "./protocol";
import { saveTaskFiles } from "./saving";
import { PromptLenses } from "./promptLenses";
import { ask, show } from "./questions";
import type { Store } from "./store";
import { tellBriefly, tellError, tellWarning } from "./tell";

const DOCUMENTS = [
  { scheme: "file", language: "markdown" },
  { scheme: "file", pattern: "**/feature-build.yaml" },
  { scheme: "file", pattern: "**/.guardkit/features/*.yaml" },
];
/** VS Code asks for lenses a third of a second after the server is there; where it does not, the views wait no longer. */
const LENSES_MS = 2000;

/** The one client of all workspace folders. It can be started anew, with another program where the setting changed. */
export class Client implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel("Feature Build", { log: true });
  readonly #context: vscode.ExtensionContext;
  readonly #store: Store;
  #client: LanguageClient | undefined;
  #asking: Asking | undefined;
  /** Starts and stops follow each other: two at once would leave a server that nobody owns. */
  #queue: Promise<void> = Promise.resolve();
  readonly #lenses = new PromptLenses((document) => {
    this.refreshLenses([document]);
  });

  constructor(context: vscode.ExtensionContext, store: Store) {
    this.#context = context;
    this.#store = store;
  }

  /** Starts the server, or starts it anew. */
  restart(): Promise<void> {
    this.#queue = this.#queue.then(() => this.#stop()).then(() => this.#start());
    return this.#queue;
  }

  /** Ends the server. Runs go on: they are no children of it. */
  stop(): Promise<void> {
    this.#queue = this.#queue.then(() => this.#stop());
    return this.#queue;
  }

  /** All runs of a workspace, the newest first. */
  async runs(root: string): Promise<readonly RunInfo[]> {
    const answer = await this.#client?.sendRequest<RunsAnswer>(RUNS, { root });
    return answer?.runs ?? [];
  }

  /** Makes VS Code ask for the lenses of these texts again. */
  refreshLenses(documents: readonly vscode.TextDocument[]): void {
    if (this.#client?.state !== State.Running) return;
    const lenses = this.#client.getFeature(CodeLensRequest.method);
    const providers = new Set(documents.map((document) => lenses.getProvider(document)));
    for (const provider of providers) provider?.onDidChangeCodeLensEmitter.fire();
  }

  dispose(): void {
    this.#asking?.end();
    this.log.dispose();
  }

  async #start(): Promise<void> {
    this.#store.state = "starting";
    const program = this.#findProgram();
    if (program === undefined) {
      this.#store.state = "noServer";
      return;
    }
    const server = { command: program, args: ["lsp"], options: { cwd: homedir() } };
    const client = new LanguageClient("featureBuild", "feature-build", server, this.#options());
    const asking = new Asking(client, this.#store);
    client.onNotification(EVENT, (event: EventParams) => {
      this.#store.takeEvent(event);
    });
    client.onRequest(ShowMessageRequest.type, ask);
    client.onNotification(ShowMessageNotification.type, show);
    client.onNotification(WAVES_CHANGED, (changed: WavesChanged) => {
      asking.changed(changed);
    });
    client.onDidChangeState(({ newState }) => {
      if (client !== this.#client) return;
      // Also where the client starts a crashed server anew by itself.
      if (newState === State.Running) void this.#afterLenses().then(() => asking.begin());
      // One that was started anew by the client, and ends before it is there, has only failed to start.
      if (newState === State.Stopped || newState === State.StartFailed) this.#store.state = "stopped";
      if (newState === State.Starting) this.#store.state = "starting";
    });
    this.#client = client;
    this.#asking = asking;
    try {
      await client.start();
    } catch (error) {
      this.#store.state = "stopped";
      this.log.error(`Starting the server ${program} failed`, error instanceof Error ? error : String(error));
    }
  }

  /** The answer for all views is long: in a large workspace the lens that a user waits for would come seconds after it. */
  async #afterLenses(): Promise<void> {
    const shown = vscode.window.visibleTextEditors.map(({ document }) => document);
    const drawn = shown.filter((document) => vscode.workspace.getConfiguration("editor", document).get("codeLens"));
    const asksFor = drawn.some((document) => vscode.languages.match(DOCUMENTS, document) > 0);
    if (asksFor) await this.#lenses.given(LENSES_MS);
  }

  async #stop(): Promise<void> {
    this.#asking?.end();
    const client = this.#client;
    this.#client = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      // A server that crashed or was killed does not answer any more; there is nothing left to end.
      this.log.warn(`Stopping the server failed: ${String(error)}`);
    }
  }

  #options(): LanguageClientOptions {
    return {
      documentSelector: DOCUMENTS,
      // The extension tells of runs itself: their progress, their end with actions that only it can do, and their logs.
      initializationOptions: {
        events: true,
        interactiveMessages: false,
        failureMessages: false,
        runProgress: false,
        logs: true,
      },
      outputChannel: this.log,
      diagnosticCollectionName: "feature-build",
      middleware: this.#middleware(),
    };
  }

  /** Every way to a server command passes here: lens, code action, palette, view, key binding. */
  #middleware(): Middleware {
    return {
      provideCodeLenses: (document, token, next) => this.#lenses.answer(document, token, () => next(document, token)),
      // The server has made words of them already; an older one, found on PATH, may not.
      handleWorkDoneProgress: (token, progress, next) => {
        if ("title" in progress) progress.title = foreignLine(progress.title);
        if (progress.message !== undefined) progress.message = foreignLine(progress.message);
        next(token, progress);
      },
      executeCommand: async (command, args: unknown[], next): Promise<unknown> => {
        if (command === ServerCommand.cancel) return tellIgnored((await next(command, args)) as Cancelled | undefined);
        if (!STARTING.includes(command)) return (await next(command, args)) as unknown;
        if (!vscode.workspace.isTrusted) return refuseWithoutTrust();
        const unsaved = await saveTaskFiles(this.#store);
        if (unsaved !== undefined) return nothing(`${unsaved} could not be saved`);
        // Where nothing is started the server tells the user why.
        return (await next(command, args)) as unknown;
      },
    };
  }

  #findProgram(): string | undefined {
    const found = findServer({
      setting: serverPath(),
      extension: this.#context.extensionPath,
      path: process.env.PATH ?? "",
      workspaces: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      home: homedir(),
      platform: process.platform,
    });
    if (found.kind === "found") {
      this.log.info(`Server: ${found.program} (from ${found.from})`);
      return found.program;
    }
    const message =
      found.kind === "missing"
        ? "The feature-build program was not found. Install the extension's package for your platform, or build the program and put it on PATH."
        : `Starting the server from the setting featureBuild.server.path: ${found.program}: ${found.problem}.`;
    this.log.error(message);
    void offerSettings(message, vscode.Uri.joinPath(this.#context.extensionUri, "walkthrough/get-the-program.md"));
    return undefined;
  }
}

/** Tells that there is no program. How to get it is shown from a page of our own: a marketplace may not be in reach. */
async function offerSettings(message: string, page: vscode.Uri): Promise<void> {
  const choice = await tellError(message, "Open Settings", "Show How to Get It");
  if (choice === "Open Settings") {
    await openServerPath();
  } else if (choice === "Show How to Get It") {
    await vscode.commands.executeCommand("markdown.showPreview", page);
  }
}

/** Tells that a click ended nothing: it came so soon that it may have meant what stood there before. */
function tellIgnored(answer: Cancelled | undefined): Cancelled | undefined {
  const left = answer?.ignored?.left_ms;
  if (left !== undefined) tellBriefly("Nothing was ended: that came too soon. Click again.", left);
  return answer;
}

function refuseWithoutTrust(): Started {
  const message = "Nothing runs in Restricted Mode: a task is a program that this folder chooses.";
  void tellWarning(message, "Manage Workspace Trust").then((choice) => {
    if (choice !== undefined) void vscode.commands.executeCommand("workbench.trust.manage");
  });
  return { run: null, reason: "untrusted" };
}

function nothing(reason: string): Started {
  void tellError(`Nothing was started: ${reason}.`);
  return { run: null, reason };
}
