// The rules for time. The wall clock can be changed at any moment, so:
// 1. Times in tokens and commands (`exp`, `nbf`, `iat`, `issuedBefore`) are compared with Date.now() at every use. Expired
//    tokens are searched for several times a second, without a timer each.
// 2. Durations of our own (pauses, rates, leases, deadlines) use performance.now(), which nobody can set.
// 3. Protective state, such as a revocation, is kept for CLOCK_STEP_MS longer than the wall clock asks for.

/** A clock may be wrong by this much without weakening a protection. */
export const CLOCK_STEP_MS = 24 * 3600 * 1000
