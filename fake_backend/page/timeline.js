// The timeline: what the sender saw on the left, what the backend did on the right, and between them what passed.

import { byId, count, counted, duration, make, printable, write } from "./dom.js";
import { carried, decided, faultWords, outcome } from "./requests.js";
import { VirtualList } from "./virtual_list.js";

export class Timeline {
  #requests;
  #list;
  #runId = null;
  #dropped = 0;
  #shown = [];
  #from = 0;

  constructor(requests, choose) {
    this.#requests = requests;
    this.#list = new VirtualList(byId("requests"), {
      label: "Requests",
      draw: drawRow,
      choose,
      newest: document.querySelector("#panel-requests .newest"),
    });
    const events = `while sleep 0.5; do date '+{"type":"tick","at":"%T"}'; done`;
    write(byId("hint"), `${events} |\n  sendproof send --url ${location.origin}/v1/runs/demo/ingest --token any`);
    this.draw();
  }

  set runId(runId) {
    this.#runId = runId;
    this.draw();
  }

  draw() {
    const { rows, dropped } = this.#requests;
    const before = this.#shown.length;
    this.#shown = this.#runId === null ? rows : rows.filter((row) => row.runId === this.#runId || row.runId === null);
    const gone = dropped - this.#dropped;
    this.#dropped = dropped;
    this.#list.show(this.#shown, this.#runId === null ? gone : Math.max(0, before - this.#shown.length));
    byId("no-requests").hidden = rows.length > 0;
    byId("requests").hidden = rows.length === 0;
    const older = dropped === 0 ? "" : `${counted(dropped, "older row")} ${dropped === 1 ? "is" : "are"} not shown`;
    write(byId("requests-older"), older);
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
