// Random numbers from a seed, so that a failure can be repeated.

export interface Random {
  /** 0 … n − 1. */
  below (n: number): number
}

/** mulberry32: small, and good enough to choose faults with. */
export function createRandom (seed: number): Random {
  let state = seed >>> 0
  return {
    below (n) {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * n)
    }
  }
}
