/**
 * The table of chat services: adding one is its file and a line here.
 *
 * @module
 */

import type { ReadTarget } from "../../task/ports.ts";
import { laneOf } from "../../task/input/fetch.ts";
import { discord } from "./services/discord.ts";
import { gotify } from "./services/gotify.ts";
import { json } from "./services/json.ts";
import { matrix } from "./services/matrix.ts";
import { ntfy } from "./services/ntfy.ts";
import { pushover } from "./services/pushover.ts";
import type { ChatPlace, ChatService } from "./service.ts";
import { slack } from "./services/slack.ts";
import { telegram } from "./services/telegram.ts";
import { parseChatUrl } from "./url.ts";
import { workflows } from "./services/workflows.ts";

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
  json,
];

const byScheme = new Map(
  SERVICES.flatMap((service) => service.schemes.map((scheme) => [scheme, service] as const)),
);

/** The places that a text of `to` names; each has a task of its own. */
export function readTargets(text: string): ReadTarget[] | string {
  const service = byScheme.get(/^([a-z]+):/i.exec(text)?.[1]?.toLowerCase() ?? "");
  if (!service) {
    const schemes = SERVICES.map(({ schemes }) => `${schemes[0]}://`).join(", ");
    return `Expected the URL of a channel: ${schemes}`;
  }
  const places = placesOf(service, text);
  if (places.length === 0) return `Expected ${service.spelling}`;
  return places.map(({ target, shown, origin }) => {
    const url = new URL(origin);
    return { channel: service.name, target, shown, url, lane: laneOf(url) };
  });
}

/** The places of a URL of this service. */
export function placesOf(service: ChatService, text: string): readonly ChatPlace[] {
  const url = parseChatUrl(text);
  return url && service.schemes.includes(url.scheme) ? service.parse(url) : [];
}
