// The Activity of a run, or of all: the events that were accepted, by kind, as they come.

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
  #forgotten = 0;
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

  // Marks the event that is looked at; null marks none.
  mark(event) {
    this.#list.mark(event);
  }

  show(isShown) {
    this.#isShown = isShown;
    if (isShown) this.#read();
  }

  // Says which run it is about, null for all, and how many events were accepted there.
  update(runId, accepted) {
    if (runId !== this.#runId) {
      this.#runId = runId;
      this.#accepted = null;
      this.#restart();
    }
    if (accepted !== this.#accepted) {
      this.#accepted = accepted;
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
    this.#forgotten = 0;
    this.#isReading = false;
    this.#draw(0);
    this.#read();
  }

  async #read() {
    if (!this.#isShown) return;
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
      const { events, missed, cursor } = await ask("GET", `${eventsPath(this.#runId)}?${query}`);
      if (turn !== this.#turn) return;
      this.#forgotten += missed;
      this.#since = cursor;
      this.#add(events);
      if (events.length === 0) return; // of large events there are fewer in an answer than were asked for
    }
  }

  #add(events) {
    for (const event of events) this.#events.push(inShort(event, this.#runId));
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
    if (kind !== "") none = `No event whose kind begins with ${JSON.stringify(kind)}.`;
    if (isEmpty && this.#forgotten > 0) none = `${none.slice(0, -1)} among those that are kept; ${count(this.#forgotten)} older were forgotten.`;
    write(byId("no-events"), none);
    const older = kind === "" && !isEmpty ? this.#events[0].id - 1 - this.#forgotten : this.#older;
    const parts = [counted(this.#events.length, "event")];
    if (older > 0) parts.push(`${count(older)} older not shown`);
    if (this.#forgotten > 0) parts.push(`${count(this.#forgotten)} older forgotten${kind === "" ? "" : ", of any kind"}`);
    write(byId("events-older"), isEmpty ? "" : parts.join("; "));
  }
}

// Where the backend gives the events of a run, or of all.
export function eventsPath(runId) {
  return runId === null ? "/_fake/events" : `/_fake/runs/${encodeURIComponent(runId)}/events`;
}

// What is kept of an event, which may be large: the backend is asked for it when it is clicked, where it was asked first.
function inShort({ id, timestamp, kind, payload }, askedOf) {
  const text = printable(JSON.stringify(payload.event), 300);
  const runId = payload.run_id ?? askedOf;
  return { id, changed: id, askedOf, runId, timestamp, kind: printable(kind, 80), seq: payload.seq, text };
}

function drawEvent({ askedOf, runId, timestamp, kind, seq, text }, button) {
  button.className = askedOf === null ? "event of-all" : "event";
  button.append(make("span", { className: "time" }, make("time", { text: timeOfDay(new Date(timestamp * 1000)) })));
  if (askedOf === null) button.append(make("bdi", { className: "run", text: printable(runId, 80) }));
  button.append(
    make("span", { className: "seq", text: `#${seq}` }),
    make("bdi", { className: "kind-of", text: kind }),
    make("bdi", { className: "payload", text }),
  );
}

function timeOfDay(date) {
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((each) => String(each).padStart(2, "0"));
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
