import { State, type LanguageClient } from "vscode-languageclient/node";
import { RUNS, WAVES, type RunsAnswer, type WavesAnswer, type WavesChanged, type WavesParams } from "./protocol";
import type { Store } from "./store";

/** How long changes are gathered before the server is asked: typing must not become a question for each letter. */
const GATHER_MS = 100;

/** After how long a question is asked again that was not answered. */
const AGAIN_MS = 1000;

/** Keeps the store as the server has it: asks for everything once, then for what the server says has changed. */
export class Asking {
  readonly #client: LanguageClient;
  readonly #store: Store;
  readonly #stale = new Map<string, Set<string> | "all">();
  #timer: NodeJS.Timeout | undefined;
  #begun = false;
  #complete = false;
  #ended = false;
  /** Questions follow each other, so that an older answer never replaces a newer one. */
  #queue: Promise<void> = Promise.resolve();

  constructor(client: LanguageClient, store: Store) {
    this.#client = client;
    this.#store = store;
  }

  /** Asks for everything: the server has only just started. */
  begin(): Promise<void> {
    this.#begun = true;
    return this.#next(() => this.#askAll());
  }

  /** The server says that something is another now. */
  changed({ root, features }: WavesChanged): void {
    // Everything will be asked for.
    if (!this.#begun) return;
    const stale = this.#stale.get(root) ?? new Set<string>();
    if (features === null || stale === "all") this.#stale.set(root, "all");
    else this.#stale.set(root, new Set([...stale, ...features]));
    this.#askIn(GATHER_MS);
  }

  #askIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#next(() => this.#askStale());
    }, milliseconds);
  }

  /** Nobody will answer any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#stale.clear();
  }

  #next(ask: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(ask).catch((error: unknown) => {
      // A server that is stopped meanwhile does not answer; the next one is asked for everything.
      if (this.#client.state !== State.Running || this.#ended) return;
      this.#client.warn(`Asking for the waves failed, and is done again: ${String(error)}`);
      // Else the views would stay as they are until something else changes.
      this.#complete = false;
      this.#askIn(AGAIN_MS);
    });
    return this.#queue;
  }

  async #askAll(): Promise<void> {
    const answer = await this.#ask({});
    this.#store.setWaves(answer);
    this.#complete = answer.complete;
    if (answer.complete) this.#store.state = "ready";
  }

  async #askStale(): Promise<void> {
    const stale = [...this.#stale];
    this.#stale.clear();
    if (!this.#complete) return this.#askAll();
    for (const [root, which] of stale) await this.#askRoot(root, which === "all" ? undefined : [...which]);
  }

  async #askRoot(root: string, features: string[] | undefined): Promise<void> {
    // No features: only a run has ended.
    if (features?.length !== 0) {
      const answer = await this.#ask(features === undefined ? { root } : { root, features });
      this.#store.updateWaves(root, features, answer);
    }
    if (!this.#store.runs.live().some((run) => run.root === root)) return;
    // A supervisor that died leaves no last event: only the server can tell that its run is over.
    const { runs } = await this.#client.sendRequest<RunsAnswer>(RUNS, { root });
    this.#store.takeRuns(root, runs);
  }

  #ask(params: WavesParams): Promise<WavesAnswer> {
    return this.#client.sendRequest<WavesAnswer>(WAVES, params);
  }
}
