/**
 * The entry module of the thread that decodes bodies.
 *
 * @module
 */

import { parentPort } from "node:worker_threads";
import { openDecodeServer } from "./decode_server.ts";

if (parentPort) {
  const port = parentPort;
  const receive = openDecodeServer((message, transfer) => port.postMessage(message, transfer));
  port.on("message", receive);
}
