/**
 * The data of the list of hooks, of the page of one hook, and of one delivery.
 *
 * @module
 */

import { mayOperate } from "../../auth/auth.ts";
import { param, query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import { hookOf } from "../../routes/hooks.ts";
import { DeliveryContentPage, HookContent, HooksContent } from "../pages/hooks.tsx";
import type { MakePage } from "../page.tsx";
import { lookBackOf } from "../windows.tsx";

const LISTED = 50;

/** Each page by its path. */
export function hookPages(
  { engine, clock, hooks, history }: Dependencies,
): Readonly<Record<string, MakePage>> {
  async function allHooks(context: RequestContext) {
    const period = lookBackOf(context, clock.now(), "24h");
    const shown = await history.read(period.from);
    const content = <HooksContent hooks={hooks.list()} period={period} shown={shown} />;
    return { title: "Hooks", place: "hooks", live: true, content } as const;
  }

  async function oneHook(context: RequestContext) {
    const { cursor } = query(context, ["cursor", "since"]);
    const hook = hookOf(hooks, context);
    const period = lookBackOf(context, clock.now(), "24h", ["cursor"]);
    const [page, shown] = await Promise.all([
      engine.deliveries(hook.name, LISTED, cursor).catch((error) => {
        if (error instanceof RangeError) {
          throw new Refusal("not_found", "Unknown cursor: start the list again");
        }
        throw error;
      }),
      history.read(period.from),
    ]);
    const content = (
      <HookContent
        hook={hook}
        now={clock.now()}
        operates={mayOperate(context.caller, undefined)}
        period={period}
        shown={shown}
        {...page}
      />
    );
    return { title: `Hook ${hook.name}`, place: "hooks", live: true, content } as const;
  }

  async function oneDelivery(context: RequestContext) {
    query(context, []);
    const hook = hookOf(hooks, context);
    const preview = await hooks.preview(hook, param(context, "id"));
    if (!preview) throw new Refusal("not_found", "No such delivery of this hook");
    const content = (
      <DeliveryContentPage
        hook={hook}
        preview={preview}
        now={clock.now()}
        operates={mayOperate(context.caller, undefined)}
      />
    );
    return { title: `Delivery to ${hook.name}`, place: "hooks", live: true, content } as const;
  }

  return {
    "/ui/hooks": allHooks,
    "/ui/hooks/{name}": oneHook,
    "/ui/hooks/{name}/{id}": oneDelivery,
  };
}
