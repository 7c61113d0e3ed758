// From the backend's records to the rows of the timeline: one for each request, and one for what belongs to none.

import { counted } from "./dom.js";

const MOST_ROWS = 2000;
const MOST_MARKS = 100;

export class Requests {
  rows = [];
  // Those of the rows that are about no run, kept for longer.
  marks = [];
  // How many rows have gone from the front, to bound the memory.
  dropped = 0;
  // The time of the first record: what others are counted from.
  begin = null;
  #runId;
  #byNumber = new Map();
  // The highest number of an event up to which a run was sent, to tell what is sent again.
  #highest = new Map();
  #changes = 0;

  // Of one run alone, if it is given.
  constructor(runId = null) {
    this.#runId = runId;
  }

  clear() {
    this.rows = [];
    this.marks = [];
    this.dropped = 0;
    this.begin = null;
    this.#byNumber.clear();
    this.#highest.clear();
  }

  missed({ missed_from: first, missed_to: last }) {
    this.#mark({ id: last, words: "not seen", detail: `${last - first + 1} records were forgotten before they were read` });
  }

  skipped({ missed_from: first, missed_to: last }) {
    const detail = `${counted(last - first + 1, "record")} from before, not shown; a run that is chosen is shown whole`;
    this.#mark({ id: last, words: "earlier", detail });
  }

  note(id, record) {
    this.begin ??= record.time;
    const at = record.time - this.begin;
    switch (record.type) {
      case "RequestStarted":
        if (this.#isWanted(record)) this.#start(id, at, record);
        break;
      case "StateSet": {
        if (!this.#isWanted(record)) break;
        const state = `last accepted ${record.last_accepted_seq}${record.complete ? ", complete" : ""}`;
        this.#mark({ id, at, runId: record.run_id, words: "state set", detail: `${state} (${record.why})` });
        break;
      }
      case "BackendWentDown":
        this.#mark({ id, at, isBad: true, words: "backend down", detail: "connections are refused" });
        break;
      case "BackendCameUp":
        this.#mark({ id, at, words: "backend up", detail: "it listens again" });
        break;
      default: {
        const row = this.#byNumber.get(record.request);
        if (row !== undefined) this.#change(row, at, record);
      }
    }
  }

  // Adds marks that others keep, from its own first row on.
  addMarks(marks) {
    const begin = this.rows[0]?.id ?? Infinity;
    for (const mark of marks) if (mark.id > begin) this.#add({ ...mark });
  }

  #isWanted({ run_id: runId }) {
    return this.#runId === null || this.#runId === runId;
  }

  #start(id, at, record) {
    const row = {
      id,
      at,
      number: record.request,
      runId: record.run_id,
      method: record.method,
      path: record.path,
      first: null,
      last: null,
      isAgain: false,
      lines: {},
      completion: null,
      isRead: false,
      faults: [],
      answer: null,
      broken: null,
      until: null,
    };
    this.#byNumber.set(record.request, row);
    this.#add(row);
  }

  #mark(mark) {
    const row = { at: null, runId: null, isBad: false, ...mark };
    this.#add(row);
    if (row.runId === null) this.marks.push(row);
    if (this.marks.length > MOST_MARKS) this.marks.shift();
  }

  #add(row) {
    row.changed = ++this.#changes;
    // Nearly always at the end.
    let place = this.rows.length;
    while (place > 0 && this.rows[place - 1].id > row.id) place -= 1;
    this.rows.splice(place, 0, row);
    if (this.rows.length > MOST_ROWS + MOST_ROWS / 10) {
      const gone = this.rows.splice(0, this.rows.length - MOST_ROWS);
      this.dropped += gone.length;
      for (const each of gone) this.#byNumber.delete(each.number);
    }
  }

  #change(row, at, record) {
    row.changed = ++this.#changes;
    switch (record.type) {
      case "LineReceived":
        row.lines[record.decision] = (row.lines[record.decision] ?? 0) + 1;
        if (record.seq !== null) this.#carry(row, record.seq, record.decision);
        break;
      case "CompletionReceived":
        row.completion = { at: record.final_seq, decision: record.decision };
        break;
      case "BodyEnded":
        row.isRead = true;
        break;
      case "FaultStruck":
        row.faults.push(record.fault);
        break;
      case "AnswerSent":
        row.answer = { status: record.status, says: says(record.body) };
        row.until = at;
        break;
      case "RequestBroken":
        row.broken = record.cause;
        row.until = at;
        break;
    }
  }

  #carry(row, seq, decision) {
    const highest = this.#highest.get(row.runId) ?? 0;
    if (row.first === null) {
      row.first = seq;
      row.isAgain = seq <= highest;
    }
    row.last = seq;
    // A number past the next one was skipped, not sent, up to there.
    if (seq > highest && decision !== "gap") this.#highest.set(row.runId, seq);
  }
}

// What an answer says, in short: its error, or how far the run has come.
function says(body) {
  try {
    const answer = JSON.parse(body);
    if (typeof answer.error === "string") return answer.error;
    if (typeof answer.last_accepted_seq === "number") return `up to ${answer.last_accepted_seq}`;
  } catch {
    // It is no JSON, or says nothing that we know: then it is shown as it is.
  }
  return body.slice(0, 200);
}

export function carried(row) {
  if (row.method !== "POST") return `${row.method} ${row.path}`;
  const parts = [];
  if (row.first !== null) parts.push(row.first === row.last ? `event ${row.first}` : `events ${row.first} to ${row.last}`);
  else if (Object.keys(row.lines).length > 0) parts.push("lines without a number");
  if (row.completion !== null) parts.push(`completion at ${row.completion.at ?? "no number"}`);
  if (parts.length > 0) return parts.join(", ");
  if (row.isRead) return "sync";
  return row.until === null ? "sending" : "body not read";
}

const DECISIONS = { "too-large": "too large", complete: "after completion" };

export function decided(row) {
  const parts = Object.entries(row.lines).map(([decision, number]) => `${number} ${DECISIONS[decision] ?? decision}`);
  if (row.completion !== null) parts.push(`completion: ${row.completion.decision.replace("-", " ")}`);
  if (parts.length > 0) return parts.join(", ");
  return row.isRead && row.method === "POST" ? "tells how far it is" : "nothing taken";
}

const BROKEN = {
  fault: "no answer",
  "client-disconnected": "sender left",
  shutdown: "no answer",
};

const UNITS = { seconds: "s", jitter: "s jitter", delay: "s delay", size: "bytes", rate: "bytes/s" };

// A fault in a few words: its kind, what it was given, and where it strikes.
export function faultWords({ kind, phase, ...values }) {
  const words = [kind];
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === 0 || value === "" || value === false || value?.length === 0) continue;
    if (typeof value === "object" && Object.keys(value).length === 0) continue;
    if (key in UNITS) words.push(`${value} ${UNITS[key]}`);
    else if (key === "status" || key === "stream") words.push(String(value));
    else words.push(`${key} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  if (phase) words.push(phase);
  return words.join(" ");
}

export function outcome(row) {
  if (row.broken !== null) return { tone: "bad", text: BROKEN[row.broken] };
  if (row.answer === null) return { tone: "open", text: "waiting for the answer" };
  const { status, says: text } = row.answer;
  return { tone: status >= 200 && status < 300 ? "good" : "bad", text: text === "" ? `${status}` : `${status} ${text}` };
}
