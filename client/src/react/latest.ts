// What was last rendered, for what happens later: callbacks may be new in every render, and nothing is done anew for that.
import { useInsertionEffect, useRef, type RefObject } from 'react'

export function useLatest<T> (value: T): RefObject<T> {
  const latest = useRef(value)
  useInsertionEffect(() => { latest.current = value })
  return latest
}
