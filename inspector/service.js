// Requests to the service with the operator's token, which is sent in a header only.

export class Refused extends Error {
  constructor ({ code, message }) {
    super(message)
    this.code = code
  }
}

export function createService (token) {
  /** How far the service's clock is ahead of this computer's, as of the quickest answer. */
  let ahead = { ms: 0, trip: Infinity }

  async function ask (method, path, body) {
    const askedAt = Date.now()
    const response = await fetch(`/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...body && { 'Content-Type': 'application/json' } },
      ...body && { body: JSON.stringify(body) }
    })
    const { data, error } = await response.json()
    if (error !== null) throw new Refused(error)
    const trip = Date.now() - askedAt
    if (data.at !== undefined && trip <= ahead.trip) ahead = { ms: data.at - askedAt - trip / 2, trip }
    return data
  }

  return {
    token,
    /** This moment by the service's clock. */
    now: () => Date.now() + ahead.ms,
    get: (path, query = {}) => ask('GET', `${path}${Object.keys(query).length > 0 ? `?${new URLSearchParams(query)}` : ''}`),
    post: (path, body) => ask('POST', path, body)
  }
}
