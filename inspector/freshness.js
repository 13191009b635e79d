// Whether what is shown is all there is.

export function freshness ({ complete, at }) {
  const time = new Date(at).toLocaleTimeString()
  return complete
    ? [`All instances answered at ${time}.`, '']
    : [`An instance that lives did not answer at ${time}: what it holds is missing here.`, 'warn']
}
