/**
 * The API reference, rendered from the OpenAPI document without foreign resources.
 *
 * @module
 */

import { query, type RequestContext } from "../context.ts";
import type { Route } from "../route.ts";
import { pageHeaders } from "./page.tsx";

/** The route of the API reference. */
export function docsRoutes(): Route[] {
  return [{ method: "GET", path: "/docs", open: true, answer: docs }];
}

function docs(context: RequestContext): Response {
  query(context, []);
  const html = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>API · Postrider</title>
        <link rel="icon" href="/ui/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/ui/assets/swagger-ui.css" />
        <link rel="stylesheet" href="/ui/assets/docs.css" />
        <script src="/ui/assets/swagger-ui.js" defer></script>
        <script src="/ui/assets/docs.js" defer></script>
      </head>
      <body>
        <nav aria-label="Main">
          <a href="/">Postrider</a> · <a href="/manual">Manual</a>
        </nav>
        <main id="docs">
          <h1>
            <a href="/openapi.json">The API of Postrider, as OpenAPI 3.1</a>
          </h1>
          <p>
            <a href="/manual">Manual</a> · <a href="/">Dashboard</a>
          </p>
        </main>
      </body>
    </html>
  );
  return new Response(`<!doctype html>${html}`, { headers: pageHeaders(context.requestId) });
}
