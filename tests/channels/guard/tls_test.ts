import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { openSocket } from "../../../src/channels/guard/sockets.ts";
import { secured } from "../../../src/channels/guard/tls.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { needs } from "../../support/needs.ts";
import { makeIdentity } from "../support/tls_relay.ts";

const MIB = 2 ** 20;
/** More than the system's socket buffers hold. */
const MAX_AHEAD = 24 * MIB;

Deno.test("Over TLS no more is read than is consumed", needs("openssl"), async () => {
  await using identity = await makeIdentity();
  const { key, ca } = identity;
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, key, cert: ca });
  const { port } = listener.addr;
  let sent = 0;
  const serving = (async () => {
    const conn = await listener.accept();
    const piece = new Uint8Array(65_536);
    try {
      while (sent < 96 * MIB) sent += await conn.write(piece);
    } catch {
      // The other side has left.
    }
    conn.close();
  })();
  const target = { address: "127.0.0.1", port, name: "localhost", secure: true };
  const socket = await openSocket(target, { clock: systemClock, ca, connectMs: 5_000 });
  assert.equal(socket.remoteAddress, "127.0.0.1");
  assert.equal(socket.remotePort, port);
  socket.on("readable", () => {});
  let most = 0;
  for (let taken = 0; taken < 2 * MIB;) {
    const piece = socket.read(4_096);
    if (piece) taken += piece.length;
    else await new Promise((resolve) => socket.once("readable", resolve));
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    most = Math.max(most, sent - taken);
  }
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.destroy();
  await closed;
  listener.close();
  await serving;
  assert.ok(most < MAX_AHEAD, `${most} bytes were read ahead`);
});

Deno.test("What arrived before a reset is read, and then the error", needs("openssl"), async () => {
  await using identity = await makeIdentity();
  const { key, ca } = identity;
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, key, cert: ca });
  const accepting = listener.accept();
  const plain = connect({ host: "127.0.0.1", port: listener.addr.port });
  await once(plain, "connect");
  const socket = secured(plain, { host: "127.0.0.1", servername: "localhost", ca });
  const handshaken = once(socket, "secureConnect");
  const conn = await accepting;
  await conn.handshake();
  await handshaken;
  await conn.write(new Uint8Array(1_000));
  await once(socket, "readable");
  const closed = new Promise((resolve) => plain.once("close", resolve));
  plain.destroy(new Error("reset"));
  await closed;
  const failed = new Promise<Error>((resolve) => socket.once("error", resolve));
  let bytes = 0;
  socket.on("data", (piece: Uint8Array) => bytes += piece.length);
  assert.equal((await failed).message, "reset");
  assert.equal(bytes, 1_000);
  conn.close();
  listener.close();
});
