/**
 * A port of 127.0.0.1 that answers no connection at all, as behind a firewall that drops packets.
 *
 * The queue of a listener that accepts no connections is full, and the system then ignores
 * new connections.
 *
 * @module
 */

import { TextLineStream } from "../channels/support/lines.ts";

const SCRIPT = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
clients = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    clients.append(client)
print(server.getsockname()[1], flush=True)
sys.stdin.read()
`;

/** Opens one. */
export async function openBlackHole(): Promise<AsyncDisposable & { readonly port: number }> {
  const child = new Deno.Command("/usr/bin/python3", {
    args: ["-c", SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  const port = Number((await reader.read()).value);
  return {
    port,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await reader.cancel();
    },
  };
}
