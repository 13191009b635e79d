// @roomcast/client: rooms that come back by themselves, on any instance and with a fresh token, each from where it stood.
export { createClient } from './client.ts'
export { ClientError } from './errors.ts'
export type * from './types.ts'
