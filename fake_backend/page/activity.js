// The Activity of a run: the events that were accepted, by kind, as they come.

import { byId, count, counted, make, printable, write } from "./dom.js";
import { ask, AnswerError } from "./stream.js";
import { VirtualList } from "./virtual_list.js";

const MOST_EVENTS = 5000;
const AT_ONCE = 1000;

export class Activity {
  #runId = null;
  #accepted = null;
  #events = [];
  #since = 0;
  #older = 0;
  #isShown = false;
  // Raised by whatever makes an answer that is under way be about something else.
  #turn = 0;
  #isReading = false;
  #isStale = false;
  #list;

  constructor(choose) {
    this.#list = new VirtualList(byId("events"), {
      label: "Events",
      draw: drawEvent,
      choose,
      newest: document.querySelector("#panel-activity .newest"),
    });
    byId("kind-prefix").addEventListener("input", () => this.#restart());
  }

  show(isShown) {
    this.#isShown = isShown;
    if (isShown) this.#read();
  }

  // Says which run it is about, and how many events of it were accepted; null is none.
  update(run) {
    const runId = run?.run_id ?? null;
    if (runId !== this.#runId) {
      this.#runId = runId;
      this.#accepted = null;
      this.#restart();
    }
    if (run !== undefined && run.accepted !== this.#accepted) {
      this.#accepted = run.accepted;
      this.#read();
    }
  }

  clear() {
    this.#accepted = null;
    this.#restart();
  }

  #restart() {
    this.#turn += 1;
    this.#events = [];
    this.#since = 0;
    this.#older = 0;
    this.#isReading = false;
    this.#draw(0);
    this.#read();
  }

  async #read() {
    if (!this.#isShown || this.#runId === null) return;
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    const turn = this.#turn;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#readOn(turn);
        if (turn !== this.#turn) return;
      }
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error; // it is down, and is asked again when it is up
    } finally {
      if (turn === this.#turn) this.#isReading = false;
    }
  }

  async #readOn(turn) {
    const kind = byId("kind-prefix").value;
    // Of very many, the last are asked for at once. Ids go on where events were forgotten, so this is never too late.
    if (this.#since === 0 && kind === "" && this.#accepted > MOST_EVENTS) this.#since = this.#accepted - MOST_EVENTS;
    for (;;) {
      const query = new URLSearchParams({ since: this.#since, limit: AT_ONCE, kind });
      const { events } = await ask("GET", `/_fake/runs/${encodeURIComponent(this.#runId)}/events?${query}`);
      if (turn !== this.#turn) return;
      if (events.length > 0) this.#add(events);
      else this.#draw(0);
      if (events.length < AT_ONCE) return;
    }
  }

  #add(events) {
    for (const event of events) this.#events.push({ ...event, changed: event.id, runId: this.#runId });
    this.#since = events.at(-1).id;
    const gone = this.#events.splice(0, Math.max(0, this.#events.length - MOST_EVENTS)).length;
    this.#older += gone;
    this.#draw(gone);
  }

  #draw(gone) {
    this.#list.show(this.#events, gone);
    const kind = byId("kind-prefix").value;
    const isEmpty = this.#events.length === 0;
    byId("events").hidden = isEmpty;
    byId("no-events").hidden = !isEmpty;
    let none = "No event was accepted yet.";
    if (this.#runId === null) none = "Choose a run to see its events.";
    else if (kind !== "") none = `No event whose kind begins with ${JSON.stringify(kind)}.`;
    write(byId("no-events"), none);
    const older = kind === "" && !isEmpty ? this.#events[0].id - 1 : this.#older;
    const [shown, left] = [counted(this.#events.length, "event"), count(older)];
    write(byId("events-older"), isEmpty ? "" : older > 0 ? `${shown}; ${left} older not shown` : shown);
  }
}

function drawEvent(event, button) {
  button.className = "event";
  const at = new Date(event.timestamp * 1000);
  button.append(
    make("span", { className: "time" }, make("time", { text: timeOfDay(at) })),
    make("span", { className: "seq", text: `#${event.payload.seq}` }),
    make("bdi", { className: "kind-of", text: printable(event.kind, 80) }),
    make("bdi", { className: "payload", text: printable(JSON.stringify(event.payload.event), 300) }),
  );
}

function timeOfDay(date) {
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((each) => String(each).padStart(2, "0"));
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
