/**
 * Parses the URL of a PostgreSQL queue.
 *
 * @module
 */

/** How the server's certificate is verified; the names are libpq's. */
export type SslMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

const SSL_MODES: readonly SslMode[] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/** Where the database is, and how to connect to it. */
export interface PostgresUrl {
  /** Distinguishes this URL from those of other engines. */
  readonly kind: "postgres";
  /** Name or address; IPv6 without brackets. */
  readonly host: string;
  /** 5432 when the URL names none. */
  readonly port: number;
  /** The role, decoded. */
  readonly user: string;
  /** The role's password, decoded; absent when the server wants none. */
  readonly password?: string;
  /** The database; the role's name when the URL names none. */
  readonly database: string;
  /** The schema that holds the queue: `postrider` when the URL names none. */
  readonly schema: string;
  /** `prefer` when the URL names none. */
  readonly sslMode: SslMode;
  /** How this node learns of changes on others: by `LISTEN`, or by a query ten times a second. */
  readonly wake: "listen" | "poll";
  /** Whether each connection prepares its statements; an older PgBouncer does not support that. */
  readonly prepare: boolean;
}

const OPTIONS = ["schema", "sslmode", "wake", "prepare"];
const EXPECTED = `expected "postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME"`;
/** Names that need no quotes in SQL, because functions and the search path contain the name. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,54}$/;

/** Reads the URL. Throws a `RangeError`, which never shows the password. */
export function parsePostgresUrl(text: string): PostgresUrl {
  const url = URL.parse(text);
  if (!url || !/^postgres(?:ql)?:\/\//.test(text) || url.hostname === "") {
    throw new RangeError(`Cannot read the queue's URL: ${EXPECTED}, special characters encoded`);
  }
  const { searchParams: options } = url;
  const unknown = [...options.keys()].find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot read the queue's URL: expected no options except ${
        OPTIONS.join(", ")
      }; got "${unknown}"`,
    );
  }
  const user = decoded(url.username);
  if (user === "") throw new RangeError(`Cannot read the queue's URL: ${EXPECTED}; it has no user`);
  const password = decoded(url.password);
  const schema = options.get("schema") ?? "postrider";
  if (!SCHEMA.test(schema) || schema.startsWith("pg_")) {
    throw new RangeError(
      `Cannot read the queue's URL: expected a schema of small letters, digits and _, got "${schema}"`,
    );
  }
  return {
    kind: "postgres",
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    ...(password === "" ? {} : { password }),
    database: decoded(url.pathname.slice(1)) || user,
    schema,
    sslMode: oneOf("sslmode", options.get("sslmode") ?? "prefer", SSL_MODES),
    wake: oneOf("wake", options.get("wake") ?? "listen", ["listen", "poll"]),
    prepare: oneOf("prepare", options.get("prepare") ?? "true", ["true", "false"]) === "true",
  };
}

function oneOf<Word extends string>(name: string, word: string, words: readonly Word[]): Word {
  const found = words.find((one) => one === word);
  if (found !== undefined) return found;
  throw new RangeError(
    `Cannot read the queue's URL: expected ${name} to be ${words.join(", ")}; got "${word}"`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError(`Cannot read the queue's URL: ${EXPECTED}, special characters encoded`);
  }
}
