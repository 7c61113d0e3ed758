// A form for any rule of faults, made from the backend's catalogue.

import { byId, make, write } from "./dom.js";

// The others are beneath "More on which requests"; which run is chosen above all.
const SELECTORS_FIRST = ["of", "times"];
const SELECTOR_ELSEWHERE = "run_id";

export class FaultForm {
  #kinds = new Map();
  #keys = [];
  #selectors = [];

  // `add(rule)` is called with what was filled in.
  constructor(add) {
    byId("fault-kind").addEventListener("change", () => this.#showKind());
    byId("fault-form").addEventListener("submit", (event) => {
      event.preventDefault();
      add(this.#rule());
    });
  }

  // Offers the kinds and selectors of a catalogue.
  offer({ kinds, selectors }) {
    this.tell("");
    const select = byId("fault-kind");
    const chosen = select.value;
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    const families = new Map(kinds.map(({ family }) => [family, make("optgroup", { label: family })]));
    for (const { kind, family } of kinds) families.get(family).append(make("option", { value: kind, text: kind }));
    select.replaceChildren(...families.values());
    if (this.#kinds.has(chosen)) select.value = chosen;
    this.#selectors = selectors.filter(({ name }) => name !== SELECTOR_ELSEWHERE).map((key) => new Field(key));
    const isFirst = ({ key }) => SELECTORS_FIRST.includes(key.name);
    show("selector-fields", this.#selectors.filter(isFirst));
    show("more-selector-fields", this.#selectors.filter((field) => !isFirst(field)));
    this.#showKind();
  }

  // Says what is wrong with what was filled in, in sight, below the field that is named; "" is nothing.
  tell(problem) {
    const error = byId("fault-error");
    byId("fault-form").lastElementChild.before(error);
    const fields = [...this.#keys, ...this.#selectors];
    for (const field of fields) field.isWrong(false);
    const wrong = fields.find(({ key }) => problem.startsWith(`${key.name} `)); // as the backend's errors begin
    wrong?.isWrong(true);
    wrong?.element.append(error);
    write(error, problem);
    if (problem !== "") error.scrollIntoView({ block: "nearest" });
  }

  #rule() {
    const rule = { kind: byId("fault-kind").value };
    for (const field of [...this.#keys, ...this.#selectors]) {
      const value = field.read();
      if (value !== undefined) rule[field.key.name] = value;
    }
    return rule;
  }

  #showKind() {
    const kind = this.#kinds.get(byId("fault-kind").value);
    this.tell("");
    write(byId("kind-summary"), kind.summary.replaceAll("`", ""));
    this.#keys = kind.keys.map((key) => new Field(key, kind.example[key.name]));
    show("kind-fields", this.#keys);
  }
}

function show(id, fields) {
  byId(id).replaceChildren(...fields.map(({ element }) => element));
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

  // Marks what was filled in as wrong, and goes there.
  isWrong(isWrong) {
    if (!isWrong) return this.#input.removeAttribute("aria-invalid");
    this.#input.setAttribute("aria-invalid", "true");
    const folded = this.#input.closest("details");
    if (folded !== null) folded.open = true;
    this.#input.focus({ preventScroll: true });
    this.#input.scrollIntoView({ block: "nearest" });
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
