/**
 * The service as the crash suite starts it: the same parts, on threads whose
 * failpoints can be armed.
 *
 * @module
 */

import { readConfig } from "../../src/config.ts";
import { openService } from "../../src/service.ts";

const read = readConfig(Deno.env.toObject(), Deno.readTextFileSync);
if (!("config" in read)) throw new Error(read.wrong.join("\n"));
await openService(read.config, {
  terminal: true,
  onFatal: () => Deno.exit(75),
  threads: {
    queue: new URL("./queue_thread.ts", import.meta.url),
    channels: new URL("./channels_thread.ts", import.meta.url),
  },
});
