/**
 * Microsoft Teams, by a workflow of Power Automate: an Adaptive Card.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { cardDialect } from "../dialects.ts";
import { blocksOf, withoutFiles } from "../note.ts";
import { jsonBytes, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";
import { originOf } from "../url.ts";

const STYLES: Record<Severity, string> = {
  info: "accent",
  success: "good",
  warning: "warning",
  failure: "attention",
};
/** Teams refuses a message of more than 28 KB, the card around the text included. */
const TEXT_BYTES = 6_000;
const MAX_BLOCKS = 3;
const TITLE_BYTES = 1_000;

/** Where Microsoft runs workflows, today's first. */
const HOSTS = /(?:\.api\.powerplatform\.com|\.logic\.azure\.com|\.webhook\.office\.com)$/;
const WEBHOOK_PATH =
  /\/workflows\/[\w-]{1,64}\/triggers\/[\w-]{1,64}\/paths\/invoke$|^\/webhookb2\//;

/** `workflows://host[:port]/workflow/signature[?pa=1]`, or the URL that Teams shows */
export const workflows: ChatService = {
  name: "workflows",
  schemes: ["workflows", "workflow"],
  anyHost: true,
  spelling: "workflows://host/workflow/signature, or the https:// URL of the workflow",

  parse({ place, segments, parameters }) {
    const origin = originOf(place, true);
    const [workflow = "", signature = "", ...more] = segments;
    const isFit = /^[\w-]{1,64}$/.test(workflow) && /^[\w-]{1,128}$/.test(signature);
    if (origin === undefined || !isFit || more.length > 0) return [];
    const isPowerAutomate = /^(?:1|y(?:es)?|t(?:rue)?|on)$/i.test(parameters.get("pa") ?? "");
    const version = parameters.get("ver") ?? (isPowerAutomate ? "1" : "2016-06-01");
    if (!/^[\w.-]{1,30}$/.test(version)) return [];
    const base = isPowerAutomate ? "/powerautomate/automations/direct/workflows" : "/workflows";
    const query = new URLSearchParams({
      "api-version": version,
      sp: "/triggers/manual/run",
      sv: "1.0",
      sig: signature,
    });
    return [{
      target: `workflows://${place}/${workflow}/${signature}?ver=${version}` +
        (isPowerAutomate ? "&pa=1" : ""),
      shown: `workflows://${place}/***`,
      origin,
      access: { path: `${base}/${workflow}/triggers/manual/paths/invoke?${query}`, signature },
    }];
  },

  parseWebhook({ protocol, hostname, host, origin, pathname, search, searchParams, href }) {
    if (protocol !== "https:" || !WEBHOOK_PATH.test(pathname)) return undefined;
    const signature = searchParams.get("sig") ?? "";
    if (signature === "" && !HOSTS.test(hostname)) return undefined;
    return {
      target: href,
      shown: `workflows://${host}/***`,
      origin,
      access: { path: `${pathname}${search}`, signature },
    };
  },

  /** The connectors of Office 365 answer 200 when Teams refuses the message. */
  accepts: (body) => !body.startsWith("Webhook message delivery failed"),

  preview({ origin, access: { path } }, note) {
    const { title, severity } = note;
    const fits = jsonBytes(TEXT_BYTES);
    const pieces = cutBlocks(
      blocksOf(withoutFiles(note)),
      (piece) => fits(write(cardDialect, piece)),
      MAX_BLOCKS,
    ).map((piece) => write(cardDialect, piece)).filter((piece) => piece !== "");
    const block = (text: string, more = {}) => ({ type: "TextBlock", text, wrap: true, ...more });
    const items = [
      ...(title === "" ? [] : [block(cardDialect.escape(truncate(title, jsonBytes(TITLE_BYTES))), {
        size: "Large",
        weight: "Bolder",
      })]),
      ...pieces.map((piece) => block(piece)),
    ];
    const card = {
      $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
      type: "AdaptiveCard",
      version: "1.4",
      msteams: { width: "Full" },
      body: [{ type: "Container", style: STYLES[severity], bleed: true, items }],
    };
    return [{
      url: `${origin}${path}`,
      json: {
        type: "message",
        attachments: [{
          contentType: "application/vnd.microsoft.card.adaptive",
          contentUrl: null,
          content: card,
        }],
      },
    }];
  },
};
