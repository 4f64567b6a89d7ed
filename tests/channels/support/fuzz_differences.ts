/**
 * Where Postrider reads a response otherwise than undici, and why.
 *
 * @module
 */

import type { Seen, Way } from "./fuzz.ts";
import type { FuzzCase } from "./fuzz_cases.ts";

/** A kind of difference. */
interface Difference {
  /** What Postrider does and undici does not; `reads` where both may do either, in their own way. */
  readonly ours: "accepts" | "refuses" | "reads";
  /** The marks of the cases. */
  readonly marks: readonly string[];
  /** Why. */
  readonly because: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    ours: "accepts",
    marks: ["100 Continue"],
    because: "accepts a 100 that was not asked for: RFC 9110 §15.2",
  },
  {
    ours: "accepts",
    marks: ["101 Switching Protocols", "101 without Upgrade"],
    because: "reads on behind a 101, as before: nothing asked for another protocol",
  },
  {
    ours: "accepts",
    marks: ["103 of HTTP/1.0", "103 with close"],
    because: "does not take an interim response for the end of the connection",
  },
  {
    ours: "accepts",
    marks: ["103 with chunked"],
    because: "an interim response has no body, whatever its headers say: RFC 9112 §6.3",
  },
  {
    ours: "accepts",
    marks: ["blanks behind a length"],
    because: "removes the blanks around a value: RFC 9112 §5.1",
  },
  {
    ours: "reads",
    marks: ["a value between blanks", "a value of blanks"],
    because: "removes the blanks around a value: RFC 9112 §5.1",
  },
  {
    ours: "reads",
    marks: ["a comma behind chunked"],
    because: "does not count empty members of a list: RFC 9110 §5.6.1; undici passes on the chunks",
  },
  {
    ours: "accepts",
    marks: ["blanks before an extension"],
    because: "allows blanks before an extension: RFC 9112 §7.1.1",
  },
  {
    ours: "refuses",
    marks: ["CRLF before the status line"],
    because: "refuses bytes before the status line",
  },
  {
    ours: "refuses",
    marks: ["a version of 0.9", "a version of 2.0"],
    because: "refuses versions other than 1.0 and 1.1",
  },
  {
    ours: "refuses",
    marks: ["a reason with a control character"],
    because: "refuses control characters in the reason: RFC 9112 §4",
  },
  {
    ours: "refuses",
    marks: [
      "a length of 16 digits",
      "a length of 19 digits",
      "many zeros before a length",
      "many zeros before a size",
      "a size of 16 digits",
    ],
    because: "refuses numbers that are longer than any body",
  },
  {
    ours: "refuses",
    marks: ["a trailer of a length", "a trailer of a coding"],
    because: "refuses trailers that would change the length of the body: RFC 9110 §6.5.1",
  },
  {
    ours: "refuses",
    marks: [
      "chunked twice",
      "chunked on two lines",
      "chunked before a coding",
      "chunked before identity",
      // In either order.
      "a coding on the line before chunked",
    ],
    because: "refuses chunks within another coding: RFC 9112 §6.1",
  },
  {
    ours: "refuses",
    marks: ["an empty coding"],
    because: "refuses a length beside a Transfer-Encoding, also beside an empty one",
  },
  {
    ours: "refuses",
    marks: ["a very long extension", "40,000 bytes of trailers"],
    because: "refuses long extensions and trailers",
  },
];

/** The reason of a difference; `undefined` when there is none. */
export function differenceOf(
  { marks }: FuzzCase,
  ours: Seen,
  theirs: Seen,
  way: Way,
): string | undefined {
  if (way === "direct" && ours.end === "hangs") return undefined;
  if (way === "haproxy" && (isOwn502(ours) || isOwn502(theirs))) return OWN_502;
  // Behind a proxy that keeps the connection, reading on is waiting.
  const kind = ours.end === theirs.end ? "reads" : ours.end === "refused" ? "refuses" : "accepts";
  const found = DIFFERENCES.find((one) =>
    (one.ours === kind || one.ours === "reads") &&
    one.marks.some((mark) => marks.includes(mark))
  );
  if (found) return `Postrider ${found.because}`;
  return way === "haproxy" && marks.some((mark) => /^10\d/.test(mark)) ? LOSES : undefined;
}

const OWN_502 =
  "HAProxy answers 502 itself or passes on what came before, depending on what it has " +
  "read; on a connection that was used before it closes instead";
/** Seen with a plain socket too: of 150 answers to one request, three kinds. */
const LOSES = "HAProxy 2.6 now and then loses bytes behind an interim response";

function isOwn502({ end, status, headers }: Seen): boolean {
  return end === "complete" && status === 502 && headers["x-case"] === undefined;
}
