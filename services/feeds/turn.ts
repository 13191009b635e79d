// The turn of the event loop. Collected work runs at its end, or earlier if something else must be sent first.

export interface Turn {
  /** Calls `leave` once: at the end of this turn, or at the next `end()`. */
  atEnd (leave: () => void): void
  /** Runs the collected work now, because something else is about to be sent. */
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
