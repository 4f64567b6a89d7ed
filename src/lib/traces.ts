/**
 * Traces: what one submit leads to, across the queue and out to the other side.
 *
 * Deno exports these spans when `OTEL_DENO=true` is set. Otherwise nothing is
 * recorded, and a caller's `traceparent` is passed on unchanged.
 *
 * @module
 */

import { compact } from "./compact.ts";
import {
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

/** The attributes of a span, by name. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** One stretch of time within a trace. */
export interface OpenSpan {
  /** W3C Trace Context for its children; absent without a trace. */
  readonly traceparent?: string;
  /** Ends it, with its result; `error` when it failed. `at` is in milliseconds since the epoch. */
  end(attributes?: SpanAttributes, error?: string, at?: number): void;
}

/** What is known of a span when it begins. */
export interface SpanStart {
  /** The `traceparent` of its parent; the active span when absent. */
  readonly parent?: string | undefined;
  /** Its side of the queue, or of a call. */
  readonly kind: "producer" | "consumer" | "client" | "internal";
  /** When it began, in milliseconds since the epoch; now when absent. */
  readonly at?: number;
  /** What is known already. */
  readonly attributes?: SpanAttributes;
}

/** Begins spans. */
export interface Traces {
  /** Begins a span. */
  begin(name: string, start: SpanStart): OpenSpan;
}

const KINDS = {
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

/** Passes on the parent's context, and records nothing. */
export const noTraces: Traces = { begin: (_, { parent }) => untraced(parent) };

/** Opens traces with whatever records them in this process. */
export function openTraces(version: string): Traces {
  const tracer = trace.getTracer("postrider", version);
  if (!isSpanContextValid(tracer.startSpan("probe").spanContext())) return noTraces;
  return {
    begin(name, { parent, kind, at, attributes = {} }) {
      const within = parent === undefined || (kind === "producer" && hasActiveSpan())
        ? context.active()
        : contextOf(parent);
      const start = {
        kind: KINDS[kind],
        attributes,
        ...compact({ startTime: at }),
      };
      return traced(tracer.startSpan(name, start, within));
    },
  };
}

/** The trace a `traceparent` belongs to, for the log. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split("-")[1];
}

const UNTRACED: OpenSpan = { end() {} };

function untraced(traceparent: string | undefined): OpenSpan {
  return traceparent === undefined ? UNTRACED : { ...UNTRACED, traceparent };
}

function traced(span: Span): OpenSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    end(attributes = {}, error, at) {
      span.setAttributes(attributes);
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
      span.end(at);
    },
  };
}

/** Whether the server has a span for the request, which is itself a child of the caller's. */
function hasActiveSpan(): boolean {
  const active = trace.getSpanContext(context.active());
  return active !== undefined && isSpanContextValid(active);
}

function contextOf(traceparent: string): Context {
  const [, traceId = "", spanId = "", flags = "00"] = traceparent.split("-");
  const remote = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, remote);
}
