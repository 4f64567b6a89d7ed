/**
 * Objects without the members that have no value.
 *
 * With `exactOptionalPropertyTypes` a member that may be left out must not hold
 * `undefined`, and JSON and `Object.keys` see a difference too.
 *
 * @module
 */

/** The same members, those that may be `undefined` now optional. */
export type Compact<Members> =
  & { [Name in keyof Members as undefined extends Members[Name] ? never : Name]: Members[Name] }
  & {
    [Name in keyof Members as undefined extends Members[Name] ? Name : never]?: Exclude<
      Members[Name],
      undefined
    >;
  };

/** Copies an object, leaving out each member whose value is `undefined`. */
export function compact<const Members extends object>(members: Members): Compact<Members> {
  const kept: Partial<Members> = {};
  for (const name in members) if (members[name] !== undefined) kept[name] = members[name];
  return kept as unknown as Compact<Members>;
}
