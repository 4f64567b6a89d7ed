/**
 * The OpenAPI 3.1 document of the whole API.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";
import { query } from "../context.ts";
import { examples } from "./examples.ts";
import { mailOperations, mailSchemas } from "./mail_operations.ts";
import { type Operation, TAGS } from "./operation.ts";
import { API_HEADERS, type ProblemCode, PROBLEMS } from "../problems.ts";
import { encodeOnce, listsTag, weakTag } from "../request/encoding.ts";
import type { Route } from "../route.ts";
import { dryRunSchemas } from "./dry_run_schemas.ts";
import { schemas } from "./schemas.ts";
import { queueOperations } from "./queue_operations.ts";
import { batchOperations, serviceOperations } from "./service_operations.ts";
import { submitOperations } from "./submit_operations.ts";
import { taskOperations } from "./task_operations.ts";
import { triggerOperations } from "./trigger_operations.ts";
import { statusSchemas } from "./status_schemas.ts";
import { triggerSchemas } from "./trigger_schemas.ts";

/** In the order of the document. */
const operations = [
  ...submitOperations,
  ...taskOperations,
  ...batchOperations,
  ...triggerOperations,
  ...mailOperations,
  ...queueOperations,
  ...serviceOperations,
];

/** The route that serves the document. */
export function openapiRoutes(version: string, basePath: string): Route[] {
  const text = JSON.stringify(openapi(version, basePath));
  const encode = encodeOnce(text);
  const etag = weakTag(text);
  return [{
    method: "GET",
    path: "/openapi.json",
    open: true,
    answer: (call) => {
      query(call, []);
      const { body, headers } = encode(call.request);
      const isKnown = listsTag(call.request.headers.get("if-none-match"), etag);
      return new Response(isKnown ? null : body, {
        status: isKnown ? 304 : 200,
        headers: {
          "content-type": "application/json",
          "x-request-id": call.requestId,
          ...API_HEADERS,
          "cache-control": "no-cache",
          etag,
          ...headers,
        },
      });
    },
  }];
}

/** The whole document. */
export function openapi(version: string, basePath = ""): Readonly<Record<string, Json>> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const { method, path } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Postrider",
      version,
      description: "Accepts notifications and outbound HTTP requests, responds at once, and " +
        "delivers them reliably: on time, with retries, and with a state that can be read. A " +
        "method that a path does not have gets 405, with Allow.",
      contact: { name: "Postrider" },
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: basePath || "/", description: "The host that served this document." }],
    security: [{ apiKey: [] }, {}],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: withExamples({
        ...schemas,
        ...statusSchemas,
        ...mailSchemas,
        ...triggerSchemas,
        ...dryRunSchemas,
      }),
      securitySchemes: {
        apiKey: {
          type: "http",
          scheme: "bearer",
          description: "An API key. Not needed on loopback when no keys are set.",
        },
      },
      headers: {
        XRequestId: {
          description: "The id of the request, for the log: the caller's own, or a new one.",
          schema: { type: "string" },
        },
        XAccelBuffering: {
          description: "no: proxies must not buffer the response.",
          schema: { type: "string" },
        },
        ContentDisposition: {
          description: "attachment, with the file's name.",
          schema: { type: "string" },
        },
        ContentSecurityPolicy: {
          description: "What the page may load: nothing from other hosts.",
          schema: { type: "string" },
        },
        ContentTypeOptions: { description: "nosniff.", schema: { type: "string" } },
        AcceptRanges: { description: "bytes.", schema: { type: "string" } },
        ContentLength: {
          description: "The size of the body in bytes.",
          schema: { type: "integer" },
        },
        ContentRange: {
          description: "The part that follows, and the size of the whole.",
          schema: { type: "string" },
        },
        ResourcePolicy: { description: "same-origin.", schema: { type: "string" } },
        ETag: { description: "Of this version of the content.", schema: { type: "string" } },
        CacheControl: { description: "no-store.", schema: { type: "string" } },
        Location: { description: "The path of what was created.", schema: { type: "string" } },
        PreferenceApplied: {
          description: "wait=N, as it was applied.",
          schema: { type: "string" },
        },
        RetryAfter: { description: "Seconds.", schema: { type: "integer" } },
        WwwAuthenticate: { description: "Bearer.", schema: { type: "string" } },
        Link: { description: "rel=next, the same page as nextCursor.", schema: { type: "string" } },
        RateLimit: {
          description: "The requests that are left, when a rate is set.",
          schema: { type: "string" },
        },
        RateLimitPolicy: { description: "The rate, when one is set.", schema: { type: "string" } },
      },
    },
  };
}

function withExamples(schemas: Readonly<Record<string, Json>>): { [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const example = examples[name];
      return [name, example === undefined ? schema : { ...schema as object, examples: [example] }];
    }),
  );
}

function operationObject(operation: Operation): Json {
  const { id, tag, summary, description, open, parameters = [], body, answers, refusals } =
    operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(open ? { security: [{}] } : {}),
    ...(parameters.length === 0 ? {} : { parameters: [...parameters] }),
    ...compact({ requestBody: body }),
    responses: {
      ...Object.fromEntries(answers.map(({ status, description, headers = [], content }) => [
        status,
        {
          description,
          headers: headersOf(["XRequestId", ...headers]),
          ...compact({ content }),
        },
      ])),
      ...refusalObjects([...refusals, ...(open ? [] : ["unauthorized", "forbidden"] as const)]),
    },
  };
}

/** Problems with the same status share a response. */
function refusalObjects(codes: readonly ProblemCode[]): Record<string, Json> {
  const byStatus = Map.groupBy(
    new Set([...codes, "internal" as const]),
    (code) => PROBLEMS[code][0],
  );
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, codes]) => [`${status}`, {
      description: codes.map((code) => `${code}: ${PROBLEMS[code][1]}`).join(". "),
      headers: headersOf(["XRequestId", ...HEADERS_OF_STATUS[status] ?? []]),
      content: {
        "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
      },
    }]),
  );
}

const HEADERS_OF_STATUS: Record<number, string[]> = {
  401: ["WwwAuthenticate"],
  416: ["ContentRange"],
  429: ["RetryAfter", "RateLimit", "RateLimitPolicy"],
  503: ["RetryAfter"],
  507: ["RetryAfter"],
};

const NAMES: Record<string, string> = {
  XRequestId: "X-Request-Id",
  CacheControl: "Cache-Control",
  XAccelBuffering: "X-Accel-Buffering",
  ContentDisposition: "Content-Disposition",
  ContentSecurityPolicy: "Content-Security-Policy",
  ContentTypeOptions: "X-Content-Type-Options",
  AcceptRanges: "Accept-Ranges",
  ContentLength: "Content-Length",
  ContentRange: "Content-Range",
  ResourcePolicy: "Cross-Origin-Resource-Policy",
  PreferenceApplied: "Preference-Applied",
  RetryAfter: "Retry-After",
  WwwAuthenticate: "WWW-Authenticate",
  RateLimitPolicy: "RateLimit-Policy",
};

function headersOf(names: readonly string[]): Json {
  return Object.fromEntries(
    names.map((name) => [NAMES[name] ?? name, { $ref: `#/components/headers/${name}` }]),
  );
}
