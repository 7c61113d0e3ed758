// What goes wrong, by a click: classics, any other fault by a form, and the rules that are there.

import { byId, count, counted, eachFrame, make, middleCut, printable, write } from "./dom.js";
import { FaultForm } from "./fault_form.js";
import { faultWords } from "./requests.js";
import { ask, AnswerError } from "./stream.js";

const CLASSICS = [
  ["Lose the next answer", { kind: "reset_peer", phase: "after-accept", of: "data", times: 1 }],
  ["503 for the next 3 requests", { kind: "status", status: 503, times: 3 }],
  ["Go down for 5 s", { kind: "down", seconds: 5, times: 1 }],
  ["Stall the next request", { kind: "stall", times: 1 }],
  ["Slow answers", { kind: "latency", seconds: 1, jitter: 0.5 }],
];
const MOST_SHOWN = 100;
// What a timer can wait for, in milliseconds.
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export class Faults {
  #rules = [];
  #shown = new Map();
  // When the backend began to listen, by the clock of this page.
  #upSince = 0;
  #nextEnd = null;
  #saysDown = false;
  #soon = eachFrame(() => this.#draw());
  #form = new FaultForm((rule) => this.#add(rule, (problem) => this.#form.tell(problem)));

  constructor() {
    for (const [name, rule] of CLASSICS) {
      const button = make("button", { type: "button", text: name });
      button.addEventListener("click", () => this.#add(rule));
      byId("presets").append(button);
    }
    byId("clear-faults").addEventListener("click", () => this.#clear());
  }

  // The kinds are asked for anew with each connection, which may be to another version of the backend.
  async loadKinds() {
    this.#form.offer(await ask("GET", "/_fake/faults/kinds"));
  }

  update(faults) {
    this.#rules = faults;
    this.#soon();
  }

  // Says for how many seconds the backend has listened, by which some rules end.
  setUptime(seconds) {
    this.#upSince = performance.now() - seconds * 1000;
    this.#soon();
  }

  // Offers to strike one run alone; null offers none.
  offerRun(runId) {
    const scope = byId("scope");
    const wasOne = scope.value !== "";
    while (scope.options.length > 1) scope.remove(1);
    if (runId !== null) scope.add(make("option", { value: runId, text: `run ${middleCut(runId, 36)}` }));
    scope.selectedIndex = wasOne && runId !== null ? 1 : 0;
  }

  // What couldn't be done while it was down is said no more.
  isUp() {
    if (this.#saysDown) write(byId("fault-said"), "");
  }

  async #add(rule, tell = tellBelow) {
    const scope = byId("scope").value;
    try {
      const added = await ask("POST", "/_fake/faults", scope === "" ? rule : { ...rule, run_id: scope });
      write(byId("fault-said"), `Added: ${ruleWords(added.rule)}`);
      this.#form.tell("");
    } catch (error) {
      this.#tell(error, tell);
    }
  }

  async #remove(id) {
    try {
      await ask("DELETE", `/_fake/faults/${id}`);
      write(byId("fault-said"), `Fault ${id} is removed.`);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #clear() {
    try {
      await ask("DELETE", "/_fake/faults");
      write(byId("fault-said"), "All faults are removed.");
      byId("presets").firstChild.focus();
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error, tell = tellBelow) {
    if (!(error instanceof AnswerError)) throw error;
    this.#saysDown = error.isDown;
    tell(printable(error.message, 1000));
  }

  #draw() {
    const [active, spent] = [byId("active-faults"), byId("spent-faults")];
    const shown = this.#rules.slice(-MOST_SHOWN);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#shown) {
      if (!ids.has(id)) {
        this.#takeAway(row);
        this.#shown.delete(id);
      }
    }
    const uptime = (performance.now() - this.#upSince) / 1000;
    for (const fault of shown) {
      const row = this.#shown.get(fault.id) ?? this.#newRow(fault);
      const { times = null } = fault.rule;
      write(row.querySelector(".times"), `struck ${times === null ? counted(fault.struck, "time") : `${fault.struck} of ${times}`}`);
      const list = isSpent(fault, uptime) ? spent : active;
      if (row.parentElement !== list) {
        this.#takeAway(row);
        // What was added last is seen first.
        list.insertBefore(row, [...list.children].find((other) => Number(other.dataset.id) < fault.id) ?? null);
      }
    }
    byId("clear-faults").hidden = this.#rules.length === 0;
    byId("spent").hidden = spent.childElementCount === 0;
    write(byId("spent-count"), `${count(spent.childElementCount)} spent`);
    const more = this.#rules.length - shown.length;
    byId("no-faults").hidden = active.childElementCount > 0 && more === 0;
    write(byId("no-faults"), more > 0 ? `And ${counted(more, "older one")}, not shown.` : "None: the backend behaves.");
    this.#drawAgainAtNextEnd(shown, uptime);
  }

  // Time passes, and nobody tells: a rule that was for a while is spent.
  #drawAgainAtNextEnd(shown, uptime) {
    clearTimeout(this.#nextEnd);
    const ends = shown.map(endOf).filter((end) => end > uptime && (end - uptime) * 1000 < LONGEST_TIMEOUT);
    if (ends.length > 0) this.#nextEnd = setTimeout(this.#soon, (Math.min(...ends) - uptime) * 1000 + 1);
  }

  // Who is on its button by the keyboard goes on with the next one.
  #takeAway(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) (next?.querySelector("button") ?? byId("presets").firstChild).focus();
  }

  #newRow(fault) {
    const words = ruleWords(fault.rule);
    const remove = make("button", { type: "button", text: "Remove" });
    remove.setAttribute("aria-label", `Remove fault ${fault.id}: ${words}`);
    remove.addEventListener("click", () => this.#remove(fault.id));
    const row = make("li", {}, make("bdi", { className: "rule", text: words }), make("span", { className: "times" }), remove);
    row.dataset.id = fault.id;
    this.#shown.set(fault.id, row);
    return row;
  }
}

// Whether a rule will never strike again, unless the backend is reset.
function isSpent(fault, uptime) {
  const { times = null } = fault.rule;
  return (times !== null && fault.struck >= times) || endOf(fault) <= uptime;
}

function endOf({ rule: { between = null } }) {
  return between === null ? Infinity : between[1];
}

function tellBelow(problem) {
  write(byId("fault-said"), problem);
}

function ruleWords({ of, requests, every, events, times, run_id: runId, ...fault }) {
  const words = [faultWords(fault)];
  if (of && of !== "any") words.push(`of ${of}`);
  if (requests?.length) words.push(`requests ${requests.join(", ")}`);
  if (every > 1) words.push(`every ${every}`);
  if (events?.length) words.push(`events ${events.join(", ")}`);
  if (times) words.push(times === 1 ? "once" : `${times} times`);
  if (runId) words.push(`in run ${runId}`);
  return printable(words.join(" · "), 200);
}
