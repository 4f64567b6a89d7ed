/**
 * The data of the pages for templates and the outbox.
 *
 * @module
 */

import { param, query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import type { Json } from "../../../task/task.ts";
import { OutboxContent, TemplateContent, TemplatesContent } from "../pages/mails.tsx";
import type { MakePage } from "../page.tsx";

const LISTED = 50;

/** Each page by its path. */
export function furtherPages(dependencies: Dependencies): Readonly<Record<string, MakePage>> {
  const { ports, clock } = dependencies;

  function allTemplates(context: RequestContext) {
    query(context, []);
    const content = <TemplatesContent templates={ports.templates()} />;
    return { title: "Templates", place: "templates", content } as const;
  }

  function oneTemplate(context: RequestContext) {
    query(context, []);
    const name = param(context, "name");
    const template = ports.templates().find((one) => one.name === name);
    if (!template) throw new Refusal("not_found", "No such template");
    const made = ports.render(name, template.sample as Record<string, Json>);
    const content = made.issues
      ? <TemplateContent template={template} fault={made.issues[0]?.detail} />
      : <TemplateContent template={template} rendered={made.value} />;
    return { title: `Template ${name}`, place: "templates", content } as const;
  }

  async function outbox(context: RequestContext) {
    query(context, []);
    const entries = await ports.outbox?.list(LISTED);
    const content = <OutboxContent entries={entries} now={clock.now()} />;
    return { title: "Outbox", place: "outbox", live: true, content } as const;
  }

  return {
    "/ui/templates": allTemplates,
    "/ui/templates/{name}": oneTemplate,
    "/ui/outbox": outbox,
  };
}
