/**
 * What an attack found, as lines of one page.
 *
 * @module
 */

/** One line. */
export interface Finding {
  readonly name: string;
  readonly value: string;
  /** Whether it is as promised. */
  readonly holds: boolean;
  /** A measured time or size: it depends on the machine, and only the long form insists on it. */
  readonly isMeasure?: boolean;
}

/** Writes findings as text, the broken promises marked. */
export function pageOf(title: string, findings: readonly Finding[]): string {
  const lines = findings.map(({ name, value, holds }) =>
    `${holds ? "  ok " : "  NOT"} ${name.padEnd(44)} ${value}`
  );
  return `${title}\n${lines.join("\n")}\n`;
}

/** A line that holds when there is nothing wrong. */
export function must(name: string, wrong: readonly string[]): Finding {
  const examples = wrong.length > 0 ? `: ${wrong.slice(0, 20).join("; ").slice(0, 1_000)}` : "";
  return { name, value: `${wrong.length}${examples}`, holds: wrong.length === 0 };
}
