// The turn of the event loop: what is collected within it leaves at its end, or earlier, before anything else does.

export interface Turn {
  /** `leave` is called once: at the end of this turn, or by the next `end()`. */
  atEnd (leave: () => void): void
  /** What was collected leaves now, since something else is about to. */
  end (): void
}

export function createTurn (): Turn {
  let collected: Array<() => void> = []

  function end (): void {
    if (collected.length === 0) return
    const due = collected
    collected = []
    for (const leave of due) leave()
  }

  return {
    atEnd (leave) {
      if (collected.length === 0) setImmediate(end)
      collected.push(leave)
    },
    end
  }
}
