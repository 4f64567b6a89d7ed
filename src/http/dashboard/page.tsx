/**
 * The frame of every page of the dashboard, and its headers.
 *
 * A page loads nothing from other hosts and has no inline script or style; the
 * content of a task is only ever text.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { type Caller, maySee } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import { assetPath } from "./assets.ts";
import { HelpTemplate } from "./help.tsx";

/** The entry of the navigation that a page belongs to. */
export type Place =
  | "overview"
  | "tasks"
  | "batches"
  | "lanes"
  | "schedules"
  | "hooks"
  | "templates"
  | "outbox"
  | "send"
  | "settings"
  | "manual"
  | "none";

/** A page made for one caller. */
export interface Made {
  /** Title of the page. */
  readonly title: string;
  /** Its entry in the navigation. */
  readonly place: Place;
  /** What is below the title. */
  readonly content: Child;
  /** Whether the page updates itself. */
  readonly live?: boolean;
  /** Further modules among the assets, by their names. */
  readonly scripts?: readonly string[];
}

/** Makes a page, or throws a `Refusal`. */
export type MakePage = (context: RequestContext) => Made | Promise<Made>;

/** A page that is shown up to `content` while the rest is looked up. */
export interface Begun extends Made {
  /** What follows `content`. An error is said in its place: the status has been sent. */
  readonly rest: () => Promise<Child>;
}

/** Begins a page, or throws a `Refusal`. */
export type BeginPage = (context: RequestContext) => Begun | Promise<Begun>;

/** What the frame needs to know. */
export interface Frame {
  /** Title of the page. */
  readonly title: string;
  /** Its entry in the navigation. */
  readonly place: Place;
  /** The signed-in caller; absent on the sign-in page. */
  readonly caller?: Caller | undefined;
  /** The service's version. */
  readonly version: string;
  /** Whether the page updates itself. */
  readonly live?: boolean | undefined;
  /** Further modules among the assets, by their names. */
  readonly scripts?: readonly string[];
  /** Further stylesheets among the assets, by their names. */
  readonly styles?: readonly string[];
}

/** What the script of the pages imports: loaded at once instead of one after the other. */
const MODULES = ["api.js", "keyboard.js", "notices.js", "tasks.js"];

const PLACES: readonly [Place, string, string][] = [
  ["overview", "/", "Overview"],
  ["tasks", "/ui/tasks", "Tasks"],
  ["batches", "/ui/batches", "Batches"],
  ["lanes", "/ui/lanes", "Hosts and relays"],
  ["schedules", "/ui/schedules", "Schedules"],
  ["hooks", "/ui/hooks", "Hooks"],
  ["templates", "/ui/templates", "Templates"],
  ["outbox", "/ui/outbox", "Outbox"],
  ["send", "/ui/send", "Send"],
  ["settings", "/ui/settings", "Settings"],
  ["manual", "/manual", "Manual"],
];

/** Only own resources, and no inline script or style. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every page. */
export function pageHeaders(requestId: string, policy: string = POLICY): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "x-request-id": requestId,
  };
}

/** A whole page. */
export function Page({ frame, children }: { frame: Frame; children?: Child }) {
  const { title, caller, version, live, scripts = [], styles = [] } = frame;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title} · Postrider</title>
        <link rel="icon" href={assetPath("icon.svg")} type="image/svg+xml" />
        <link rel="stylesheet" href={assetPath("dashboard.css")} />
        {styles.map((name) => <link rel="stylesheet" href={assetPath(name)} />)}
        {MODULES.map((name) => <link rel="modulepreload" href={assetPath(name)} />)}
        {["dashboard.js", ...scripts].map((name) => (
          <script type="module" src={assetPath(name)}></script>
        ))}
      </head>
      <body data-follow={live ? "/ui/live" : undefined}>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <a class="brand" href="/">
            <Icon />
            <span>Postrider</span>
          </a>
          {caller ? <Navigation frame={frame} /> : null}
          {live
            ? (
              <div class="live">
                <p id="connection" class="connection" role="status">connecting</p>
                <button type="button" id="pause" class="quiet">Pause live updates</button>
              </div>
            )
            : null}
          {caller?.name === undefined ? null : (
            <form class="who" method="post" action="/ui/signout">
              <span>{caller.name}</span>
              <button type="submit" class="quiet">Sign out</button>
            </form>
          )}
        </header>
        <main id="main" tabindex={-1}>
          <h1>{title}</h1>
          {children}
        </main>
        <footer>
          <p>
            Postrider {version} · <a href="/manual">Manual</a> · <a href="/docs">API</a> ·{" "}
            <a href="/metrics">Metrics</a>
          </p>
          {caller && maySeeAll(frame)
            ? (
              <p class="row">
                <button type="button" id="help-open" class="quiet scripted">Keyboard</button>
                <button type="button" id="notices" class="quiet" aria-pressed="false" hidden>
                  Notify me of failures
                </button>
              </p>
            )
            : null}
        </footer>
        {caller ? <HelpTemplate /> : null}
        <div id="toasts" role="status" aria-live="polite"></div>
        <dialog id="confirm" aria-labelledby="confirm-text">
          <form method="dialog">
            <p id="confirm-text"></p>
            <div class="row">
              <button type="submit" value="yes" class="danger">Yes</button>
              <button type="submit" value="no">No</button>
            </div>
          </form>
        </dialog>
      </body>
    </html>
  );
}

/** Number of the last change before the page was read, for the script of a live page. */
export function LastChange({ change }: { change: number }) {
  return <data id="change" value={change}></data>;
}

function Navigation({ frame }: { frame: Frame }) {
  const places = PLACES.filter(([place]) =>
    place === "manual" ||
    (place === "send"
      ? maySend(frame)
      : maySeeAll(frame) && (place !== "settings" || maySetUp(frame)))
  );
  return (
    <nav aria-label="Main">
      <ul>
        {places.map(([place, href, name]) => (
          <li>
            <a href={href} aria-current={frame.place === place ? "page" : undefined}>{name}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The icon as a part of the page: a browser opens an image of its kind like a page of its own. */
function Icon() {
  return (
    <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#1f5fbf" />
      <path d="M6 11h14l6 5-6 5H6l4-5z" fill="#fff" />
    </svg>
  );
}

function maySeeAll({ caller }: Frame): boolean {
  return caller !== undefined && maySee(caller, undefined);
}

/** Whether the caller sees how the service is set up. */
function maySetUp({ caller }: Frame): boolean {
  return caller?.scopes.has("operate") === true;
}

function maySend({ caller }: Frame): boolean {
  return caller !== undefined && (caller.scopes.has("notify") || caller.scopes.has("fetch"));
}
