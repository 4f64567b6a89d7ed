/**
 * Gitea and Forgejo, which sends the same headers under both names:
 * https://docs.gitea.com/usage/webhooks
 *
 * @module
 */

import { headerOf, type Sender } from "../preset.ts";
import { anySigned } from "../signature.ts";

function forgeAt(prefix: string): Sender {
  return {
    verify: ({ headers, body }, secrets) =>
      anySigned(secrets, { parts: [body], encoding: "hex" }, [
        headers.get(`${prefix}-signature`) ?? "",
      ]),
    eventHeader: `${prefix}-event`,
    idOf: (headers) => headerOf(headers, `${prefix}-delivery`),
  };
}

/** Gitea. */
export const gitea: Sender = forgeAt("x-gitea");
/** Forgejo. */
export const forgejo: Sender = forgeAt("x-forgejo");
