// @roomcast/client: rooms that reconnect on their own, to any instance and with a fresh token, each from its last position.
export { createClient } from './client.ts'
export { ClientError } from './errors.ts'
export type * from './types.ts'
