// A list of which only the rows in sight are in the document, however long it is.
//
// Each row is a button. The list is one stop of the Tab key; arrows, Page Up, Page Down, Home and End move within it.
// Rows have one height, which the style sheet sets as --row.

import { eachFrame, make } from "./dom.js";

const SPARE_ROWS = 6;

export class VirtualList {
  #box;
  #rows = make("ol");
  #drawRow;
  #choose;
  #newest;
  #items = [];
  #drawn = new Map();
  #active = 0;
  #marked = null;
  #follows;
  #height = 0;
  #boxHeight = 0;
  #onlyOnScreen = eachFrame(() => this.#draw());

  // `draw(item, button)` fills a row; an item says by a new `changed` that it is to be drawn again. `choose(item)` is
  // called with what is clicked. With `newest`, a button, the list follows its end until it is scrolled away from it.
  constructor(box, { label, draw, choose, newest = null }) {
    this.#box = box;
    this.#drawRow = draw;
    this.#choose = choose;
    this.#newest = newest;
    this.#follows = newest !== null;
    this.#rows.setAttribute("aria-label", label);
    box.append(this.#rows);
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    box.addEventListener("keydown", (event) => this.#pressed(event));
    new ResizeObserver(() => this.refresh()).observe(box);
    newest?.addEventListener("click", () => this.follow());
  }

  // `dropped` says how many rows have gone from the front since the last time, so that what is read stays in place.
  show(items, dropped = 0) {
    this.#items = items;
    this.#active = Math.max(0, this.#active - dropped);
    if (dropped > 0 && !this.#follows) this.#box.scrollTop -= dropped * this.#height;
    this.refresh();
  }

  refresh() {
    this.#onlyOnScreen();
  }

  // Marks the item that is looked at; null marks none.
  mark(item) {
    this.#marked = item;
    this.refresh();
  }

  // Goes to the end, and stays there as the list grows.
  follow() {
    this.#follows = true;
    this.refresh();
  }

  #draw() {
    if (this.#box.getClientRects().length === 0) return; // hidden; it is drawn as soon as it has a size again
    this.#height = parseFloat(getComputedStyle(this.#box).getPropertyValue("--row"));
    this.#boxHeight = this.#box.clientHeight;
    const length = this.#items.length;
    this.#rows.style.height = `${length * this.#height}px`;
    if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight;
    this.#active = this.#whereTabLeads(length);
    const first = Math.max(0, Math.floor(this.#box.scrollTop / this.#height) - SPARE_ROWS);
    const last = Math.min(length, Math.ceil((this.#box.scrollTop + this.#box.clientHeight) / this.#height) + SPARE_ROWS);
    const indices = new Set(Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index));
    // The row that Tab leads to is always there, in sight or not.
    if (length > 0) indices.add(this.#active);
    const wanted = new Map([...indices].sort((a, b) => a - b).map((index) => [this.#items[index], index]));
    for (const [item, row] of this.#drawn) {
      if (!wanted.has(item)) {
        row.remove();
        this.#drawn.delete(item);
      }
    }
    let place = 0;
    for (const [item, index] of wanted) this.#place(item, index, place++);
    if (this.#newest !== null) this.#newest.hidden = this.#follows || length === 0;
  }

  // Where the focus is, or else into what is in sight: to the end, if the list follows that.
  #whereTabLeads(length) {
    const last = Math.max(0, length - 1);
    if (this.#rows.contains(document.activeElement)) return Math.min(this.#active, last);
    if (this.#follows) return last;
    const top = Math.ceil(this.#box.scrollTop / this.#height);
    const bottom = Math.floor((this.#box.scrollTop + this.#boxHeight) / this.#height) - 1;
    return Math.min(last, Math.max(top, Math.min(this.#active, bottom)));
  }

  #place(item, index, place) {
    let row = this.#drawn.get(item);
    if (row === undefined) {
      const button = make("button", { type: "button" });
      button.addEventListener("click", () => {
        this.#activate(this.#items.indexOf(item));
        this.mark(item);
        this.#choose(item);
      });
      row = make("li", {}, button);
      this.#drawn.set(item, row);
      // In the order in which they are read; those that are there already keep it, and so keep the focus.
      this.#rows.insertBefore(row, this.#rows.children[place] ?? null);
    }
    const button = row.firstChild;
    if (row.drawnAs !== item.changed) {
      row.drawnAs = item.changed;
      button.replaceChildren();
      this.#drawRow(item, button);
    }
    row.style.transform = `translateY(${index * this.#height}px)`;
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.#items.length);
    button.tabIndex = index === this.#active ? 0 : -1;
    if (item === this.#marked) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }

  #scrolled() {
    // A box that has changed its size was scrolled by that, and by nobody.
    if (this.#newest !== null && this.#box.clientHeight === this.#boxHeight) {
      this.#follows = this.#box.scrollTop + this.#box.clientHeight >= this.#box.scrollHeight - this.#height / 2;
    }
    this.refresh();
  }

  #pressed(event) {
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || this.#items.length === 0) return;
    event.preventDefault();
    this.#activate(Math.min(this.#items.length - 1, Math.max(0, this.#active + steps[event.key])));
    const top = this.#active * this.#height;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    const bottom = top + this.#height - this.#box.clientHeight;
    if (bottom > this.#box.scrollTop) this.#box.scrollTop = bottom;
    this.#scrolled();
    this.#draw();
    this.#drawn.get(this.#items[this.#active]).firstChild.focus({ preventScroll: true });
  }

  #activate(index) {
    this.#active = index;
    this.refresh();
  }
}
