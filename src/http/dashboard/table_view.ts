/**
 * Which columns the list of tasks has and how dense it is: chosen in the browser,
 * kept in a cookie, so that the server renders the list as it is wanted.
 *
 * @module
 */

/** The optional columns, in the order of the table, with their headings. */
export const COLUMNS = {
  attempt: "Attempt",
  type: "Type",
  host: "Host",
  due: "Due",
  accepted: "Accepted",
  finished: "Finished",
  priority: "Priority",
  owner: "Owner",
  source: "Source",
  tags: "Tags and key",
} as const;

/** The name of an optional column. */
export type Column = keyof typeof COLUMNS;

/** How a table of tasks looks. */
export interface TableView {
  /** Its optional columns, in the order of the table. */
  readonly columns: readonly Column[];
  /** Whether its rows are low. */
  readonly compact: boolean;
}

/** How it looks until someone chooses otherwise. */
export const DEFAULT_VIEW: TableView = {
  columns: ["attempt", "accepted", "tags"],
  compact: false,
};

const NAMES = Object.keys(COLUMNS) as Column[];

/** Reads `postrider-view=compact.attempt.host` among the cookies of a request; anything odd is left out. */
export function readTableView(cookies: string | null): TableView {
  const [, value] = /(?:^|;) *postrider-view=([\w.]*)/.exec(cookies ?? "") ?? [];
  if (value === undefined) return DEFAULT_VIEW;
  const words = value.split(".");
  return {
    columns: NAMES.filter((name) => words.includes(name)),
    compact: words.includes("compact"),
  };
}
