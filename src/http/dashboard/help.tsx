/**
 * The shortcuts, as the dialog behind `?` lists them.
 *
 * @module
 */

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["/", "search"],
  ["j, k", "next and previous task of a list"],
  ["Enter", "open it"],
  ["x", "select it, or not"],
  ["g o", "overview"],
  ["g t", "tasks"],
  ["g b", "batches"],
  ["g h", "hosts and relays"],
  ["g s", "schedules"],
  ["g w", "hooks"],
  ["g n", "send"],
  ["g c", "channels"],
  ["g m", "manual"],
  ["Esc", "leave a field, or close a dialog"],
  ["?", "this list"],
];

/** The content of the dialog, for the script to show. */
export function HelpTemplate() {
  return (
    <template id="help">
      <form method="dialog">
        <h2>Keyboard</h2>
        <dl class="keys">
          {KEYS.map(([keys, does]) => (
            <div>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <button type="submit">Close</button>
      </form>
    </template>
  );
}
