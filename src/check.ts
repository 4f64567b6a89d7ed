/**
 * `--check`: tries the settings without serving anybody.
 *
 * @module
 */

import { readCa } from "./channel_settings.ts";
import { verifyRelay } from "./channels/email.ts";
import { readConfigFile } from "./config_file.ts";
import { systemClock } from "./lib/clock.ts";
import { openQueue } from "./queue/open.ts";
import type { Config } from "./settings.ts";

/** Everything that would keep these settings from working, each as a sentence. */
export async function checkService(config: Config): Promise<string[]> {
  const faults: string[] = [];
  const attempt = async (name: string, step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      faults.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  };
  await attempt("POSTRIDER_QUEUE", async () => {
    await using _engine = await openQueue(config.queue, { clock: systemClock });
  });
  await attempt("POSTRIDER_CONFIG", async () => {
    await readConfigFile(config.configFile, Deno.readTextFileSync);
  });
  await attempt("POSTRIDER_CA_FILE", async () => void await readCa(config));
  if (faults.length === 0) {
    await attempt("POSTRIDER_MAIL", async () => {
      const fault = await verifyRelay(config.mail, {
        clock: systemClock,
        ca: await readCa(config),
      });
      if (fault) throw new Error(`${fault.code}: ${fault.detail}`);
    });
  }
  return faults;
}
