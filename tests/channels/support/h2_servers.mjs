/**
 * Servers that agree on HTTP/2 and then misbehave, and two right ones, each on
 * a port of its own, run by Node: Deno's TLS can neither reset a connection
 * nor close half of it. Prints their ports as one line of JSON.
 *
 * node h2_servers.mjs KEY_FILE CERT_FILE
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer as createOldServer } from "node:https";
import { createServer } from "node:net";
import process from "node:process";
import { TLSSocket } from "node:tls";

const [keyFile, certFile] = process.argv.slice(2);
const key = readFileSync(keyFile);
const cert = readFileSync(certFile);

const DATA = 0, HEADERS = 1, RESET = 3, SETTINGS = 4, PUSH = 5, PING = 6, GOAWAY = 7, WINDOW = 8;
const CONTINUATION = 9;
const ACK = 1, END = 1, END_HEADERS = 4, PADDED = 8;

function frame(type, flags, id, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

function words(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, n) => bytes.writeUInt32BE(value >>> 0, 4 * n));
  return bytes;
}

function setting(id, value) {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value >>> 0, 2);
  return bytes;
}

/** A field that is spelled out; both at most 126 letters, unless `length` says otherwise. */
function field(name, value) {
  const letters = Buffer.from(value);
  const length = letters.length < 127
    ? Buffer.from([letters.length])
    : Buffer.from([127, ((letters.length - 127) & 127) | 128, (letters.length - 127) >> 7]);
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), length, letters]);
}

const OK = Buffer.from([0x88]);
const head = (id, flags = END_HEADERS, block = OK) => frame(HEADERS, flags, id, block);
const body = (id, text = "safe", flags = 0) => frame(DATA, flags, id, Buffer.from(text));
const whole = (id) => Buffer.concat([head(id), body(id, "safe", END)]);
const goAway = (last, code = 0) => frame(GOAWAY, 0, 0, words(last, code));
const reset = (id, code) => frame(RESET, 0, id, words(code));
const many = (count, bytes) => Buffer.concat(Array.from({ length: count }, () => bytes));
const long = field("x", "a".repeat(16_000));

/**
 * What each does once a request is whole; `say` writes, `raw` is the socket below TLS, and
 * `whenRead` calls once the client has read what was said: a reset may destroy what it has not.
 */
const deeds = {
  "answers well": ({ id, say }) => say(whole(id)),
  "goes away when idle": ({ id, say, tls }) => {
    say(whole(id));
    say(goAway(id));
    tls.end();
  },
  "goes away with a code": ({ id, say, tls, n }) => {
    say(whole(id));
    say(goAway(id, n % 14));
    tls.end();
  },
  "goes away, but stays": ({ id, say }) => {
    say(goAway(id));
    say(whole(id));
  },
  "goes away before it answers": ({ id, say, tls }) => {
    say(goAway(id, 2));
    tls.end();
  },
  "goes away amid a body": ({ id, say, tls }) => {
    say(head(id));
    say(body(id));
    say(goAway(id, 11));
    tls.end();
  },
  "goes away from all": ({ say, tls }) => {
    say(goAway(0));
    tls.end();
  },
  "goes away twice": ({ id, say, tls }) => {
    say(goAway(2 ** 31 - 1));
    say(goAway(id));
    say(whole(id));
    tls.end();
  },
  "closes at once": ({ raw }) => raw.destroy(),
  "closes amid a head": ({ id, say, raw }) => {
    say(head(id).subarray(0, 5));
    raw.end();
  },
  "closes amid a body": ({ id, say, raw }) => {
    say(head(id));
    say(body(id));
    raw.end();
  },
  "resets the connection": ({ raw }) => raw.resetAndDestroy(),
  "resets it amid a body": ({ id, say, raw, whenRead }) => {
    say(head(id));
    say(body(id));
    whenRead(() => raw.resetAndDestroy());
  },
  "closes half": ({ id, say, tls }) => {
    say(head(id));
    tls.end();
  },
  "ends TLS alone": ({ tls, raw }) => {
    raw.end = () => raw;
    tls.end();
  },
  "resets with each code": ({ id, say, n }) => say(reset(id, n % 16)),
  "resets amid a body, with each code": ({ id, say, n }) => {
    say(head(id));
    say(body(id));
    say(reset(id, n % 16));
  },
  "speaks noise": ({ say, n }) => {
    say(Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * 7919 * (n + 1)) % 251)));
  },
  "floods settings": ({ say }) => say(many(20_000, frame(SETTINGS, 0, 0, setting(3, 100)))),
  "has settings of a wrong size": ({ say }) => say(frame(SETTINGS, 0, 0, Buffer.alloc(5))),
  "allows too large a window": ({ say }) => say(frame(SETTINGS, 0, 0, setting(4, 2 ** 31))),
  "allows too small a frame": ({ say }) => say(frame(SETTINGS, 0, 0, setting(5, 1))),
  "floods pings": ({ say }) => say(many(20_000, frame(PING, 0, 0, Buffer.alloc(8)))),
  "floods windows": ({ say }) => say(many(20_000, frame(WINDOW, 0, 0, words(1)))),
  "floods empty bodies": ({ id, say }) => {
    say(head(id));
    say(many(20_000, body(id, "")));
  },
  "opens a window too far": ({ say }) => say(many(2, frame(WINDOW, 0, 0, words(2 ** 31 - 1)))),
  "opens a window by nothing": ({ id, say }) => say(frame(WINDOW, 0, id, words(0))),
  "never ends its headers": ({ id, say }) => {
    say(head(id, 0));
    say(many(50, frame(CONTINUATION, 0, id, long)));
  },
  "never ends its empty headers": ({ id, say }) => {
    say(head(id, 0));
    say(many(20_000, frame(CONTINUATION, 0, id)));
  },
  "sends headers too long": ({ id, say }) => {
    say(head(id, 0, Buffer.concat([OK, long])));
    say(frame(CONTINUATION, 0, id, long));
    say(frame(CONTINUATION, END_HEADERS, id, field("y", "a".repeat(700))));
    say(body(id, "safe", END));
  },
  "unpacks headers from little": ({ id, say }) => {
    const kept = field("x", "a".repeat(3_000));
    kept[0] = 0x40;
    say(head(id, END_HEADERS, Buffer.concat([OK, kept, Buffer.alloc(12_000, 0xbe)])));
  },
  "sends headers that are none": ({ id, say }) => {
    say(head(id, END_HEADERS, Buffer.from([0x88, 0xff, 0xff, 0xff, 0xff, 0xff])));
  },
  "sends a head without a status": ({ id, say }) => {
    say(head(id, END_HEADERS | END, field("x", "y")));
  },
  "sends a header with a line end": ({ id, say }) => {
    say(head(id, END_HEADERS | END, Buffer.concat([OK, field("x", "y\r\nz")])));
  },
  "sends less than its length": ({ id, say }) => {
    say(head(id, END_HEADERS, Buffer.concat([OK, field("content-length", "9")])));
    say(body(id, "safe", END));
  },
  "sends more than its length": ({ id, say }) => {
    say(head(id, END_HEADERS, Buffer.concat([OK, field("content-length", "3")])));
    say(body(id, "safe", END));
  },
  "sends a body first": ({ id, say }) => say(body(id, "safe", END)),
  "pads beyond the end": ({ id, say }) => {
    say(head(id));
    say(frame(DATA, PADDED, id, Buffer.from([200, 1, 2])));
  },
  "sends too long a frame": ({ id, say }) => {
    say(head(id));
    say(frame(DATA, 0, id, Buffer.alloc(20_000)));
  },
  "pushes": ({ id, say }) => say(frame(PUSH, END_HEADERS, id, Buffer.concat([words(2), OK]))),
  "answers an unknown stream": ({ say }) => say(whole(9_999)),
  "speaks HTTP/1.1": ({ say }) => say(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
  "never answers": () => {},
  "stops amid a body": ({ id, say }) => {
    say(head(id));
    say(body(id));
  },
};

/** These have their reasons. */
const oddities = {
  "takes one request a connection": ({ id, say, tls }) => {
    if (id > 1) return;
    say(goAway(1));
    say(whole(1));
    tls.end();
  },
  "refuses every other request": ({ id, say, n }) => say(n % 2 ? whole(id) : reset(id, 7)),
  "goes away at once the first time": ({ id, say }) => say(whole(id)),
  "loses its first connection": ({ id, say, first }) => first || say(whole(id)),
};

/** What some do before anything is asked. */
const greetings = {
  "speaks HTTP/1.1": Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "begins with a ping": frame(PING, 0, 0, Buffer.alloc(8)),
  "allows no requests": frame(SETTINGS, 0, 0, setting(3, 0)),
  "wants to be pushed to": frame(SETTINGS, 0, 0, setting(2, 1)),
  "goes away at once": Buffer.concat([frame(SETTINGS, 0, 0), goAway(0)]),
  "never begins": Buffer.alloc(0),
};
greetings["goes away at once the first time"] = greetings["goes away at once"];
deeds["begins with a ping"] = deeds["never begins"] = () => {};
deeds["allows no requests"] = deeds["wants to be pushed to"] = deeds["answers well"];
deeds["goes away at once"] = deeds["answers well"];

function serve([name, deed]) {
  let n = 0;
  let connections = 0;
  const listener = createServer((raw) => {
    const first = connections++ === 0;
    raw.on("error", () => {});
    const tls = new TLSSocket(raw, { isServer: true, key, cert, ALPNProtocols: ["h2"] });
    tls.on("error", () => {});
    const say = (bytes) => tls.writable && tls.write(bytes);
    let onPong = () => {};
    const whenRead = (listener) => {
      onPong = listener;
      say(frame(PING, 0, 0, Buffer.alloc(8)));
    };
    let rest = Buffer.alloc(0);
    let greeted = false;
    const isUsual = !(name in greetings) || (name.endsWith("the first time") && !first);
    say(isUsual ? frame(SETTINGS, 0, 0) : greetings[name]);
    tls.on("data", (piece) => {
      rest = Buffer.concat([rest, piece]);
      if (!greeted && rest.length >= 24) {
        greeted = true;
        rest = rest.subarray(24);
      }
      while (greeted && rest.length >= 9) {
        const end = 9 + rest.readUIntBE(0, 3);
        if (rest.length < end) break;
        const [type, flags, id] = [rest[3], rest[4], rest.readUInt32BE(5)];
        rest = rest.subarray(end);
        if (type === SETTINGS && !(flags & ACK)) say(frame(SETTINGS, ACK, 0));
        if (type === PING && flags & ACK) onPong();
        if (type === DATA) [0, id].forEach((of) => say(frame(WINDOW, 0, of, words(end))));
        if ((type === HEADERS || type === DATA) && flags & END) {
          deed({ id, say, tls, raw, whenRead, first, n: n++ });
        }
      }
    });
  });
  return new Promise((resolve) => {
    listener.listen(0, "127.0.0.1", () => resolve([name, listener.address().port]));
  });
}

/** A right server, that tells what it was asked and over how many connections so far. */
function serveRight(name, server) {
  let connections = 0;
  server.on("secureConnection", () => connections++);
  server.on("request", (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece)).on("end", () => {
      if (request.stream?.closed) return;
      const { method, url, headers, httpVersion } = request;
      const body = Buffer.concat(pieces).toString("latin1");
      if (httpVersion === "2.0") response.writeEarlyHints({ link: "</a>; rel=preload" });
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      if (httpVersion === "2.0") response.addTrailers({ "x-trailer": "yes" });
      response.end(JSON.stringify({ method, url, headers, httpVersion, connections, body }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve([name, server.address().port]));
  });
}

const both = createSecureServer({ key, cert, allowHTTP1: true });
both.prependListener("stream", (stream) => stream.close(13));
const right = {
  "speaks HTTP/2": createSecureServer({ key, cert }),
  "speaks HTTP/1.1 alone": createOldServer({ key, cert }),
  "sends on to HTTP/1.1": both,
};
const bad = Object.entries(deeds).map(serve);
const odd = Object.entries(oddities).map(serve);
const good = Object.entries(right).map(([name, server]) => serveRight(name, server));
const ports = {
  bad: Object.fromEntries(await Promise.all(bad)),
  odd: Object.fromEntries(await Promise.all(odd)),
  good: Object.fromEntries(await Promise.all(good)),
};
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on("end", () => process.exit());
