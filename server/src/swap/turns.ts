/** Tells turns of the event loop apart, and whether several connections want theirs. */
export type Turns = {
  /** The number of this turn, for a connection that has something to do in it. */
  enter: (connection: object) => number
  /** Whether others had something to do lately; one that is alone need not wait for them. */
  contested: () => boolean
}

export function createTurns(): Turns {
  let turn = 0
  let counted = false
  let last: object | undefined
  let contestedAt = -2
  return {
    enter(connection) {
      if (!counted) {
        counted = true
        setImmediate(() => {
          turn += 1
          counted = false
        })
      }
      if (last !== undefined && last !== connection) contestedAt = turn
      last = connection
      return turn
    },
    contested: () => turn - contestedAt <= 1,
  }
}
