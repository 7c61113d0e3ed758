// What goes wrong, by a click: classics, a form for every kind there is, and the rules that are there.

import { byId, counted, eachFrame, make, printable, write } from "./dom.js";
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
const SELECTORS_FIRST = ["of", "times"];

export class Faults {
  #active = [];
  #shown = new Map();
  #soon = eachFrame(() => this.#draw());
  #kinds = new Map();
  #fields = [];
  #selectors = [];

  constructor() {
    for (const [name, rule] of CLASSICS) {
      const button = make("button", { type: "button", text: name });
      button.addEventListener("click", () => this.#add(rule));
      byId("presets").append(button);
    }
    byId("clear-faults").addEventListener("click", () => this.#clear());
    byId("fault-kind").addEventListener("change", () => this.#showKind());
    byId("fault-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  // The kinds are asked for anew with each connection, which may be to another version of the backend.
  async loadKinds() {
    const { kinds, selectors } = await ask("GET", "/_fake/faults/kinds");
    const select = byId("fault-kind");
    const chosen = select.value;
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    const families = new Map(kinds.map(({ family }) => [family, make("optgroup", { label: family })]));
    for (const { kind, family } of kinds) families.get(family).append(make("option", { value: kind, text: kind }));
    select.replaceChildren(...families.values());
    if (this.#kinds.has(chosen)) select.value = chosen;
    const fields = selectors.filter(({ name }) => name !== "run_id").map((key) => new Field(key)); // which run is said above
    const isFirst = ({ key }) => SELECTORS_FIRST.includes(key.name);
    byId("selector-fields").replaceChildren(...fields.filter(isFirst).map(({ element }) => element));
    byId("more-selector-fields").replaceChildren(...fields.filter((field) => !isFirst(field)).map(({ element }) => element));
    this.#selectors = fields;
    this.#showKind();
  }

  update(faults) {
    this.#active = faults;
    this.#soon();
  }

  // Offers to strike one run alone; null offers none.
  offerRun(runId) {
    const scope = byId("scope");
    const wasOne = scope.value !== "";
    while (scope.options.length > 1) scope.remove(1);
    if (runId !== null) scope.add(make("option", { value: runId, text: `run ${printable(runId, 40)}` }));
    scope.selectedIndex = wasOne && runId !== null ? 1 : 0;
  }

  async #add(rule, said = byId("fault-said")) {
    const scope = byId("scope").value;
    try {
      const added = await ask("POST", "/_fake/faults", scope === "" ? rule : { ...rule, run_id: scope });
      write(byId("fault-said"), `Added: ${ruleWords(added.rule)}`);
      write(byId("fault-error"), "");
    } catch (error) {
      this.#tell(error, said);
    }
  }

  async #submit() {
    const rule = { kind: byId("fault-kind").value };
    for (const field of [...this.#fields, ...this.#selectors]) {
      const value = field.read();
      if (value !== undefined) rule[field.key.name] = value;
    }
    await this.#add(rule, byId("fault-error"));
  }

  async #remove(id) {
    try {
      await ask("DELETE", `/_fake/faults/${id}`);
      write(byId("fault-said"), `Fault ${id} is removed.`);
    } catch (error) {
      this.#tell(error, byId("fault-said"));
    }
  }

  async #clear() {
    try {
      await ask("DELETE", "/_fake/faults");
      write(byId("fault-said"), "All faults are removed.");
      byId("presets").firstChild.focus();
    } catch (error) {
      this.#tell(error, byId("fault-said"));
    }
  }

  #tell(error, said) {
    if (!(error instanceof AnswerError)) throw error;
    write(said, printable(error.message, 1000));
  }

  #showKind() {
    const kind = this.#kinds.get(byId("fault-kind").value);
    if (kind === undefined) return;
    write(byId("kind-summary"), kind.summary.replaceAll("`", ""));
    this.#fields = kind.keys.map((key) => new Field(key, kind.example[key.name]));
    byId("kind-fields").replaceChildren(...this.#fields.map(({ element }) => element));
    write(byId("fault-error"), "");
  }

  #draw() {
    const list = byId("active-faults");
    const shown = this.#active.slice(-MOST_SHOWN);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#shown) {
      if (!ids.has(id)) {
        this.#takeAway(row, list);
        this.#shown.delete(id);
      }
    }
    for (const fault of shown) {
      const row = this.#shown.get(fault.id) ?? this.#newRow(fault, list);
      const { times = null } = fault.rule;
      const isSpent = times !== null && fault.struck >= times;
      row.className = isSpent ? "spent" : "";
      write(row.querySelector(".times"), `struck ${times === null ? counted(fault.struck, "time") : `${fault.struck} of ${times}`}`);
    }
    byId("clear-faults").hidden = this.#active.length === 0;
    const more = this.#active.length - shown.length;
    byId("no-faults").hidden = this.#active.length > 0 && more === 0;
    write(byId("no-faults"), more > 0 ? `And ${counted(more, "older one")}, not shown.` : "None: the backend behaves.");
  }

  // Who removed it by the keyboard goes on with the next one.
  #takeAway(row, list) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) (next?.querySelector("button") ?? byId("presets").firstChild).focus();
  }

  #newRow(fault, list) {
    const words = ruleWords(fault.rule);
    const remove = make("button", { type: "button", text: "Remove" });
    remove.setAttribute("aria-label", `Remove fault ${fault.id}: ${words}`);
    remove.addEventListener("click", () => this.#remove(fault.id));
    const row = make("li", {}, make("bdi", { className: "rule", text: words }), make("span", { className: "times" }), remove);
    this.#shown.set(fault.id, row);
    list.prepend(row); // what was just added is seen
    return row;
  }
}

function ruleWords({ of, requests, every, events, times, run_id: runId, ...fault }) {
  const words = [faultWords(fault)];
  if (of && of !== "any") words.push(`of ${of}`);
  if (requests?.length) words.push(`requests ${requests.join(", ")}`);
  if (every) words.push(`every ${every}`);
  if (events?.length) words.push(`events ${events.join(", ")}`);
  if (times) words.push(times === 1 ? "once" : `${times} times`);
  if (runId) words.push(`in run ${runId}`);
  return printable(words.join(" · "), 200);
}

let fields = 0;

// A key of a rule, to be filled in.
class Field {
  #input;

  constructor(key, example) {
    this.key = key;
    const id = `field-${++fields}`;
    this.#input = key.choices.length > 0 ? choose(key) : make("input", { type: "text", autocomplete: "off", spellcheck: false });
    this.#input.id = id;
    this.#input.name = key.name;
    if (key.required) this.#input.required = true;
    if (this.#input.localName === "input") this.#input.placeholder = key.type;
    if (key.required && example !== undefined) this.#input.value = shown(example);
    const meaning = make("span", { className: "meaning", id: `${id}-meaning`, text: key.meaning });
    this.#input.setAttribute("aria-describedby", meaning.id);
    const label = make("label", { htmlFor: id, text: key.required ? `${key.name} *` : key.name });
    this.element = make("p", { className: "field" }, label, this.#input, meaning);
  }

  // Gives what was filled in, undefined for nothing. The backend judges it: it knows best what is wrong with it.
  read() {
    const text = this.#input.value.trim();
    const { type, choices } = this.key;
    if (text === "") return undefined;
    if (choices.length > 0) return choices.find((choice) => String(choice) === text);
    if (type.startsWith("text")) return this.#input.value;
    // "1, 4" is what one writes for a list.
    const json = /^(list|two)/.test(type) && !text.startsWith("[") && text !== "false" ? `[${text}]` : text;
    try {
      return JSON.parse(json);
    } catch {
      return text;
    }
  }
}

function choose({ choices, required, default: usual }) {
  const options = choices.map((choice) => make("option", { value: String(choice), text: String(choice) }));
  if (!required) options.unshift(make("option", { value: "", text: `(${usual ?? "none"})` }));
  return make("select", {}, ...options);
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
