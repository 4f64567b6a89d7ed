/**
 * Counters and histograms for what happens to every task.
 *
 * prom-client checks, sorts and joins the labels at each count, which was 4 % of an
 * accept. These find the series that was counted last by comparing its labels, and
 * build the rest when the metrics are read. prom-client's registry writes their text.
 *
 * @module
 */

/** What is needed of prom-client's `Registry`. */
export interface MetricRegistry {
  /** Adds a metric: its name, and `get`, which resolves with its present values. */
  registerMetric(metric: never): void;
}

/** The name, the description and the labels of a metric. */
export interface MetricOptions {
  /** Its name. */
  readonly name: string;
  /** What it counts, in a sentence. */
  readonly help: string;
  /** The names of its labels. */
  readonly labelNames: readonly string[];
}

/** A counter. */
export interface QuickCounter {
  /** Adds to the series with these label values, in the order of the names. */
  add(count: number, ...labels: string[]): void;
}

/** A histogram. */
export interface QuickHistogram {
  /** Counts a value in the series with these label values, in the order of the names. */
  observe(value: number, ...labels: string[]): void;
}

/** Registers a counter. */
export function registerCounter(registry: MetricRegistry, options: MetricOptions): QuickCounter {
  const table = new SeriesTable(() => ({ count: 0 }));
  const { name, labelNames } = options;
  register(registry, options, "counter", () =>
    table.all().map(({ labels, value: { count } }) => (
      { metricName: name, labels: named(labelNames, labels), value: count }
    )));
  return {
    add(count, ...labels) {
      table.of(labels).count += count;
    },
  };
}

/** Registers a histogram whose buckets have these upper bounds, in ascending order. */
export function registerHistogram(
  registry: MetricRegistry,
  { bounds, ...options }: MetricOptions & { readonly bounds: readonly number[] },
): QuickHistogram {
  const table = new SeriesTable(() => ({
    /** The values in each bucket, without those below; the last bucket is above all bounds. */
    counts: Array<number>(bounds.length + 1).fill(0),
    sum: 0,
  }));
  const { name, labelNames } = options;
  register(
    registry,
    options,
    "histogram",
    () =>
      table.all().flatMap(({ labels, value: { counts, sum } }) => {
        const own = named(labelNames, labels);
        let count = 0;
        const buckets = counts.map((more, at) => ({
          metricName: `${name}_bucket`,
          labels: { le: bounds[at] ?? "+Inf", ...own },
          value: count += more,
        }));
        return [
          ...buckets,
          { metricName: `${name}_sum`, labels: own, value: sum },
          { metricName: `${name}_count`, labels: own, value: count },
        ];
      }),
  );
  return {
    observe(value, ...labels) {
      const series = table.of(labels);
      let at = 0;
      while (at < bounds.length && value > (bounds[at] as number)) at++;
      series.counts[at]!++;
      series.sum += value;
    },
  };
}

/** One value for each combination of label values. */
class SeriesTable<Value> {
  readonly #fresh: () => Value;
  readonly #all = new Map<string, Series<Value>>();
  #latest: Series<Value> | undefined;

  constructor(fresh: () => Value) {
    this.#fresh = fresh;
  }

  of(labels: readonly string[]): Value {
    if (this.#latest && haveSameItems(this.#latest.labels, labels)) return this.#latest.value;
    const key = labels.join("\n");
    let series = this.#all.get(key);
    if (!series) this.#all.set(key, series = { labels, value: this.#fresh() });
    this.#latest = series;
    return series.value;
  }

  all(): Series<Value>[] {
    return [...this.#all.values()];
  }
}

interface Series<Value> {
  readonly labels: readonly string[];
  readonly value: Value;
}

function haveSameItems(one: readonly string[], other: readonly string[]): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function named(names: readonly string[], labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, at) => [name, labels[at] ?? ""]));
}

/** The registry needs no more of a metric than its name and its present values. */
function register(
  registry: MetricRegistry,
  { name, help }: MetricOptions,
  type: "counter" | "histogram",
  values: () => unknown[],
): void {
  const metric = { name, get: () => Promise.resolve({ name, help, type, values: values() }) };
  registry.registerMetric(metric as never);
}
