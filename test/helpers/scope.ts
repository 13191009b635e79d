// For how long a helper's servers, proxies and sockets live: a tap test, or a run of the chaos harness.
import type { Test } from 'tap'

export type Scope = Pick<Test, 'teardown' | 'passing'>
