/**
 * Shows what a hook would create from a payload. It needs no running service, and sends nothing.
 *
 * @module
 */

import { readConfigFile } from "../config/config_file.ts";
import { type DeliveryContent, evaluate, type Evaluation } from "../hooks/evaluate.ts";
import { payloadView } from "../http/views/task_view.ts";
import { systemClock } from "../lib/clock.ts";
import { openIds } from "../lib/ids.ts";
import type { Config } from "../config/settings.ts";
import { submitParserFor } from "./targets.ts";

/** What a delivery would do. */
export interface HookPreview {
  /** Accepted, filtered or failed, and why. */
  readonly verdict: Evaluation["verdict"];
  /** The tasks that it would create, with secrets masked. */
  readonly tasks: readonly {
    readonly type: string;
    readonly label: string;
    readonly payload: Readonly<Record<string, unknown>>;
    /** Its follow-ups. */
    readonly followUps: readonly string[];
  }[];
}

/**
 * What a hook of `postrider.yaml` would create from a delivery; `event` is for senders that name
 * it in a header. Throws a `RangeError` for an unknown hook.
 */
export function previewHook(
  config: Config,
  name: string,
  { headers: given, body, event }: DeliveryContent & { readonly event?: string | undefined },
): HookPreview {
  const file = readConfigFile(config.configFile, Deno.readTextFileSync);
  const hook = file.hooks.get(name);
  if (!hook) {
    const known = [...file.hooks.keys()].join(", ") || "none";
    throw new RangeError(`Cannot test hook "${name}": expected one of the file's: ${known}`);
  }
  const { eventHeader } = hook.preset.sender;
  const headers = event === undefined || eventHeader === undefined
    ? given
    : { ...given, [eventHeader]: event };
  const { now } = systemClock;
  const ids = openIds(now, crypto.getRandomValues.bind(crypto));
  const { verdict, drafts } = evaluate(hook, { headers, body }, {
    acceptance: submitParserFor(config, file),
    context: { ids, now: now() },
    deliveryId: ids("hkd"),
  });
  return {
    verdict,
    tasks: drafts.flatMap(({ drafted }) =>
      drafted.map(({ task, payload }) => ({
        type: task.type,
        label: task.label,
        payload: payloadView(payload),
        followUps: (task.followUps ?? []).map(({ on, kind, task }) =>
          `${kind} on ${on.join(", ")}: ${task.label}`
        ),
      }))
    ),
  };
}
