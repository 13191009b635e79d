// Time, by one rule for the whole service, since the clock on the wall can be set at any moment:
// 1. What a token or an operator says (`exp`, `nbf`, `iat`, `issuedBefore`) is a moment of the wall clock. It is compared
//    with Date.now() at every use; the ends of tokens are looked for several times a second, without a timer each.
// 2. A duration of our own (a pause, a rate, a lease, a deadline) is measured with performance.now(), which nobody sets.
// 3. What protects, such as a revocation, is kept for CLOCK_STEP_MS longer than the wall clock asks for.

/** A clock may be wrong by as much without harm to what protects. */
export const CLOCK_STEP_MS = 24 * 3600 * 1000
