// The timeline: what the sender saw on the left, what the backend did on the right, and between them what passed.

import { byId, count, counted, duration, eachFrame, make, printable, write } from "./dom.js";
import { carried, decided, faultWords, outcome, Requests } from "./requests.js";
import { RunRequests } from "./run_requests.js";
import { VirtualList } from "./virtual_list.js";

export class Timeline {
  #all = new Requests();
  #run = null;
  #runId = null;
  #list;
  #shown = null;
  #dropped = 0;
  #soon = eachFrame(() => this.#draw());
  #drawn;

  // `drawn()` is called when rows may have changed.
  constructor({ choose, drawn }) {
    this.#drawn = drawn;
    this.#list = new VirtualList(byId("requests"), {
      label: "Requests",
      draw: drawRow,
      choose,
      newest: document.querySelector("#panel-requests .newest"),
    });
    const events = `while sleep 0.5; do date '+{"type":"tick","at":"%T"}'; done`;
    write(byId("hint"), `${events} |\n  sendproof send --url ${location.origin}/v1/runs/demo/ingest --token any`);
    this.#draw();
  }

  note(id, record) {
    this.#all.note(id, record);
    this.#run?.note(id, record);
    this.#soon();
  }

  // Marks the row that is looked at; null marks none.
  mark(row) {
    this.#list.mark(row);
  }

  // Of what was there when the page was opened, the older part is not asked for.
  skipped(gap) {
    this.#all.skipped(gap);
    this.#soon();
  }

  missed(gap) {
    this.#all.missed(gap);
    this.#soon();
  }

  clear() {
    this.#all.clear();
    this.show(this.#runId);
  }

  // Shows one run alone; null shows all.
  show(runId) {
    this.#runId = runId;
    this.#run = runId === null ? null : new RunRequests(runId, this.#all, this.#soon);
    this.#list.follow();
    this.#soon();
  }

  // Reads again what could not be read.
  resume() {
    if (this.#run !== null && !this.#run.isWhole) this.show(this.#runId);
  }

  #draw() {
    if (this.#run?.hasBegun === false && this.#shown !== null) return; // what is there stays until there is more
    const requests = this.#run?.requests ?? this.#all;
    const { rows, dropped } = requests;
    this.#list.show(rows, requests === this.#shown ? dropped - this.#dropped : 0);
    this.#shown = requests;
    this.#dropped = dropped;
    byId("no-requests").hidden = this.#all.rows.length > 0;
    byId("requests").hidden = this.#all.rows.length === 0;
    const older = dropped === 0 ? "" : `${counted(dropped, "older row")} ${dropped === 1 ? "is" : "are"} not shown`;
    write(byId("requests-older"), older);
    this.#drawn();
  }
}

function drawRow(row, button) {
  const time = make("span", { className: "time" }, make("time", { text: row.at === null ? "" : row.at.toFixed(3) }));
  const run = make("bdi", { className: "run", text: printable(row.runId ?? (row.number === undefined ? "" : "no run"), 80) });
  if (row.number === undefined) {
    button.className = `mark${row.isBad ? " bad" : ""}`;
    const words = make("span", { className: "words" }, make("b", { text: row.words }), ` ${printable(row.detail)}`);
    button.append(time, run, words);
    return;
  }
  const { tone, text } = outcome(row);
  button.className = `request ${tone}${row.broken === null ? "" : " broken"}`;
  const took = row.until === null ? "" : duration(row.until - row.at);
  time.append(make("span", { className: "took", text: took }));
  const sent = make("span", { className: "sent" });
  if (row.isAgain) sent.append(make("span", { className: "pill again", text: "again" }), " ");
  sent.append(printable(carried(row)));
  const got = make("span", { className: "got", text: printable(text) });
  const way = make("span", { className: "way" }, make("i", { className: "there" }), make("i", { className: "back" }));
  const taken = make("span", { className: "taken", text: decided(row) });
  const struck = make("span", { className: "struck" });
  for (const fault of row.faults.slice(0, 3)) {
    struck.append(make("span", { className: "pill fault", text: printable(faultWords(fault), 60) }), " ");
  }
  if (row.faults.length > 3) struck.append(`and ${count(row.faults.length - 3)} more`);
  button.append(
    time,
    run,
    make("span", { className: "sender" }, sent, " ", got),
    way,
    make("span", { className: "backend" }, taken, " ", struck),
  );
}
