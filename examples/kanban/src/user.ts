// The user of this tab: a name from the address, `/?name=Ann`, and an id for as long as the tab is open.
const { searchParams } = new URL(location.href)
sessionStorage.user ??= Math.random().toString(36).slice(2)
export const user = { id: String(sessionStorage.user), name: searchParams.get('name') ?? 'Guest' }
