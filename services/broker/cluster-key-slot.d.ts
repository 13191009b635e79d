declare module 'cluster-key-slot' {
  /** The slot of a key: of what is in its braces, where it has some. */
  export default function calculateSlot (key: string): number
}
