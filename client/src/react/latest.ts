// Keeps the value of the last render for later events, so that a new callback in every render costs nothing.
import { useInsertionEffect, useRef, type RefObject } from 'react'

export function useLatest<T> (value: T): RefObject<T> {
  const latest = useRef(value)
  useInsertionEffect(() => { latest.current = value })
  return latest
}
