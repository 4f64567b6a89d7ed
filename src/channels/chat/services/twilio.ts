/**
 * Text messages by Twilio.
 *
 * @module
 */

import { write } from "../../rich_text.ts";
import { plainDialect } from "../dialects.ts";
import { blocksOf, withoutFiles } from "../note.ts";
import { characters, cut } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://api.twilio.com";
const ACCOUNT = /^AC[0-9a-f]{32}$/i;
const TOKEN = /^[0-9a-z]{32}$/i;
/** E.164, a short code, a name, or a messaging service. */
const SENDER = /^(?:\+?\d{3,15}|[A-Za-z0-9 ]{1,11}|MG[0-9a-f]{32})$/i;
const RECIPIENT = /^\+?\d{6,15}$/;
/** https://www.twilio.com/docs/messaging/api/message-resource: a body has 1,600 characters. */
const TEXT_CHARACTERS = 1_600;
/** Each is charged. */
const MAX_MESSAGES = 3;

/** `twilio://account:token@from/to[/to…]` */
export const twilio: ChatService = {
  name: "twilio",
  schemes: ["twilio"],
  spelling: "twilio://account:token@from/to",

  parse({ user, password, place, segments }) {
    if (!ACCOUNT.test(user) || !TOKEN.test(password) || !SENDER.test(place)) return [];
    if (!segments.every((to) => RECIPIENT.test(to))) return [];
    const credentials = btoa(`${user}:${password}`);
    return segments.map((to) => ({
      target: `twilio://${user}:${password}@${encodeURIComponent(place)}/${encodeURIComponent(to)}`,
      shown: `twilio://***@${place}/${to}`,
      origin: ORIGIN,
      access: {
        account: user,
        authorization: `Basic ${credentials}`,
        credentials,
        from: place,
        to,
      },
    }));
  },

  preview({ access: { account, authorization = "", from = "", to = "" } }, note) {
    const plain = write(plainDialect, blocksOf(withoutFiles(note)));
    const text = [note.title, plain].filter((part) => part !== "").join("\n");
    const sender = /^MG/i.test(from) ? { MessagingServiceSid: from } : { From: from };
    return cut(text, characters(TEXT_CHARACTERS), MAX_MESSAGES).map((piece) => ({
      url: `${ORIGIN}/2010-04-01/Accounts/${account}/Messages.json`,
      headers: { authorization },
      form: { To: international(to), ...sender, Body: piece },
    }));
  },
};

function international(number: string): string {
  return number.startsWith("+") ? number : `+${number}`;
}
