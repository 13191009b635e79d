// JSON that is already text. It is encoded once, however many answers contain it.

export class RawJson {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }

  /** Called when a larger value that contains it is stringified. */
  toJSON (): unknown {
    return JSON.parse(this.text)
  }
}
