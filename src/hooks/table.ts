/**
 * The table of presets: adding one is its file and a line here.
 *
 * @module
 */

import type { PlainObject } from "../task/input/batch_input.ts";
import type { Issue } from "../task/issues.ts";
import type { ConfigurablePreset, Sender } from "./preset.ts";
import { alertmanager } from "./presets/alertmanager.ts";
import { bitbucket } from "./presets/bitbucket.ts";
import { forgejo, gitea } from "./presets/gitea.ts";
import { github } from "./presets/github.ts";
import { gitlab } from "./presets/gitlab.ts";
import { grafana } from "./presets/grafana.ts";
import { hmac } from "./presets/hmac.ts";
import { mailgun } from "./presets/mailgun.ts";
import { pagerduty } from "./presets/pagerduty.ts";
import { postmark } from "./presets/postmark.ts";
import { ses } from "./presets/ses.ts";
import { shopify } from "./presets/shopify.ts";
import { slack } from "./presets/slack.ts";
import { standard } from "./presets/standard.ts";
import { stripe } from "./presets/stripe.ts";

/** Every preset by its name. */
export const PRESETS = {
  github,
  gitlab,
  bitbucket,
  gitea,
  forgejo,
  stripe,
  standard,
  slack,
  shopify,
  grafana,
  alertmanager,
  pagerduty,
  mailgun,
  ses,
  postmark,
  hmac,
} satisfies Readonly<Record<string, Sender | ConfigurablePreset>>;

/** The name of a preset. */
export type PresetName = keyof typeof PRESETS;

/** The names of all presets. */
export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];

/** The preset of a hook. */
export interface HookPreset {
  /** Its name. */
  readonly name: PresetName;
  /** The sender, with the hook's settings. */
  readonly sender: Sender;
}

/** The fields of a hook that only this preset has. */
export function fieldsOf(name: PresetName): readonly string[] {
  const preset: Sender | ConfigurablePreset = PRESETS[name];
  return "fields" in preset ? preset.fields : [];
}

/** Parses the preset of a hook; what is wrong is added to `issues`. */
export function parsePreset(given: PlainObject, issues: Issue[]): HookPreset | undefined {
  const wrong = (name: string, detail: string) => {
    issues.push({ pointer: `/${name}`, detail });
    return undefined;
  };
  const name = PRESET_NAMES.find((one) => one === given.preset);
  if (name === undefined) return wrong("preset", `Expected one of ${PRESET_NAMES.join(", ")}`);
  const preset: Sender | ConfigurablePreset = PRESETS[name];
  const sender = "parse" in preset ? preset.parse(given, wrong) : preset;
  return sender && { name, sender };
}
