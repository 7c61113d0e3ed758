// Puts the sender behind the adapter protocol: JSON lines on standard input and output, by which the suite drives it.

import { Sender } from './sender.mjs';

const senders = new Map();

const handlers = {
  hello({ protocol }) {
    if (protocol !== 1) throw new Error(`protocol ${protocol} is not spoken here, only 1`);
    return {
      protocol,
      name: 'node-example',
      version: '1.0.0',
      language: `JavaScript, Node ${process.versions.node}`,
      // Not big-integers: JSON.parse, in this adapter and of the backend's answers, rounds past 2^53.
      capabilities: ['drain-report', 'handoff', 'lone-surrogates', 'unserializable'],
    };
  },

  open({ sender, settings }) {
    const inCamelCase = ([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value];
    senders.set(sender, new Sender(Object.fromEntries(Object.entries(settings).map(inCamelCase))));
    return {};
  },

  enqueue({ sender, events }) {
    return { outcomes: events.map((event) => find(sender).enqueue(event)) };
  },

  'enqueue-unserializable'({ sender }) {
    const event = {};
    event.itself = event;
    return { outcomes: [find(sender).enqueue(event)] };
  },

  async stop({ sender, deadline_ms: timeoutMs, complete }) {
    return { report: await find(sender).stop({ timeoutMs, complete }) };
  },

  exit() {
    setImmediate(() => process.exit()); // once this is answered
    return {};
  },
};

function find(number) {
  const sender = senders.get(number);
  if (!sender) throw new Error(`there is no sender ${number}`);
  return sender;
}

/** Answers a line. Each is a task of its own, since a stop may take seconds, and other requests go on meanwhile. */
async function answer(text) {
  let id = 0;
  try {
    const request = JSON.parse(text);
    id = request.id;
    if (!Object.hasOwn(handlers, request.type)) throw new Error(`unknown request ${JSON.stringify(request.type)}`);
    say({ id, ...(await handlers[request.type](request)) });
  } catch (error) {
    say({ id, error: error.message });
  }
}

function say(reply) {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

/** Not node:readline, which ends a line at U+2028 too, and that may stand in a JSON string as it is. */
async function* linesOf(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}

const answers = [];
for await (const text of linesOf(process.stdin)) answers.push(answer(text));
await Promise.all(answers); // so that a session from a file sees the end of its stops
process.exit(); // a sender that nobody stopped would go on
