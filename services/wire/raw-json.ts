// JSON that is text already: encoded once, for however many answers hold it.

export class RawJson {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }

  /** For whoever stringifies it in a larger value. */
  toJSON (): unknown {
    return JSON.parse(this.text)
  }
}
