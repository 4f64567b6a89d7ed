/**
 * The table of chat services: adding one is its file and a line here.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { laneOf } from "../../task/input/fetch.ts";
import type { ReadTarget } from "../../task/ports.ts";
import { customService } from "./custom.ts";
import type { ChannelDefinitions } from "./custom_settings.ts";
import type { ChatPlace, ChatService } from "./service.ts";
import { discord } from "./services/discord.ts";
import { googleChat } from "./services/google_chat.ts";
import { gotify } from "./services/gotify.ts";
import { json } from "./services/json.ts";
import { matrix } from "./services/matrix.ts";
import { mattermost } from "./services/mattermost.ts";
import { ntfy } from "./services/ntfy.ts";
import { pagerduty } from "./services/pagerduty.ts";
import { pushover } from "./services/pushover.ts";
import { rocketChat } from "./services/rocket_chat.ts";
import { slack } from "./services/slack.ts";
import { telegram } from "./services/telegram.ts";
import { twilio } from "./services/twilio.ts";
import { workflows } from "./services/workflows.ts";
import { parseChatUrl } from "./url.ts";

/** Every service. */
export const SERVICES: readonly ChatService[] = [
  slack,
  discord,
  telegram,
  ntfy,
  gotify,
  workflows,
  pushover,
  matrix,
  mattermost,
  rocketChat,
  googleChat,
  twilio,
  pagerduty,
  json,
];

const MAX_BYTES = 2_048;

/** Reads the places that a text of `to` names, each for a task of its own; or says what it expected. */
export type TargetReader = (text: string) => ReadTarget[] | string;

/** Opens a reader. */
export function openTargetReader(definitions: ChannelDefinitions = {}): TargetReader {
  const services = [...SERVICES, ...customServices(definitions)];
  const byScheme = new Map(
    services.flatMap((service) => service.schemes.map((scheme) => [scheme, service] as const)),
  );
  return (text) => {
    if (/^https?:/i.test(text)) return readWebhook(text);
    const service = byScheme.get(/^([a-z][a-z0-9-]*):/i.exec(text)?.[1]?.toLowerCase() ?? "");
    if (!service) {
      const schemes = services.map(({ schemes }) => `${schemes[0]}://`).join(", ");
      return `Expected the URL of a channel: ${schemes}`;
    }
    const places = placesOf(service, text);
    if (places.length === 0) return `Expected ${service.spelling}`;
    return places.map((place) => targetOf(service, place));
  };
}

/** Targets of the services alone. */
export const readTargets: TargetReader = openTargetReader();

/** The services that the settings define. */
export function customServices(definitions: ChannelDefinitions): ChatService[] {
  return Object.entries(definitions).map(([name, definition]) => customService(name, definition));
}

function readWebhook(text: string): ReadTarget[] | string {
  for (const service of SERVICES) {
    const [place] = placesOf(service, text);
    if (place) return [targetOf(service, place)];
  }
  const names = SERVICES.filter(({ parseWebhook }) => parseWebhook).map(({ name }) => name);
  return `Expected the URL of a webhook of ${names.join(", ")}; any other server takes ` +
    "jsons://host/path";
}

function targetOf(
  { name, anyHost }: ChatService,
  { target, shown, origin }: ChatPlace,
): ReadTarget {
  const url = new URL(origin);
  return { channel: name, target, shown, url, lane: laneOf(url), ...compact({ anyHost }) };
}

/** The places, such as channels or people, that a URL of this service names. */
export function placesOf(service: ChatService, text: string): readonly ChatPlace[] {
  if (/^https?:/i.test(text)) {
    const url = text.length > MAX_BYTES ? null : URL.parse(text);
    // A user name or password in the URL belongs to no webhook.
    const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "";
    const place = isPlain ? service.parseWebhook?.(url) : undefined;
    return place ? [place] : [];
  }
  const url = parseChatUrl(text);
  return url && service.schemes.includes(url.scheme) ? service.parse(url) : [];
}
