// Everything about one request, or one event, below the list that it was clicked in.

import { eventsPath } from "./activity.js";
import { byId, counted, eachFrame, make, printable, write } from "./dom.js";
import { carried, faultWords, outcome } from "./requests.js";
import { ask, AnswerError } from "./stream.js";

const MOST_RECORDS = 1000;
const MOST_LINES = 100;
const MOST_CHARACTERS = 20_000;

export class Details {
  #closed;
  #opener = null;
  #row = null;
  // Raised by each opening, so that a late answer is not taken for that to a later question.
  #turn = 0;
  #drawnAs = 0;
  #isReading = false;
  #soon = eachFrame(() => this.#readRecords());

  // `closed()` is called when nothing is told of any row any more.
  constructor({ closed }) {
    this.#closed = closed;
    byId("close-details").addEventListener("click", () => this.close());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !byId("details").hidden) this.close();
    });
  }

  async showEvent({ id, askedOf, runId, seq }) {
    const turn = this.#open(`Event ${seq} of run ${printable(runId, 80)}`);
    const body = await this.#askFor(async () => {
      const query = new URLSearchParams({ since: id - 1, limit: 1 });
      const { events } = await ask("GET", `${eventsPath(askedOf)}?${query}`);
      return describeEvent(events.find((event) => event.id === id));
    });
    if (turn === this.#turn) byId("details-body").replaceChildren(...body);
  }

  showRow(row) {
    if (row.number === undefined) return;
    this.#open(`Request ${row.number}: ${printable(carried(row), 80)}`);
    this.#row = row;
    this.#drawnAs = 0;
    this.#soon();
  }

  // Goes on with a request that is still under way.
  refresh() {
    if (this.#row !== null && this.#row.changed !== this.#drawnAs) this.#soon();
  }

  close() {
    this.leave();
    if (this.#opener?.isConnected) this.#opener.focus();
  }

  // Closes without going back to where they were opened, which is in sight no more.
  leave() {
    byId("details").hidden = true;
    this.#row = null;
    this.#turn += 1;
    this.#closed();
  }

  #open(title) {
    this.#opener = document.activeElement;
    this.#row = null;
    write(byId("details-title"), title);
    byId("details-body").replaceChildren();
    byId("details").hidden = false;
    byId("details").focus({ preventScroll: true });
    byId("details").scrollIntoView({ block: "nearest" });
    return ++this.#turn;
  }

  // The page keeps no records; the backend does, and is asked for those of this request.
  async #readRecords() {
    const row = this.#row;
    if (row === null || this.#isReading || row.changed === this.#drawnAs) return;
    this.#isReading = true;
    this.#drawnAs = row.changed;
    const of = row.runId === null ? "/_fake" : `/_fake/runs/${encodeURIComponent(row.runId)}`;
    const body = await this.#askFor(async () => {
      const { records } = await ask("GET", `${of}/history?since=${row.id - 1}&limit=${MOST_RECORDS}`);
      return this.#describe(row, records.map(({ record }) => record).filter(({ request }) => request === row.number));
    });
    this.#isReading = false;
    if (this.#row !== row) return this.#soon();
    write(byId("details-title"), `Request ${row.number}: ${printable(carried(row), 80)}`);
    byId("details-body").replaceChildren(...body);
    this.refresh();
  }

  async #askFor(describe) {
    try {
      return await describe();
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      return [make("p", { className: "error", text: printable(error.message) })];
    }
  }

  #describe(row, records) {
    const started = records.find(({ type }) => type === "RequestStarted");
    if (started === undefined) return [make("p", { text: "The backend has forgotten the records of this request." })];
    const facts = [
      ["request", `${started.method} ${started.path}`],
      ["connection", String(started.connection)],
      ["authorization", started.authorization ?? "none"],
      ["outcome", outcome(row).text],
      ...row.faults.map((fault) => ["fault", faultWords(fault)]),
    ];
    const answer = records.find(({ type }) => type === "AnswerSent");
    if (answer !== undefined) {
      const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\n`);
      facts.push(["answer", `${answer.status}\n${headers.join("")}${answer.body}`]);
    }
    const lines = records.filter(({ type }) => type === "LineReceived");
    const all = Object.values(row.lines).reduce((sum, number) => sum + number, 0);
    const items = lines.slice(0, MOST_LINES).map((line) => {
      const text = line.event !== null ? JSON.stringify(line.event) : line.raw ?? `${line.size} bytes`;
      return make(
        "li",
        {},
        make("span", { className: "seq", text: line.seq === null ? "" : `#${line.seq}` }),
        make("span", { className: `pill ${line.decision}`, text: line.decision }),
        make("bdi", { className: "payload", text: printable(text, 500) }),
      );
    });
    const parts = [factList(facts), make("ol", { className: "lines" }, ...items)];
    if (all > items.length) parts.push(make("p", { className: "more", text: `And ${counted(all - items.length, "more line")}.` }));
    return parts;
  }
}

function describeEvent(event) {
  if (event === undefined) return [make("p", { text: "The backend has forgotten this event." })];
  const facts = [
    ["kind", event.kind],
    ["accepted", new Date(event.timestamp * 1000).toISOString()],
  ];
  return [factList(facts), code(JSON.stringify(event.payload.event, null, 2))];
}

function factList(facts) {
  const list = make("dl", { className: "facts" });
  for (const [name, value] of facts) {
    list.append(make("dt", { text: name }), make("dd", {}, make("bdi", { text: value.split("\n").map((line) => printable(line, 2000)).join("\n") })));
  }
  return list;
}

function code(text) {
  const left = text.length - MOST_CHARACTERS;
  const shown = text.slice(0, MOST_CHARACTERS).split("\n").map((line) => printable(line, MOST_CHARACTERS)).join("\n");
  const block = make("pre", { tabIndex: 0 }, make("code", { text: shown }));
  return left > 0 ? make("div", {}, block, make("p", { className: "more", text: `And ${counted(left, "more character")}.` })) : block;
}
