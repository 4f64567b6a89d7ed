/**
 * The sign-in page and the error page.
 *
 * @module
 */

/** The content of the sign-in page. */
export function SignInContent(
  { next, fault }: { readonly next: string; readonly fault?: string | undefined },
) {
  return (
    <form class="sign-in" method="post" action="/ui/signin">
      {fault === undefined ? null : <p class="notice" role="alert">{fault}</p>}
      <label for="key">API key</label>
      <input
        id="key"
        name="key"
        type="password"
        autocomplete="current-password"
        required
        autofocus
      />
      <input type="hidden" name="next" value={next} />
      <button type="submit">Sign in</button>
      <p>
        The secret of a key in <code>POSTRIDER_API_KEYS</code>; to look around it needs the scope
        {" "}
        <code>read</code>.
      </p>
    </form>
  );
}

/** The content of an error page; with `title`, of a part of a page that has a title of its own. */
export function FaultContent(
  { title, detail, requestId }: { title?: string; detail: string; requestId: string },
) {
  return (
    <>
      <p class="notice" role="alert">{title === undefined ? detail : `${title}: ${detail}`}</p>
      <p>
        <small>Request {requestId}</small> · <a href="/">Go to the overview</a> ·{" "}
        <a href="/ui/signin">Sign in</a>
      </p>
    </>
  );
}
