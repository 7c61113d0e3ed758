// The runs: their state, and which of them is looked at.

import { byId, count, counted, eachFrame, make, middleCut, printable, write } from "./dom.js";
import { VirtualList } from "./virtual_list.js";

// A run from which nothing was heard for so long is quiet; it is also over how long the backend measures a rate.
const QUIET_SECONDS = 5;

const COUNTED = {
  runs: ["run", "runs"],
  requests: ["request", "requests"],
  accepted: ["event accepted", "events accepted"],
  struck: ["fault struck", "faults struck"],
};

export class Runs {
  selected = null;
  #runs = new Map();
  #newestFirst = [];
  #list;
  #onSelect;
  #changes = 0;
  #soon = eachFrame(() => this.#draw());

  constructor(onSelect) {
    this.#onSelect = onSelect;
    this.#list = new VirtualList(byId("runs"), {
      label: "Runs",
      draw: (run, button) => drawRun(run, button, this.selected),
      choose: (run) => this.select(run.run_id),
    });
    byId("all-runs").addEventListener("click", () => this.select(null));
    // Time passes, and nobody tells: what was busy becomes quiet.
    setInterval(() => this.#quieten(), 1000);
  }

  // How many events were accepted in the run that is selected, or in all.
  get accepted() {
    if (this.selected !== null) return this.#runs.get(this.selected)?.accepted ?? 0;
    return this.#newestFirst.reduce((sum, run) => sum + run.accepted, 0);
  }

  update(runs, areAll) {
    if (areAll) this.clear();
    for (const run of runs) {
      const known = this.#runs.get(run.run_id);
      const heard = performance.now() - run.idle * 1000;
      const changed = ++this.#changes;
      if (known !== undefined) {
        Object.assign(known, run, { heard, changed, isQuiet: isQuiet(run, heard) });
      } else {
        const added = { ...run, heard, changed, isQuiet: isQuiet(run, heard) };
        this.#runs.set(run.run_id, added);
        this.#newestFirst.unshift(added);
      }
    }
    this.#soon();
  }

  clear() {
    this.#runs.clear();
    this.#newestFirst = [];
    this.#soon();
  }

  select(runId) {
    const before = this.#runs.get(this.selected);
    this.selected = runId;
    for (const run of [before, this.#runs.get(runId)]) {
      if (run !== undefined) run.changed = ++this.#changes;
    }
    byId("all-runs").setAttribute("aria-pressed", String(runId === null));
    this.#soon();
    this.#onSelect(runId);
  }

  #quieten() {
    let some = false;
    for (const run of this.#newestFirst) {
      if (run.isQuiet || !isQuiet(run, run.heard)) continue;
      Object.assign(run, { isQuiet: true, changed: ++this.#changes });
      some = true;
    }
    if (some) this.#soon();
  }

  #draw() {
    byId("runs").hidden = this.#newestFirst.length === 0;
    this.#list.show(this.#newestFirst);
    let [requests, accepted, struck] = [0, 0, 0];
    for (const run of this.#newestFirst) {
      requests += run.requests;
      accepted += run.accepted;
      struck += run.faults;
    }
    const counts = { runs: this.#newestFirst.length, requests, accepted, struck };
    for (const [name, number] of Object.entries(counts)) {
      const shown = byId(`count-${name}`);
      write(shown, count(number));
      write(shown.previousElementSibling, COUNTED[name][number === 1 ? 0 : 1]);
    }
  }
}

function isQuiet(run, heard) {
  return run.in_flight === 0 && performance.now() - heard > QUIET_SECONDS * 1000;
}

function drawRun(run, button, selected) {
  button.className = run.isQuiet ? "quiet" : "";
  button.setAttribute("aria-pressed", String(run.run_id === selected));
  const state = make("span", { className: "pill", text: "idle" });
  if (run.complete) Object.assign(state, { className: "pill passed", textContent: "complete" });
  else if (run.in_flight > 0) Object.assign(state, { className: "pill live", textContent: `${run.in_flight} in flight` });
  else if (!run.isQuiet) Object.assign(state, { className: "pill live", textContent: "active" });
  const name = make("bdi", { className: "name", title: printable(run.run_id, 300), text: middleCut(run.run_id, 23) });
  const facts = [`last ${count(run.last_accepted_seq)}`, counted(run.requests, "request")];
  if (!run.isQuiet && run.rate > 0) facts.splice(1, 0, `${count(Math.ceil(run.rate))}/s`);
  if (run.duplicates > 0) facts.push(counted(run.duplicates, "duplicate"));
  if (run.faults > 0) facts.push(counted(run.faults, "fault"));
  button.append(name, " ", state, make("span", { className: "facts", text: facts.join(" · ") }));
}
