// A sender: delivers the events of one run, in order and once each. Durations are milliseconds, sizes bytes of UTF-8.

import { setTimeout as delay } from 'node:timers/promises';

import { Poster } from './post.mjs';

const LONGEST_TIMER_MS = 2 ** 31 - 1; // a longer one, such as Infinity, fires at once

/**
 * One asynchronous function does everything that touches the network, one request after another, so that there is
 * never more than one window in flight.
 *
 * The i-th held event is number base + 1 + i. Only an answer that says where the backend stands changes base: an event
 * that may have been taken keeps its number until the backend has said otherwise.
 */
export class Sender {
  #config;
  #poster;
  #held = []; // oldest first: { json, size }
  #heldBytes = 0;
  #base = 0;

  #synced = false;
  #unsettled = false; // lines may still be being taken, so that one answer about where the backend stands isn't enough
  #lastSeen; // what the last answer said meanwhile
  #lowered = false; // a success named a number below base; the next one is believed
  #doubt = 0; // the highest number that may have been taken without our having been told
  #alone = false; // the oldest event goes out alone, since a window with it was refused
  #suspected = 0; // how many events were in a refused window, until it is known how far it got
  #refusals = 0; // of the oldest event, alone
  #failures = 0; // since a window was last taken

  #delivered = 0;
  #dropped = {};
  #completed = false;

  #completing = true;
  #over = false; // nothing more is sent
  #wake = () => {};
  #stopping = new AbortController();
  #deadline = new AbortController();
  #ended;
  #stopped;

  /**
   * Makes no request before there is an event, or stop() is called. An idle sender doesn't keep the process alive.
   *
   * @param {object} config
   * @param {string} config.url  the run's whole ingest URL
   * @param {string} config.token
   * @param {number} config.maxBufferedEvents
   * @param {number} config.maxBufferedBytes
   * @param {number} config.maxWindowEvents
   * @param {number} config.maxWindowBytes
   * @param {number} config.maxEventBytes  of a line, {"seq":N,"event":…}
   * @param {number} config.flushDelayMs  how long an event that comes to an idle sender waits for company
   * @param {number} config.retryDelayMs  after the first failure; it doubles with each that follows
   * @param {number} config.maxRetryDelayMs
   * @param {number} config.settleDelayMs  how far apart two answers about where the backend stands are, and agree
   * @param {number} config.requestTimeoutMs  of a whole request, from connecting to the end of the answer
   * @throws {TypeError} The URL or the token can't be used.
   */
  constructor(config) {
    // An event larger than a window could never go out.
    this.#config = { ...config, maxEventBytes: Math.min(config.maxEventBytes, config.maxWindowBytes) };
    this.#poster = new Poster(config);
    this.#deadline.signal.addEventListener('abort', () => this.#poster.close());
    this.#ended = this.#run();
  }

  /**
   * Takes an event, as it is now and as JSON.stringify has it, or says why not. Never waits, never throws.
   *
   * @returns {'accepted' | 'full' | 'oversized' | 'unserializable' | 'closed'}
   */
  enqueue(event) {
    const json = stringify(event); // before the checks, since a toJSON may enqueue, or stop, too
    if (this.#over || this.#stopping.signal.aborted) return 'closed';
    if (json === undefined) return 'unserializable';
    const { maxEventBytes, maxBufferedEvents, maxBufferedBytes } = this.#config;
    const size = Buffer.byteLength(json); // a string's length counts UTF-16 units
    if (lineSize(this.#base + this.#held.length + 1, size) > maxEventBytes) return 'oversized';
    if (this.#held.length >= maxBufferedEvents || this.#heldBytes + size > maxBufferedBytes) return 'full';
    this.#held.push({ json, size });
    this.#heldBytes += size;
    this.#wake();
    return 'accepted';
  }

  /**
   * Delivers what is held, completes the run if asked to, and resolves within the timeout; nothing is sent after that.
   * The first call decides, and all callers get the same report.
   *
   * @returns {Promise<{delivered: number, undelivered: number, dropped: Record<string, number>, completed: boolean}>}
   */
  stop({ timeoutMs = 30_000, complete = true } = {}) {
    this.#stopped ??= this.#drain(timeoutMs, complete);
    return this.#stopped;
  }

  async #drain(timeoutMs, complete) {
    this.#completing = complete;
    const timer = setTimeout(() => this.#deadline.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS));
    this.#stopping.abort();
    this.#wake();
    await this.#ended;
    clearTimeout(timer);
    return {
      delivered: this.#delivered,
      undelivered: this.#held.length,
      dropped: this.#dropped,
      completed: this.#completed,
    };
  }

  async #run() {
    while (!this.#over && !this.#deadline.signal.aborted) await this.#step();
    this.#over = true;
    this.#poster.close();
  }

  async #step() {
    const isEmpty = this.#held.length === 0;
    if (isEmpty && !this.#stopping.signal.aborted) await this.#idle();
    else if (isEmpty && !this.#completing) this.#over = true;
    else if (!this.#synced) await this.#sync();
    else if (!isEmpty) await this.#send();
    else await this.#finish();
  }

  /** Waits for an event, and then for its company. */
  async #idle() {
    await new Promise((resolve) => {
      this.#wake = resolve;
    });
    await sleep(this.#config.flushDelayMs, this.#stopping.signal);
  }

  /** Asks where the backend stands. */
  async #sync() {
    const answer = await this.#poster.post('');
    if (answer.isFinal) {
      this.#over = true;
    } else if (!answer.isSuccess) {
      this.#lastSeen = undefined;
      await this.#pause(answer);
    } else if (answer.last < this.#base && !this.#lowered) {
      this.#lowered = true; // maybe a replica that lags behind: ask again before what it may have gets new numbers
      await this.#pause(answer);
    } else if (!this.#standsStill(answer.last)) {
      await sleep(this.#config.settleDelayMs, this.#deadline.signal);
    } else if (this.#suspected > 0) {
      this.#judgeRefusal(answer.last);
    } else {
      this.#told(answer.last);
    }
  }

  /**
   * Whether the backend takes nothing more of what was sent: it says the same twice, or has it all. One that goes on
   * with a request whose client is gone tells a number that is still rising, and takes what is sent from there twice.
   */
  #standsStill(last) {
    const isSettled = !this.#unsettled || last === this.#lastSeen || last >= this.#doubt;
    this.#lastSeen = last;
    return isSettled;
  }

  /** Sends a window, and heeds what is said to it. */
  async #send() {
    const lines = this.#window();
    const base = this.#base;
    const highest = base + lines.length;
    const answer = await this.#poster.post(lines.join('\n')); // one after the last would count, too

    if (!answer.isConflict) {
      this.#doubt = Math.max(this.#doubt, highest);
    } else if (base < answer.last && answer.last <= highest) {
      // This window was not taken, but an earlier attempt at it may have been while it was on its way.
      this.#doubt = Math.max(this.#doubt, answer.last);
    }

    if (answer.isFinal || (answer.isConflict && answer.last === base)) {
      this.#over = true; // a 409 that asks for just what it got: the run is closed to us
      return;
    }
    if (answer.isConflict) {
      this.#told(answer.last);
    } else if (answer.status === 400 || answer.status === 413) {
      this.#suspected = lines.length;
      if (answer.last === undefined) this.#synced = false;
      else this.#judgeRefusal(answer.last);
    } else if (answer.isSuccess && answer.last < base) {
      this.#synced = false;
      this.#lowered = true;
    } else if (answer.isSuccess && this.#told(answer.last) > 0) {
      this.#failures = 0;
      this.#alone = false;
      return;
    } else if (answer.isUnclear) {
      this.#synced = false;
      this.#unsettled = true;
      this.#lastSeen = undefined;
    }
    await this.#pause(answer); // and then, if a clear answer said nothing of the window, the same goes out again
  }

  /** The lines of the oldest events, as many as may go out together. */
  #window() {
    const limit = this.#alone ? 1 : this.#config.maxWindowEvents;
    const lines = [];
    let bytes = -1; // a newline less than there are lines
    for (const { json, size } of this.#held.slice(0, limit)) {
      const seq = this.#base + lines.length + 1;
      bytes += lineSize(seq, size) + 1;
      if (lines.length > 0 && bytes > this.#config.maxWindowBytes) break;
      lines.push(line(seq, json));
    }
    return lines;
  }

  /**
   * Heeds how far a refused window got. Where nothing of it was taken, its oldest event goes out alone next, and is
   * dropped when it was refused alone twice: once may have been somebody else's fault.
   */
  #judgeRefusal(last) {
    const count = this.#suspected;
    this.#suspected = 0;
    if (this.#told(last) > 0) return;
    this.#alone = true;
    if (count === 1) this.#refusals += 1;
    if (this.#refusals > 1) {
      this.#discard(1);
      this.#countDropped('refused', 1);
      this.#alone = false;
      this.#doubt = this.#refusals = 0;
    }
  }

  /**
   * Notes where the backend stands, and gives how many events are delivered by that: those that went out under numbers
   * up to there. A number beyond them is another writer's, and what is held follows it.
   */
  #told(last) {
    const taken = Math.max(Math.min(last, this.#doubt) - this.#base, 0);
    this.#discard(taken);
    this.#delivered += taken;
    if (taken > 0) this.#refusals = 0;
    const hasMoved = last !== this.#base + taken;
    this.#base = last;
    this.#doubt = 0;
    this.#synced = true;
    this.#unsettled = false;
    this.#lowered = false;
    if (hasMoved) this.#dropOutgrown();
    return taken;
  }

  #discard(count) {
    for (const { size } of this.#held.splice(0, count)) this.#heldBytes -= size;
  }

  /** Drops what is too large under a number that has become longer since it was enqueued. */
  #dropOutgrown() {
    const before = this.#held;
    this.#held = [];
    for (const event of before) {
      const fits = lineSize(this.#base + this.#held.length + 1, event.size) <= this.#config.maxEventBytes;
      if (fits) this.#held.push(event);
      else this.#heldBytes -= event.size;
    }
    this.#countDropped('oversized', before.length - this.#held.length);
  }

  #countDropped(reason, count) {
    if (count > 0) this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
  }

  /** Completes the run. */
  async #finish() {
    const answer = await this.#poster.post(`{"type":"_posthog/stream_complete","final_seq":${this.#base}}`);
    if (answer.isFinal || (answer.isConflict && answer.last === this.#base)) {
      this.#over = true;
    } else if (answer.isSuccess) {
      this.#completed = this.#over = true;
    } else {
      if (answer.isConflict) this.#told(answer.last);
      await this.#pause(answer);
    }
  }

  /** Waits before the next attempt: longer each time, up to a cap, and never just as long as other senders do. */
  async #pause({ retryAfterMs }) {
    const { retryDelayMs, maxRetryDelayMs } = this.#config;
    const grown = Math.min(retryDelayMs * 2 ** this.#failures, maxRetryDelayMs);
    this.#failures += 1;
    await sleep(Math.max(grown * (0.5 + Math.random() / 2), retryAfterMs), this.#deadline.signal);
  }
}

/** An event as one line of JSON; undefined where JSON can't carry it as an object: a cycle, a BigInt, a function. */
function stringify(event) {
  try {
    const json = JSON.stringify(event);
    return json?.startsWith('{') ? json : undefined;
  } catch {
    return undefined; // also what a toJSON or a getter of the caller's throws
  }
}

function line(seq, json) {
  return `{"seq":${seq},"event":${json}}`;
}

function lineSize(seq, size) {
  return line(seq, '').length + size;
}

/** Sleeps for no less than so long, or until the signal. A timer alone may fire early, by what its turn took so far. */
async function sleep(ms, signal) {
  const until = performance.now() + ms;
  for (let left = ms; left > 0 && !signal.aborted; left = until - performance.now()) {
    await delay(Math.ceil(left), undefined, { signal }).catch(() => {});
  }
}
