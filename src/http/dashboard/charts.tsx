/**
 * Charts as inline SVG: drawn on the server, so that they need no script.
 *
 * @module
 */

import {
  addTally,
  countAt,
  noTally,
  type Quantiles,
  quantilesOf,
  type Tally,
  tallyAt,
} from "../../task/history.ts";
import { dueIn, endedAs, type Shown } from "../stats/history.ts";
import type { Child } from "hono/jsx";
import { timeView } from "../views/time_view.ts";
import { duration, grouped } from "./components.tsx";

const HEIGHT = 100;
const BAR = 10;

/** A chart of finished tasks by step, the failed ones on top. */
export function FinishedChart({ shown, name }: { shown: Shown; name: string }) {
  const { from, stepMs, steps, total } = shown;
  const bars = steps.map((tally, index) => ({
    at: from + index * stepMs,
    succeeded: endedAs(tally, "succeeded"),
    failed: endedAs(tally, "failed"),
  }));
  const most = roundUp(Math.max(1, ...bars.map((bar) => bar.succeeded + bar.failed)));
  const per = `per ${stepName(stepMs)}`;
  const said = `Finished tasks ${per}, ${name}: ${endedAs(total, "succeeded")} succeeded, ` +
    `${endedAs(total, "failed")} failed`;
  return (
    <Chart
      shown={shown}
      scale={`${grouped(most)} ${per}`}
      legend={
        <>
          <span class="key succeeded">succeeded</span> <span class="key failed">failed</span>
        </>
      }
      said={said}
    >
      {bars.map(({ at, succeeded, failed }, index) => {
        if (succeeded + failed === 0) return null;
        const [low, high] = [size(succeeded, most), size(failed, most)];
        return (
          <g>
            <title data-at={timeView(at)}>
              {`${utcClock(at)}: ${grouped(succeeded)} succeeded, ${grouped(failed)} failed`}
            </title>
            <rect class="hit" x={index * BAR} y="0" width={BAR} height={HEIGHT} />
            {succeeded === 0 ? null : <Bar index={index} bottom={0} size={low} word="succeeded" />}
            {failed === 0 ? null : <Bar index={index} bottom={low} size={high} word="failed" />}
          </g>
        );
      })}
    </Chart>
  );
}

/** A chart of the tasks that were due and waited, by step. */
export function WaitingChart({ shown, name }: { shown: Shown; name: string }) {
  const values = shown.steps.map(dueIn);
  const most = Math.max(0, ...values);
  return (
    <BarChart
      shown={shown}
      series={[{ word: "waiting", values }]}
      scale={(top) => `${grouped(top)} due`}
      legend={<span class="key waiting">due and waiting</span>}
      said={`Tasks that were due and waited, ${name}: at most ${grouped(most)}`}
      titleOf={(index) => `${grouped(values[index] ?? 0)} due`}
    />
  );
}

/** A chart of how long tasks took from their acceptance to their end, by step. */
export function LatencyChart({ shown, name }: { shown: Shown; name: string }) {
  const quantiles = shown.steps.map((step) => quantilesOf(endToEnd(step)));
  const of = (which: "p50" | "p95") => quantiles.map((one) => one[which] ?? 0);
  const { p50, p95 } = quantilesOf(endToEnd(shown.total));
  const figures = p50 === undefined || p95 === undefined
    ? "no task ended"
    : `p50 ${duration(p50)}, p95 ${duration(p95)}`;
  return (
    <BarChart
      shown={shown}
      series={[{ word: "p95", values: of("p95") }, { word: "p50", values: of("p50") }]}
      scale={(top) => duration(top)}
      legend={
        <>
          <span class="key p50">p50</span> <span class="key p95">p95 end to end</span>
        </>
      }
      said={`Latency from end to end, ${name}: ${figures}`}
      titleOf={(index) => {
        const { p50 = 0, p95 = 0 } = quantiles[index] ?? {};
        return `p50 ${duration(p50)}, p95 ${duration(p95)}`;
      }}
    />
  );
}

/** How long the tasks of all types took, as a histogram. */
export function endToEnd(tally: Tally): Tally {
  const sum = noTally();
  for (const type of Object.values(tallyAt(tally, "types"))) {
    addTally(sum, tallyAt(type as Tally, "ms"));
  }
  return sum;
}

/** A chart of one value or several by step, each from the ground: the highest comes first. */
function BarChart({ shown, series, scale, legend, said, titleOf }: {
  readonly shown: Shown;
  readonly series: readonly { readonly word: string; readonly values: readonly number[] }[];
  /** The highest value in words. */
  readonly scale: (top: number) => string;
  readonly legend: Child;
  /** The chart in words. */
  readonly said: string;
  /** A step in words. */
  readonly titleOf: (index: number) => string;
}) {
  const { from, stepMs } = shown;
  const [first] = series;
  const highest = Math.max(0, ...(first?.values ?? []));
  const most = roundUp(Math.max(1, highest));
  return (
    <Chart shown={shown} scale={scale(most)} legend={legend} said={said}>
      {first?.values.map((value, index) => {
        if (value === 0) return null;
        const at = from + index * stepMs;
        return (
          <g>
            <title data-at={timeView(at)}>{`${utcClock(at)}: ${titleOf(index)}`}</title>
            <rect class="hit" x={index * BAR} y="0" width={BAR} height={HEIGHT} />
          </g>
        );
      })}
      {series.map(({ word, values }) => <path class={`bar ${word}`} d={bars(values, most)} />)}
    </Chart>
  );
}

/** A chart with its scale, legend and axis; `children` are what is drawn in it. */
function Chart({ shown, scale, legend, said, children }: {
  readonly shown: Shown;
  /** The highest value in words. */
  readonly scale: string;
  readonly legend: Child;
  /** The chart in words. */
  readonly said: string;
  readonly children: Child;
}) {
  return (
    <figure class="chart">
      <figcaption>
        <span class="scale">{scale}</span>
        <span class="legend">{legend}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${shown.steps.length * BAR} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={said}
      >
        {children}
      </svg>
      <Axis shown={shown} />
    </figure>
  );
}

/** The bars of a series as one path; the pointer meets what is below it. */
function bars(values: readonly number[], most: number, least = 2): string {
  return values.map((value, index) => {
    if (value === 0) return "";
    const high = round(Math.max(least, value / most * HEIGHT));
    return `M${index * BAR + 1},${HEIGHT}v${-high}h${BAR - 2}v${high}z`;
  }).join("");
}

function Bar(
  { index, bottom, size, word }: { index: number; bottom: number; size: number; word: string },
) {
  const y = Math.max(0, HEIGHT - bottom - size);
  return (
    <rect
      class={`bar ${word}`}
      x={index * BAR + 1}
      y={round(y)}
      width={BAR - 2}
      height={round(size)}
    />
  );
}

/** The height of a bar: any count above zero is visible. */
function size(count: number, most: number): number {
  return count === 0 ? 0 : Math.max(2, count / most * HEIGHT);
}

function Axis({ shown: { from, stepMs, steps } }: { shown: Shown }) {
  const lengthMs = steps.length * stepMs;
  const isDays = lengthMs > 2 * 86_400_000;
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => from + Math.round(part * steps.length) * stepMs);
  return (
    <p class="axis">
      {ticks.map((at) => (
        <time class={isDays ? "day" : "clock"} datetime={timeView(at)}>
          {isDays ? utcDay(at) : utcClock(at)}
        </time>
      ))}
      <span>now</span>
    </p>
  );
}

/** A small chart of two counts of a tally over time: all, and the bad ones among them. */
export function Sparkline(
  { steps, path, all, bad }: {
    readonly steps: readonly Tally[];
    readonly path: readonly string[];
    readonly all: readonly string[];
    readonly bad: string;
  },
) {
  const values = steps.map((step) => ({
    all: all.reduce((sum, name) => sum + countAt(step, ...path, name), 0),
    bad: countAt(step, ...path, bad),
  }));
  const most = Math.max(1, ...values.map(({ all }) => all));
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${values.length * BAR} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path class="all" d={bars(values.map(({ all }) => all), most, 6)} />
      <path class="failed" d={bars(values.map(({ bad }) => Math.min(bad, most)), most, 6)} />
    </svg>
  );
}

/** A share of a whole as a bar. */
export function ShareBar({ part, whole }: { part: number; whole: number }) {
  const width = whole === 0 ? 0 : Math.max(1, round(part / whole * 100));
  return (
    <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="hit" x="0" y="0" width="100" height="8" />
      <rect class="failed" x="0" y="0" width={width} height="8" />
    </svg>
  );
}

/** Quantiles, each with its name. */
export function QuantileList({ of: { p50, p95, p99 } }: { of: Quantiles }) {
  if (p50 === undefined) return <>none yet</>;
  return (
    <span class="quantiles">
      {([["p50", p50], ["p95", p95], ["p99", p99]] as const).map(([name, ms]) => (
        <span>
          <small>{name}</small> {duration(ms ?? p50)}
        </span>
      ))}
    </span>
  );
}

/** A part as a percentage of the whole. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return "0 %";
  const share = part / whole * 100;
  return share < 0.1 ? "< 0.1 %" : `${share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}

function stepName(stepMs: number): string {
  const minutes = stepMs / 60_000;
  if (minutes === 1) return "minute";
  return minutes < 60 ? `${minutes} minutes` : `${minutes / 60} hours`;
}

/** The next number that begins with 1, 2 or 5 and has only zeros after it. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((first) => first * unit >= value) ?? 10) * unit;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function utcClock(at: number): string {
  return `${(timeView(at) ?? "").slice(11, 16)} UTC`;
}

function utcDay(at: number): string {
  return (timeView(at) ?? "").slice(5, 10);
}
