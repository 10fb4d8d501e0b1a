import type { CancellationToken, CodeLens, ProviderResult, TextDocument } from "vscode";

/** VS Code waits 250 ms at least before it asks: an answer that comes sooner makes it wait no longer. */
const PROMPT_MS = 200;

type Lenses = CodeLens[] | null | undefined;

interface Known {
  readonly version: number;
  readonly lenses: Lenses;
}

/**
 * Answers requests for lenses promptly, also while the server still reads the workspace.
 *
 * VS Code waits before each request as long as answers took on average. One answer that took five seconds makes the lenses
 * of the next files, and of each edit, come seconds late. So a late answer is shown when it is there, by a request of
 * its own, and what was known before stands until then.
 */
export class PromptLenses {
  readonly #known = new WeakMap<TextDocument, Known>();
  readonly #late = new WeakSet<TextDocument>();
  readonly #refresh: (document: TextDocument) => void;
  #waiting: (() => void)[] = [];

  /** `refresh` makes VS Code ask for the lenses of a text again. */
  constructor(refresh: (document: TextDocument) => void) {
    this.#refresh = refresh;
  }

  /** Resolves when VS Code has been given the next answer of the server; where that does not come, after some time. */
  async given(most: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, most);
      this.#waiting.push(resolve);
    });
    clearTimeout(timer);
  }

  async answer(
    document: TextDocument,
    token: CancellationToken,
    ask: () => ProviderResult<CodeLens[]>,
  ): Promise<Lenses> {
    const { version } = document;
    const known = this.#known.get(document);
    // What has just come late is what VS Code asks for now: to ask the server once more might be late again, for ever.
    if (this.#late.delete(document) && known?.version === version) return this.#give(known.lenses);

    const asked = Promise.resolve(ask()).then((lenses) => {
      if (!token.isCancellationRequested) this.#known.set(document, { version, lenses });
      return lenses;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      // An answer that is there already, but was not read yet, is not late: a busy host comes to its timers first.
      timer = setTimeout(() => setImmediate(resolve, LATE), PROMPT_MS);
    });
    const first = await Promise.race([asked, late]).finally(() => {
      clearTimeout(timer);
    });
    if (first !== LATE) return this.#give(first);
    asked.then(
      () => {
        if (token.isCancellationRequested) return;
        this.#late.add(document);
        this.#refresh(document);
      },
      // The client has told it already.
      () => undefined,
    );
    return known?.lenses;
  }

  /** Who waits goes on when the answer is on its way. */
  #give(lenses: Lenses): Lenses {
    for (const resolve of this.#waiting.splice(0)) setImmediate(resolve);
    return lenses;
  }
}

const LATE = Symbol("late");
