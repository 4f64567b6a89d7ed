/**
 * Maps a payload by a hook without a running service and without sending anything.
 *
 * @module
 */

import { readTargets } from "../channels/chat/table.ts";
import { openGuard } from "../channels/guard/guard.ts";
import { relaysFor } from "../channels/mail/relays.ts";
import { type ConfigFile, readConfigFile } from "../config/config_file.ts";
import { type DeliveryContent, evaluate, type Evaluation } from "../hooks/receive.ts";
import { payloadView } from "../http/views/task_view.ts";
import { systemClock } from "../lib/clock.ts";
import { openIds } from "../lib/ids.ts";
import type { Config } from "../config/settings.ts";
import { openSubmitParser } from "../task/input/parse_submit.ts";
import { openMailTemplates, readFolder } from "../templates/mail_templates.ts";

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

/** Maps a payload by a hook of `postrider.yaml`. Throws a `RangeError` for an unknown hook. */
export function previewHook(config: Config, name: string, content: DeliveryContent): HookPreview {
  const file = readConfigFile(config.configFile, Deno.readTextFileSync);
  const hook = file.hooks.get(name);
  if (!hook) {
    const known = [...file.hooks.keys()].join(", ") || "none";
    throw new RangeError(`Cannot test hook "${name}": expected one of the file's: ${known}`);
  }
  const { now } = systemClock;
  const ids = openIds(now, crypto.getRandomValues.bind(crypto));
  const { verdict, drafts } = evaluate(hook, content, {
    acceptance: acceptanceOf(config, file),
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

function acceptanceOf(config: Config, { aliases, relays }: ConfigFile) {
  const templates = openMailTemplates(config.templates, readFolder);
  const guard = openGuard({ allow: config.fetchAllow });
  return openSubmitParser({
    refuseUrl: (url) => guard.refuseUrl(url),
    readTargets,
    aliasOf: (name) => aliases.get(name),
    render: (template, data) => templates.render(template, data),
    mailLaneOf: (sender) => relaysFor(relays, sender)[0]?.relay.lane ?? config.mail.lane,
    mailFrom: config.mailFrom,
  });
}
