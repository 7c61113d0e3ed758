// The connection to the backend: what happens there, as it happens, again and again.

const RETRY_SECONDS = 1;
// So many of the newest records are shown of what was there before; replaying all of them would take seconds.
const RECORDS_AT_FIRST = 10_000;

export class Stream {
  #handlers;
  #lastId = null;

  // `handlers` has record(id, record), runs(runs, areAll), faults(faults), gap(gap), skipped(gap), reset(), up() and down().
  constructor(handlers) {
    this.#handlers = handlers;
    this.#connect();
  }

  #connect() {
    // The browser would reconnect by itself, but after seconds of its own choice, and not after every answer.
    const source = new EventSource(`/_fake/stream?${this.#lastId === null ? `last=${RECORDS_AT_FIRST}` : `since=${this.#lastId}`}`);
    let areAll = true;
    const on = (name, handle) => {
      source.addEventListener(name, (event) => {
        if (event.lastEventId !== "") this.#lastId = event.lastEventId;
        handle(JSON.parse(event.data), event);
      });
    };
    source.addEventListener("open", () => this.#handlers.up());
    source.addEventListener("error", () => {
      source.close();
      this.#handlers.down();
      setTimeout(() => this.#connect(), RETRY_SECONDS * 1000);
    });
    on("record", (record, event) => this.#handlers.record(Number(event.lastEventId), record));
    on("gap", (gap) => this.#handlers.gap(gap));
    on("skipped", (gap) => this.#handlers.skipped(gap));
    on("reset", () => this.#handlers.reset());
    on("faults", ({ faults }) => this.#handlers.faults(faults));
    on("runs", ({ runs }) => {
      this.#handlers.runs(runs, areAll);
      areAll = false;
    });
  }
}

// The backend refused what it was asked, or is down.
export class AnswerError extends Error {
  constructor(message, { isDown = false } = {}) {
    super(message);
    this.isDown = isDown;
  }
}

export async function ask(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new AnswerError("The backend is down.", { isDown: true });
  }
  const text = await response.text();
  if (!response.ok) throw new AnswerError(problem(text) ?? `The backend answers ${response.status}.`);
  return text === "" ? null : JSON.parse(text);
}

function problem(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return null;
  }
}
