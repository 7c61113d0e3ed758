// The requests of a sender: what goes out, what came back, and that it is over in time.

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

const LONGEST_ANSWER = 64 * 1024;
const LONGEST_WAIT_MS = 86_400_000; // that a Retry-After is heeded for
const LARGEST_NUMBER = 2 ** 52; // one can count on from it for long, and stay exact
const IDLE_CONNECTION_MS = 30_000; // proxies forget about idle connections, some after a minute

const FINAL = new Set([401, 403, 404, 410]);
const CLEAR = new Set([400, 413, 429, 500, 503]); // the backend is done with the request, whatever it took of it

/**
 * What came back: `status` is 0 where nothing did, `last` is where the backend stands, undefined where unsaid, and
 * `isBackendsError` is whether it is an error in the backend's own form, and not a proxy's.
 */
class Answer {
  constructor({ status = 0, last, isBackendsError = false, retryAfterMs = 0 } = {}) {
    Object.assign(this, { status, last, isBackendsError, retryAfterMs });
  }

  /** The backend will never take anything from us. A proxy that says so may have no backend just now. */
  get isFinal() {
    return FINAL.has(this.status) && this.isBackendsError;
  }

  /** The backend's own success: a 2xx that doesn't say how far it got is a proxy's, and acknowledges nothing. */
  get isSuccess() {
    return this.status >= 200 && this.status < 300 && this.last !== undefined;
  }

  /** A 409 that tells where to go on. */
  get isConflict() {
    return this.status === 409 && this.last !== undefined;
  }

  /** Nobody knows what became of the request, or whether the backend is still at it. */
  get isUnclear() {
    return !this.isSuccess && !this.isConflict && !CLEAR.has(this.status);
  }
}

/** Makes connections over TLS of which the plain one below is known, since that one alone can be reset. */
class SecureAgent extends https.Agent {
  createConnection(options, callback) {
    const plain = net.connect(options);
    // What it ends with, the one over TLS ends with too, and tells.
    plain.on('error', () => {});
    return Object.assign(super.createConnection({ ...options, socket: plain }, callback), { plain });
  }
}

/** Makes the requests of one run, one at a time, on a connection of its own that is kept alive. */
export class Poster {
  #url;
  #headers;
  #timeoutMs;
  #http;
  #agent;
  #inFlight;

  /** @throws {TypeError} The URL is none, or the token can't go into a header. */
  constructor({ url, token, requestTimeoutMs }) {
    this.#url = new URL(url);
    this.#headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-ndjson' };
    http.validateHeaderValue('Authorization', this.#headers.Authorization); // now, not in the middle of a run
    this.#timeoutMs = requestTimeoutMs;
    this.#http = this.#url.protocol === 'https:' ? https : http;
    const Agent = this.#http === https ? SecureAgent : http.Agent;
    this.#agent = new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  }

  /**
   * Makes a request, all of it within the request timeout. It never rejects: where no answer came, that is the answer,
   * and whether the body was taken is anyone's guess. Redirects are answers like any other; the token stays here.
   */
  post(body) {
    return new Promise((resolve) => {
      let response;
      let text = '';
      const request = this.#http.request(this.#url, { method: 'POST', headers: this.#headers, agent: this.#agent });
      this.#inFlight = request;
      // A timer and not the option `timeout`, which is for silence: a body that drips would never end.
      const timer = setTimeout(() => cut(request), this.#timeoutMs);
      request.on('response', (incoming) => {
        response = incoming.setEncoding('utf8');
        response.on('error', () => {}); // it broke off: the head still counts
        response.on('data', (chunk) => {
          text += chunk;
          if (text.length > LONGEST_ANSWER) cut(request);
        });
        // It answered before it had read all. The rest must not arrive beside the next attempt.
        response.on('end', () => request.writableFinished || cut(request));
      });
      request.on('error', () => {}); // `close` follows, whatever happened
      request.on('close', () => {
        clearTimeout(timer);
        this.#inFlight = undefined;
        resolve(
          new Answer({
            status: response?.statusCode,
            last: response?.complete ? readLast(text) : undefined, // no number out of half a body
            isBackendsError: typeof parse(text)?.error === 'string',
            retryAfterMs: readRetryAfter(response?.headers['retry-after']),
          }),
        );
      });
      request.end(body); // in one piece, so that Node knows and sends the Content-Length
    });
  }

  /** Ends what is in flight, and closes the connection. */
  close() {
    if (this.#inFlight) cut(this.#inFlight);
    this.#agent.destroy();
  }
}

/**
 * Cuts a connection. After a mere destroy() the kernel goes on to deliver what was written before: a window could
 * arrive while its next attempt is under way, or after stop() has returned. A reset discards it. Nothing does where
 * the process is killed: Node has no SO_LINGER.
 */
function cut(request) {
  const plain = request.socket?.plain ?? request.socket;
  if (plain && !plain.connecting) plain.resetAndDestroy(); // one that is being made would first be waited for
  request.destroy();
}

/** Reads JSON; undefined where it is none. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads where the backend stands, if it is said beyond doubt: an integer, not 8.0, "8", true or null. */
function readLast(text) {
  const last = parse(text)?.last_accepted_seq;
  // To JSON.parse 8.0 and 8 are the same, so the text is asked as well.
  const isWhole = !/"last_accepted_seq"\s*:\s*-?\d+[.eE]/.test(text);
  return isWhole && Number.isInteger(last) && last >= 0 && last <= LARGEST_NUMBER ? last : undefined;
}

/** Reads for how long the backend asks to be left alone, in seconds or until a date; nonsense is 0. */
function readRetryAfter(value = '') {
  // Without a zone a date is local time to Date.parse, and always GMT to HTTP.
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value.replace(/( GMT)?$/, ' GMT')) - Date.now();
  return ms > 0 ? Math.min(ms, LONGEST_WAIT_MS) : 0;
}
