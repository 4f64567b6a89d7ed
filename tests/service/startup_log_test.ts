import assert from "node:assert/strict";
import { type Environment, readConfig } from "../../src/config.ts";
import { silentLog } from "../support/silent_log.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import { logStartup } from "../../src/service/startup_log.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** What is warned of at a start with such settings. */
async function warnings(settings: Environment): Promise<string[]> {
  const read = readConfig(settings, () => "");
  assert.ok("config" in read);
  const warned: string[] = [];
  const log = { ...silentLog, warn: (message: string) => warned.push(message) };
  await using engine = openMemoryEngine({ clock: new FakeClock() });
  const url = "http://127.0.0.1:8000";
  logStartup(read.config, { engine, network: undefined, relays: [], url, version: "1.2.3", log });
  return warned;
}

const KEYS = { POSTRIDER_API_KEYS: "web:a-long-secret" };
const ANYBODY = { POSTRIDER_ALLOW_ANONYMOUS: "1" };

Deno.test("the start warns about a setting that API keys override", async () => {
  const usual = await warnings(KEYS);
  assert.deepEqual(await warnings(ANYBODY), usual);
  const said = await warnings({ ...KEYS, ...ANYBODY });
  assert.deepEqual(said.filter((warning) => !usual.includes(warning)), [
    "Ignored: API keys are set, so callers without one are refused",
  ]);
});
