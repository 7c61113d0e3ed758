// The requests of one run: all that the backend still knows of it, however many other runs there are, and then live.

import { Requests } from "./requests.js";
import { ask, AnswerError } from "./stream.js";

const AT_ONCE = 1000;

export class RunRequests {
  requests;
  // Whether something was read of it, or could not be.
  hasBegun = false;
  isWhole = false;
  #runId;
  #all;
  #changed;
  #marks;
  #last = 0;
  // What is live meanwhile, until all before it is read.
  #waiting = [];

  // `all` are the requests of all runs, and `changed()` is called when there is more to see.
  constructor(runId, all, changed) {
    this.#runId = runId;
    this.#all = all;
    this.#changed = changed;
    this.requests = new Requests(runId);
    this.#marks = [...all.marks];
    this.#read();
  }

  note(id, record) {
    if (this.isWhole) this.#take(id, record);
    else this.#waiting.push([id, record]);
  }

  async #read() {
    let records;
    let cursor = 0;
    do {
      const query = new URLSearchParams({ since: cursor, limit: AT_ONCE });
      try {
        ({ records, cursor } = await ask("GET", `/_fake/runs/${encodeURIComponent(this.#runId)}/history?${query}`));
      } catch (error) {
        if (!(error instanceof AnswerError)) throw error;
        if (error.isDown) return this.#tell(); // it is asked again when it is up
        records = []; // it has forgotten the run
      }
      for (const { id, record } of records) this.#take(id, record);
      this.#tell();
    } while (records.length > 0); // of large records there are fewer in an answer than were asked for
    this.requests.addMarks(this.#marks);
    const read = this.#last;
    for (const [id, record] of this.#waiting) {
      // What is about no run is in no run's history.
      if (id > read || record.type === "BackendWentDown" || record.type === "BackendCameUp") this.#take(id, record);
    }
    this.#waiting = [];
    this.isWhole = true;
    this.#tell();
  }

  #tell() {
    this.hasBegun = true;
    this.#changed();
  }

  #take(id, record) {
    this.#last = id;
    this.requests.begin ??= this.#all.begin; // the times of all runs count from one moment
    this.requests.note(id, record);
  }
}
