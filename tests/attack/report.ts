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
