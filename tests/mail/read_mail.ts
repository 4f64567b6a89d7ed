/**
 * Reads mails with Python's own library and dkimpy.
 *
 * @module
 */

import assert from "node:assert/strict";

/** A mail, as Python reads it. */
export interface ReadMail {
  readonly defects: string[];
  readonly longest: number;
  readonly headers: Record<string, string>;
  readonly to: { name: string; address: string }[];
  readonly cc: { name: string; address: string }[];
  readonly from: { name: string; address: string }[];
  readonly replyTo: { name: string; address: string }[];
  readonly parts: {
    type: string;
    filename: string | null;
    disposition: string | null;
    cid: string | null;
    text: string | null;
    sha256: string;
  }[];
  readonly dkim: boolean | null;
}

/** Reads the mail in a file; `key` is the public half of its DKIM key, in base64. */
export async function readMail(file: string, key?: string): Promise<ReadMail> {
  const script = new URL("./read_mail.py", import.meta.url).pathname;
  const { stdout, stderr, success } = await new Deno.Command("/usr/bin/python3", {
    args: [script, file, ...(key === undefined ? [] : [key])],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}
