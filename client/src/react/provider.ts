// The client of a tree of components: one that the app made, or one that lives as long as the provider is mounted.
import { createContext, createElement, useContext, useEffect, useMemo, type ReactElement, type ReactNode } from 'react'
import { createClient, type Client, type ClientOptions } from '../index.ts'
import { useLatest } from './latest.ts'

const ClientContext = createContext<Client | undefined>(undefined)

export type RoomcastProviderProps = { children?: ReactNode } & (
  /** A client of your own: connecting and closing it is yours. */
  | { client: Client }
  /** Connects when mounted, closes when unmounted; another `url` is another client. */
  | ({ url: string } & ClientOptions)
)

export function RoomcastProvider ({ children, ...props }: RoomcastProviderProps): ReactElement {
  if ('client' in props) return createElement(ClientContext.Provider, { value: props.client }, children)
  return createElement(OwnClient, props, children)
}

/** @throws Error outside of a RoomcastProvider */
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

/** Made while rendering, where nothing may happen yet; React may throw it away, or mount it twice. */
function createMountedClient (url: string, options: ClientOptions): { client: Client, mount: () => () => void } {
  const client = createClient(url, { ...options, socket: { ...options.socket, autoConnect: false } })
  let closing: ReturnType<typeof setTimeout> | undefined
  return {
    client,
    mount () {
      clearTimeout(closing)
      client.connect()
      // StrictMode mounts again at once: that is no new connection.
      return () => { closing = setTimeout(client.close) }
    }
  }
}
