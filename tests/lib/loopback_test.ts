import assert from "node:assert/strict";

import { isLoopback } from "../../src/lib/loopback.ts";

Deno.test.each([
  { host: "localhost", here: true },
  { host: "::1", here: true },
  { host: "127.0.0.1", here: true },
  { host: "127.9.8.7", here: true },
  { host: "127.0.0.1.example.org", here: false },
  { host: "0.0.0.0", here: false },
  { host: "::", here: false },
  { host: "example.org", here: false },
])("$host is this machine: $here", ({ host, here }) => assert.equal(isLoopback(host), here));
