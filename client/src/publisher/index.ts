// @roomcast/client/publisher: publishing from services, over HTTP. Needs nothing but `fetch`.
export { ClientError } from '../errors.ts'
export { createPublisher } from './publisher.ts'
export type * from './types.ts'
