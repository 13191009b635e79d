// What a token says, for the page only: nothing here checks its signature.

/** @throws Error if it is no token */
export function readClaims (token) {
  const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, letter => letter.charCodeAt(0))))
}
