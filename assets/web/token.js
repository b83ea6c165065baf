// The token that gives leave to change something: taken from the link's fragment, which no server ever sees, and kept
// for this tab alone.

const KEY = "stead-token";

function take() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  // Neither the address bar nor the history keeps it.
  history.replaceState(null, "", location.pathname + location.search);
}

take();

/** Calls `f` when the link is opened in a tab that shows the page already. */
export function onToken(f) {
  addEventListener("hashchange", () => {
    take();
    f();
  });
}

/** The headers that show the token; none without one. */
export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** The same for a WebSocket, which can't have headers. */
export function protocols() {
  return ["stead.v1", `token.${sessionStorage.getItem(KEY)}`];
}

/** Whether there is a token, right or not. */
export function hasToken() {
  return sessionStorage.getItem(KEY) !== null;
}
