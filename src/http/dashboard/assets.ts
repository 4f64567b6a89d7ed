/**
 * The scripts, styles and the icon of the pages.
 *
 * @module
 */

import api from "../assets/api.js" with { type: "text" };
import dashboard from "../assets/dashboard.js" with { type: "text" };
import dashboardStyle from "../assets/dashboard.css" with { type: "text" };
import tasksStyle from "../assets/tasks.css" with { type: "text" };
import liveWorker from "../assets/live-worker.js" with { type: "text" };
import docsStyle from "../assets/docs.css" with { type: "text" };
import manualStyle from "../assets/manual.css" with { type: "text" };
import schedule from "../assets/schedule.js" with { type: "text" };
import keyboard from "../assets/keyboard.js" with { type: "text" };
import notices from "../assets/notices.js" with { type: "text" };
import send from "../assets/send.js" with { type: "text" };
import tasks from "../assets/tasks.js" with { type: "text" };
import icon from "../assets/icon.svg" with { type: "text" };
import { param, type RequestContext } from "../context.ts";
import { Refusal } from "../problems.ts";
import { type EncodedBody, encodeOnce, listsTag, weakTag } from "../request/encoding.ts";
import type { Route } from "../route.ts";

const ASSETS: Readonly<Record<string, () => string>> = {
  "dashboard.js": () => dashboard,
  "api.js": () => api,
  "keyboard.js": () => keyboard,
  "notices.js": () => notices,
  "schedule.js": () => schedule,
  "send.js": () => send,
  "tasks.js": () => tasks,
  "dashboard.css": () => `${dashboardStyle}\n${tasksStyle}`,
  "live-worker.js": () => liveWorker,
  "docs.css": () => docsStyle,
  "manual.css": () => manualStyle,
  "icon.svg": () => icon,
};

/** Changes with any of the assets, so that browsers keep those of one version for good. */
const VERSION = weakTag(Object.values(ASSETS).map((text) => text()).join("\0")).slice(3, 15);
const A_YEAR_S = 365 * 86_400;

/** The path of an asset for pages: with the version, so that scripts import each other's. */
export function assetPath(name: string): string {
  return `/ui/assets/${VERSION}/${name}`;
}

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** An asset as it is served. */
interface Asset {
  readonly encode: (request: Request) => EncodedBody;
  readonly etag: string;
}

/** The routes of the assets; without the version in the path, browsers revalidate each time. */
export function assetRoutes(): Route[] {
  const kept = new Map<string, Asset>();

  function load(name: string): Asset {
    const known = kept.get(name);
    if (known) return known;
    const read = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (!read) throw new Refusal("not_found", "No such asset");
    const text = read();
    const asset = { encode: encodeOnce(text), etag: weakTag(text) };
    kept.set(name, asset);
    return asset;
  }

  function asset(context: RequestContext, cacheControl = "no-cache"): Response {
    const name = param(context, "name");
    const { encode, etag } = load(name);
    const { body, headers: encoding } = encode(context.request);
    const headers = {
      etag,
      "cache-control": cacheControl,
      "content-type": TYPES[name.split(".").at(-1) ?? ""] ?? "text/plain",
      "x-content-type-options": "nosniff",
      "x-request-id": context.requestId,
      ...encoding,
    };
    const isKnown = listsTag(context.request.headers.get("if-none-match"), etag);
    return new Response(isKnown ? null : body, { status: isKnown ? 304 : 200, headers });
  }

  /** A page of another version of the service gets what there is, for the moment. */
  function versionedAsset(context: RequestContext): Response {
    const isOurs = param(context, "version") === VERSION;
    return asset(context, isOurs ? `public, max-age=${A_YEAR_S}, immutable` : "no-cache");
  }

  return [
    { method: "GET", path: "/ui/assets/{name}", open: true, answer: (context) => asset(context) },
    { method: "GET", path: "/ui/assets/{version}/{name}", open: true, answer: versionedAsset },
  ];
}
