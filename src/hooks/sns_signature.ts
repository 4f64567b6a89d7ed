/**
 * Verifies the signature of Amazon SNS:
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 *
 * All topics of a region are signed with the same key, so a signature alone proves nothing:
 * the topic, which is signed too, has to be the operator's. Its region decides where the
 * certificate may come from.
 *
 * @module
 */

import { createVerify, X509Certificate } from "node:crypto";
import { isNestedDeeper, isPlainObject, type PlainObject } from "../lib/json.ts";

/** An SNS topic, and the only origin that its certificates may come from. */
export interface Topic {
  /** `arn:aws:sns:REGION:ACCOUNT:NAME`. */
  readonly arn: string;
  /** `https://sns.REGION.amazonaws.com`. */
  readonly origin: string;
}

const ARN =
  /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}[a-z0-9-]{3,30}):\d{12}:[\w-]{1,256}(?:\.fifo)?$/;

/** Reads the ARN of a topic; `undefined` for any other text. */
export function parseTopic(arn: string): Topic | undefined {
  const [, partition, region] = ARN.exec(arn) ?? [];
  if (region === undefined) return undefined;
  const domain = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  return { arn, origin: `https://sns.${region}.${domain}` };
}

/** The members that are signed, in this order; those that are absent are left out. */
const OF_MESSAGE = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const OF_CONFIRMATION = [
  "Message",
  "MessageId",
  "SubscribeURL",
  "Timestamp",
  "Token",
  "TopicArn",
  "Type",
];
const SIGNED: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["Notification", OF_MESSAGE],
  ["SubscriptionConfirmation", OF_CONFIRMATION],
  ["UnsubscribeConfirmation", OF_CONFIRMATION],
]);
const HASHES: ReadonlyMap<unknown, string> = new Map([["1", "RSA-SHA1"], ["2", "RSA-SHA256"]]);
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[\w-]{1,100}\.pem$/;
/** SNS repeats a delivery for hours; ids are remembered for twice as long. */
const MAX_AGE_MS = 12 * 3_600_000;
const MAX_AHEAD_MS = 300_000;
const MAX_DEPTH = 8;

/** A message of SNS whose signature can be verified with a certificate. */
export interface SignedMessage {
  /** Where the certificate is. */
  readonly certificateUrl: string;
  /** Whether the certificate's key has signed the message. */
  isSignedWith(pem: string, now: number): boolean;
}

/** Reads a message of this topic that may be genuine; `undefined` when it cannot be. */
export function readMessage(
  body: Uint8Array,
  { arn, origin }: Topic,
  now: number,
): SignedMessage | undefined {
  const message = parse(body);
  if (!message) return undefined;
  const { Type, TopicArn, SignatureVersion, Signature, SigningCertURL, Timestamp } = message;
  const names = SIGNED.get(Type);
  const hash = HASHES.get(SignatureVersion);
  const age = now - Date.parse(String(Timestamp));
  if (TopicArn !== arn || !names || !hash || typeof Signature !== "string") return undefined;
  if (!(age <= MAX_AGE_MS && age >= -MAX_AHEAD_MS)) return undefined;
  const url = String(SigningCertURL);
  const path = url.startsWith(origin) ? url.slice(origin.length) : "";
  if (!CERTIFICATE_PATH.test(path)) return undefined;
  const values = names.filter((name) => message[name] !== undefined);
  if (!values.every((name) => typeof message[name] === "string")) return undefined;
  const signed = values.map((name) => `${name}\n${message[name]}\n`).join("");
  return {
    certificateUrl: url,
    isSignedWith(pem, now) {
      try {
        const certificate = new X509Certificate(pem);
        if (!(now < Date.parse(certificate.validTo))) return false;
        return createVerify(hash).update(signed).verify(certificate.publicKey, Signature, "base64");
      } catch {
        return false;
      }
    },
  };
}

function parse(body: Uint8Array): PlainObject | undefined {
  const text = new TextDecoder().decode(body);
  if (isNestedDeeper(text, MAX_DEPTH)) return undefined;
  try {
    const value = JSON.parse(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
