// When and on what a part of the page was measured, in a sentence.
import type { Taken } from './results.ts'

export function taken ({ day, machine, isQuick }: Taken, rounds?: number): string {
  const what = rounds === undefined || rounds === 1 ? 'One round' : `Median of ${rounds} rounds`
  return `${what}, ${day}, ${machine.kind}; ${machine.versions.join(', ')}.${isQuick ? ' The quick form: smaller, and only to see that nothing is far off.' : ''}`
}
