// The wall clock can change at any moment: times in tokens and commands are compared with Date.now() at every use, durations
// of our own use performance.now(), and a revocation is kept for CLOCK_STEP_MS longer than the wall clock asks for.

/** A clock may be wrong by this much without weakening a protection. */
export const CLOCK_STEP_MS = 24 * 3600 * 1000
