'use client'
// @roomcast/client/react: rooms for components.
export { RoomcastProvider, useClient, type RoomcastProviderProps } from './provider.ts'
export { useEvent, usePresence, usePublish, useReset, useRoom, useStatus, type Presence } from './hooks.ts'
export type { MountedRoom } from './mounted-room.ts'
