// The state of the board: the shared state, plus your own moves until the shared state contains them.
import type { StreamPosition, TypedUpdate } from '@roomcast/client'

export interface Card { id: string, title: string, column: string }
export interface Move { card: string, column: string }
export type BoardEvents = { CARD_MOVED: Move, cursor: { x: number, y: number } }

export interface Board {
  cards: Card[]
  position: StreamPosition
  /** `offset`: the offset of the move. The shared state contains it once it has reached this offset. */
  moves: Array<{ id: string, move: Move, offset?: number }>
}

export type Action =
  | { type: 'moved', id: string, move: Move }
  | { type: 'accepted', id: string, offset: number }
  | { type: 'refused', id: string }
  | { type: 'heard', update: TypedUpdate<'CARD_MOVED', Move> }

export function reduce ({ cards, position, moves }: Board, action: Action): Board {
  if (action.type === 'moved') return { cards, position, moves: [...moves, action] }
  if (action.type === 'refused') return { cards, position, moves: moves.filter(({ id }) => id !== action.id) }
  if (action.type === 'accepted') return settled({ cards, position, moves: moves.map(one => one.id === action.id ? { ...one, offset: action.offset } : one) })
  const { epoch, offset = 0, payload } = action.update
  return settled({ cards: apply(cards, payload), position: { epoch, offset }, moves })
}

/** The cards to show. */
export function cardsOf ({ cards, moves }: Board): Card[] {
  return moves.reduce((shown, { move }) => apply(shown, move), cards)
}

function settled ({ cards, position, moves }: Board): Board {
  return { cards, position, moves: moves.filter(({ offset }) => offset === undefined || offset > position.offset) }
}

function apply (cards: Card[], { card, column }: Move): Card[] {
  return cards.map(one => one.id === card ? { ...one, column } : one)
}
