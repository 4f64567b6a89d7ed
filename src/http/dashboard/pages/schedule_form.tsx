/**
 * The form that creates or changes a schedule.
 *
 * @module
 */

/** The form; without a name it creates a schedule. */
export function ScheduleForm(
  { name, definition, zones }: {
    readonly name?: string;
    /** With secrets masked. */
    readonly definition: Readonly<Record<string, unknown>>;
    /** All time zones. */
    readonly zones: readonly string[];
  },
) {
  const { cron, timezone, every, overlap, missed, notify, fetch } = definition;
  const type = fetch === undefined ? "notify" : "fetch";
  return (
    <form class="send" id="schedule-form" data-schedule={name ?? ""} novalidate>
      {name === undefined
        ? <Field name="name" label="Name" hint='Letters, digits, ".", "_" and "-"' />
        : null}
      <Field
        name="cron"
        label="Cron"
        value={cron}
        hint="minute, hour, day, month, weekday: 30 8 * * 1-5 is 08:30 from Monday to Friday"
      />
      <Field name="timezone" label="Time zone" value={timezone} list="zones" hint="of the cron" />
      <datalist id="zones">{zones.map((zone) => <option value={zone}></option>)}</datalist>
      <Field name="every" label="Every" value={every} hint="instead of a cron, such as 15m or 6h" />
      <Choice
        name="overlap"
        label="When the last run is not final"
        chosen={overlap}
        values={[["skip", "leave the run out"], ["allow", "run all the same"]]}
      />
      <Choice
        name="missed"
        label="Runs missed while the service was stopped"
        chosen={missed}
        values={[["skip", "leave them out"], ["once", "run once at the start"]]}
      />
      <Choice
        name="type"
        label="Submits"
        chosen={type}
        values={[["notify", "a mail or message"], ["fetch", "a request"]]}
      />
      <div class="field">
        <label for="schedule-body">Body of the submit</label>
        <textarea id="schedule-body" name="body" rows={8} spellcheck={false}>
          {JSON.stringify(notify ?? fetch, null, 2)}
        </textarea>
        <small>
          JSON, as for <code>POST /notify</code> or{" "}
          <code>POST /fetch</code>. Each *** stands for a secret that stays as it was.
        </small>
        <small class="error" data-fault="body"></small>
      </div>
      <div class="row">
        <button type="submit">{name === undefined ? "Create" : "Save"}</button>
        <button type="submit" name="dryRun" value="true">When would it run?</button>
      </div>
      <div id="schedule-preview" class="preview" role="status" hidden>
        <p></p>
        <ol></ol>
      </div>
    </form>
  );
}

function Field(
  { name, label, value, hint, list }: {
    readonly name: string;
    readonly label: string;
    readonly value?: unknown;
    readonly hint: string;
    readonly list?: string;
  },
) {
  const id = `schedule-${name}`;
  const text = typeof value === "string" ? value : "";
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} name={name} value={text} list={list} aria-describedby={`${id}-hint`} />
      <small id={`${id}-hint`}>{hint}</small>
      <small class="error" data-fault={name}></small>
    </div>
  );
}

function Choice(
  { name, label, chosen, values }: {
    readonly name: string;
    readonly label: string;
    readonly chosen: unknown;
    readonly values: readonly (readonly [value: string, text: string])[];
  },
) {
  return (
    <div class="field">
      <label for={`schedule-${name}`}>{label}</label>
      <select id={`schedule-${name}`} name={name}>
        {values.map(([value, text]) => (
          <option value={value} selected={value === chosen}>{text}</option>
        ))}
      </select>
      <small class="error" data-fault={name}></small>
    </div>
  );
}
