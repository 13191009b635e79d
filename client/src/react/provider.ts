// Provides a client to a tree of components: the app's own, or one that lives while the provider is mounted.
import { createContext, createElement, useContext, useEffect, useMemo, type ReactElement, type ReactNode } from 'react'
import { createClient, type Client, type ClientOptions } from '../index.ts'
import { useLatest } from './latest.ts'

const ClientContext = createContext<Client | undefined>(undefined)

export type RoomcastProviderProps = { children?: ReactNode } & (
  /** Your own client, which you connect and close. */
  | { client: Client }
  /** Connects on mount, closes on unmount. Another `url` creates another client. */
  | ({ url: string } & ClientOptions)
)

export function RoomcastProvider ({ children, ...props }: RoomcastProviderProps): ReactElement {
  if ('client' in props) return createElement(ClientContext.Provider, { value: props.client }, children)
  return createElement(OwnClient, props, children)
}

/** The client of the nearest provider. @throws Error outside of a RoomcastProvider */
export function useClient (): Client {
  const client = useContext(ClientContext)
  if (client === undefined) throw new Error('No client here: put a <RoomcastProvider> around this component.')
  return client
}

function OwnClient ({ url, children, ...options }: { url: string, children?: ReactNode } & ClientOptions): ReactElement {
  const latest = useLatest(options)
  const { client, mount } = useMemo(() => createMountedClient(url, { ...options, token: () => latest.current.token() }), [url])
  useEffect(mount, [mount])
  return createElement(ClientContext.Provider, { value: client }, children)
}

/** Created while rendering, without side effects: React may discard it, or mount it twice. */
function createMountedClient (url: string, options: ClientOptions): { client: Client, mount: () => () => void } {
  const client = createClient(url, { ...options, socket: { ...options.socket, autoConnect: false } })
  let closing: ReturnType<typeof setTimeout> | undefined
  return {
    client,
    mount () {
      clearTimeout(closing)
      client.connect()
      // StrictMode remounts at once, which must not open a new connection.
      return () => { closing = setTimeout(client.close) }
    }
  }
}
